"""The Lantern: a small talker. Run it with ``make run``, log in, and edit these files meanwhile."""

from example_service import commands, login, users
from example_service.core import service

__all__ = ["commands", "login", "service", "users"]
