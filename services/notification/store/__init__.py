"""The service's tables: what is read and written, set by set."""
