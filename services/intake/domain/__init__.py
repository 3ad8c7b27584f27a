"""Rules of record keeping: pure functions over frozen states. No I/O, no clock, no framework."""
