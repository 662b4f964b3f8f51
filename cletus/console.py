"""The log as people read it in a terminal: a time, a level where it matters, a message."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any, TextIO

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    globalLogBeginner,
)


def format_line(event: LogEvent) -> str:
    """One event as text with a newline at its end; a failure brings its traceback."""
    level = event.get("log_level", LogLevel.info)
    clock = time.strftime("%H:%M:%S", time.localtime(event.get("log_time", time.time())))
    name = "" if level is LogLevel.info else f"{level.name}: "
    text = f"{clock} {name}{formatEvent(event)}"
    failure = event.get("log_failure")
    if failure is not None:
        text += "\n" + failure.getTraceback().rstrip()
    return text + "\n"


def begin_logging(stream: TextIO = sys.stderr) -> None:
    """Write the log to a stream from now on; what Twisted itself says only if it matters."""
    # It warns on standard error of events that come while it is being stopped.
    logging.getLogger("watchdog").setLevel(logging.ERROR)
    levels = LogLevelFilterPredicate(LogLevel.info)
    for namespace in ("twisted", "log_legacy"):
        levels.setLogLevelForNamespace(namespace, LogLevel.warn)
    observer: Any = FilteringLogObserver(_to(stream), [levels])  # type: ignore[list-item]  # zope's interfaces are unknown to mypy
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


def _to(stream: TextIO) -> Any:
    return FileLogObserver(stream, format_line)
