"""Backups of the platform: one file with the services' schemas as of one instant and the keys, and the way back."""
