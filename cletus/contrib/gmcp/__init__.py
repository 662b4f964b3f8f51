"""GMCP for graphical clients: rooms, people, channels and login. See ``docs/contrib/gmcp.md``."""

from cletus.contrib.gmcp.gmcp import Gmcp

__all__ = ["Gmcp"]
