"""The version of Cletus, in the one place that packaging and the code read."""

__version__ = "0.1.0"
