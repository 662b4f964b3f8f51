"""A chat.

Run it with ``cletus run example_chat``, and edit these files while it runs.
"""

from example_chat import commands, login
from example_chat.core import service

__all__ = ["commands", "login", "service"]
