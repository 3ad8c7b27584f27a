"""Organisations, people, chains, posts and terms of office; task forces, parks, enterprises, maps (S2–S4, S15)."""
