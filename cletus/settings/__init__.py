"""Settings: their names and types, where values come from, and how they are checked."""

from cletus.renamed import names_of
from cletus.settings.settings import Settings, Sources, describe, needs_restart, setting

__all__ = ["Settings", "Sources", "describe", "needs_restart", "setting"]

__getattr__ = names_of(__name__)
