"""Record keeping's state in PostgreSQL: tables, reading and set-wise writing."""
