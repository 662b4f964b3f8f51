"""Noticing that source files were saved."""
