"""What changes notification's tables, each in the transaction it is given."""
