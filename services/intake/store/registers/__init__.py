"""Registers with their yearly filing, and measures: what is due of them and what they hold (S1, S6–S8)."""
