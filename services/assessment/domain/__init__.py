"""What supervision decides. Pure: states, verbs and events; no I/O, no clock, no framework."""
