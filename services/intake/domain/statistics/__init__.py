"""Statistics of signings, and what was published of them (S10)."""
