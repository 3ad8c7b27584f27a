"""Enterprise requests and the common problems that they are joined into (S5)."""
