"""The log as plain text: the time, the level unless it is ``info``, the message."""

from __future__ import annotations

import re
import time
from typing import Any

from twisted.logger import LogEvent, LogLevel, formatEvent

#: Characters that a terminal would obey; tabs and newlines are harmless.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def format_line(event: LogEvent) -> str:
    """One event as text with a newline at its end, and the traceback of its failure if it has one."""
    level = level_of(event)
    name = "" if level is LogLevel.info else f"{level.name}: "
    text = f"{date_of(event)} {time_of(event)} {name}{message_of(event)}"
    failure = event.get("log_failure")
    if failure is not None:
        text += "\n" + printable(failure.getTraceback().rstrip())
    return text + "\n"


def message_of(event: LogEvent) -> str:
    """The message, without control characters."""
    return printable(formatEvent(event))


def level_of(event: LogEvent) -> Any:
    """Twisted's level of an event; ``info`` if it has none."""
    return event.get("log_level") or LogLevel.info


def date_of(event: LogEvent) -> str:
    """Year, month and day, in local time."""
    return time.strftime("%Y-%m-%d", time.localtime(event.get("log_time", time.time())))


def time_of(event: LogEvent) -> str:
    """Hours, minutes and seconds, in local time."""
    return time.strftime("%H:%M:%S", time.localtime(event.get("log_time", time.time())))


def printable(text: str) -> str:
    r"""The text with control characters as ``\x1b``."""
    return _CONTROLS.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
