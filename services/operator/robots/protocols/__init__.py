"""What each vendor's robot understands: one file each."""
