"""`make demo`: the programme's year, told by the processes that `liandu run` starts, over HTTP and the command line."""
