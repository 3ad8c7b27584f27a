"""Lists that offices keep, taken row by row."""
