"""One process of one service: its declaration, its loops, its start and end."""
