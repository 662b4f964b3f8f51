"""What we use of the reactor: its clock, the end of its turn, its threads."""
