"""A small MUD.

Run it with ``cletus run example_mud``, and edit these files and those of
``areas/`` while it runs.
"""

from example_mud import building, characters, commands, login, world
from example_mud.core import service

__all__ = ["building", "characters", "commands", "login", "service", "world"]
