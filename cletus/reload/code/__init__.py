"""The code side of a reload: sources, what changed in them, and importing them anew."""
