"""The parts of Twisted's reactor that we use: its clock, the end of its turn, its threads."""
