"""What assessment keeps in PostgreSQL, read and written set-wise."""
