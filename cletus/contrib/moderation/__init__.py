"""Moderation: kick, hush, jail, ban, reports, record, chat history. See ``docs/contrib/moderation.md``."""

from cletus.contrib.moderation.commands import register_commands, report
from cletus.contrib.moderation.history import BaseHistory, Line
from cletus.contrib.moderation.jail import BaseJail, JailMixin
from cletus.contrib.moderation.moderation import Moderation
from cletus.contrib.moderation.record import BaseRecord, Entry
from cletus.contrib.moderation.reports import BaseReport

__all__ = [
    "BaseHistory",
    "BaseJail",
    "BaseRecord",
    "BaseReport",
    "Entry",
    "JailMixin",
    "Line",
    "Moderation",
    "register_commands",
    "report",
]
