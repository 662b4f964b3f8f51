"""Settings: what there is to set, where a value comes from, and how it is checked."""

from cletus.settings.settings import Settings, Sources, about, describe, needs_restart

__all__ = ["Settings", "Sources", "about", "describe", "needs_restart"]
