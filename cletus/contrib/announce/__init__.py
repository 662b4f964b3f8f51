"""Announcements: shutdowns and reloads. See ``docs/contrib/announce.md``."""

from cletus.contrib.announce.countdown import BaseCountdown, BaseShutdown
from cletus.contrib.announce.reloads import announce_reloads, reload, restart, rollback

__all__ = ["BaseCountdown", "BaseShutdown", "announce_reloads", "reload", "restart", "rollback"]
