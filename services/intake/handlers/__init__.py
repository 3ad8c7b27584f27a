"""What record keeping does, one transaction each: the caller opens it, the handler locks, loads, decides and writes."""
