"""Channels joined with channels of an IRC server. See ``docs/contrib/irc.md``."""

from cletus.contrib.irc.bridge import IrcBridge, IrcUser
from cletus.contrib.irc.link import IrcLimits

__all__ = ["IrcBridge", "IrcLimits", "IrcUser"]
