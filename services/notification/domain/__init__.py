"""What notification decides, without I/O: who hears, what is said, what an answer means, when to try again."""
