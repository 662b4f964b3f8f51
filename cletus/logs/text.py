"""The log as people read it in a terminal: a time, a level where it matters, a message."""

from __future__ import annotations

import re
import time
from typing import Any

from twisted.logger import LogEvent, LogLevel, formatEvent

#: A terminal would obey these; tabs and line ends are layout.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def format_line(event: LogEvent) -> str:
    """One event as text with a newline at its end; a failure brings its traceback."""
    level = level_of(event)
    name = "" if level is LogLevel.info else f"{level.name}: "
    text = f"{time_of(event)} {name}{message_of(event)}"
    failure = event.get("log_failure")
    if failure is not None:
        text += "\n" + printable(failure.getTraceback().rstrip())
    return text + "\n"


def message_of(event: LogEvent) -> str:
    """The message, free of what a terminal would obey."""
    return printable(formatEvent(event))


def level_of(event: LogEvent) -> Any:
    """Twisted's level of an event; without one it is ``info``."""
    return event.get("log_level") or LogLevel.info


def time_of(event: LogEvent) -> str:
    """Hours, minutes and seconds, as the clock on the wall has them."""
    return time.strftime("%H:%M:%S", time.localtime(event.get("log_time", time.time())))


def printable(text: str) -> str:
    r"""The text with control characters as ``\x1b``."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
