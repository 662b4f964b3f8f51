"""Channels: talking across rooms. See ``docs/contrib/channels.md``."""

from cletus.contrib.channels.channel import BaseChannel
from cletus.contrib.channels.events import Joined, Parted, Said

__all__ = ["BaseChannel", "Joined", "Parted", "Said"]
