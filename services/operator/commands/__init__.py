"""The groups of the `liandu` command, a module each; __main__ registers them."""
