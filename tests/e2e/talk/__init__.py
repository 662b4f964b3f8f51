"""A talker for the end-to-end tests: as small as it can be and still have all that a reload carries.

It is copied to a folder of its own, run there, and edited while people are in it.
"""

from talk import commands, login, users
from talk.core import service

__all__ = ["commands", "login", "service", "users"]
