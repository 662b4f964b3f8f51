"""The state side of a reload: how living objects get the new code."""
