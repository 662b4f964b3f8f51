"""Channels: talking across rooms. See ``docs/contrib/channels.md``."""

from cletus.contrib.channels.channel import BaseChannel

__all__ = ["BaseChannel"]
