"""The Lantern: a talker.

Run it with ``make run``, log in, and edit these files while you are online.
"""

from example_service import account, admin, channels, gmcp, socials, talk
from example_service.core import service

__all__ = [
    "account",
    "admin",
    "channels",
    "gmcp",
    "service",
    "socials",
    "talk",
]
