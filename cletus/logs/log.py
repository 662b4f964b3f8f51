"""The log of a process: formatted and filtered by the settings, also when a reload changes them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, Protocol, TextIO

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner
from zope.interface import implementer

from cletus.logs import context
from cletus.logs.background import BackgroundWriter
from cletus.logs.colour import colour_renderer
from cletus.logs.json_lines import format_json
from cletus.logs.levels import Levels
from cletus.logs.limit import ClientLimit
from cletus.logs.redaction import without_hidden_line
from cletus.logs.standard import StandardLogging
from cletus.logs.text import format_line

Render = Callable[[LogEvent], str]

#: Makes the function that formats an event, by the values of the setting ``log_format``.
RENDERERS: Final[dict[str, Callable[[], Render]]] = {
    "text": lambda: format_line,
    "colour": colour_renderer,
    "json": lambda: format_json,
}


_LOST: Final = "{count} log lines were lost: they could not be written, or not fast enough"
_OMITTED: Final = "{count} lines were left out, the last of them: {line}"
_OURS: Final = {"log_namespace": __name__, "log_level": LogLevel.warn}
_QUOTED_MAX: Final = 200  # characters of a line that is quoted


class LogSettings(Protocol):
    """The settings that the log follows."""

    @property
    def log_format(self) -> str:
        """A key of ``RENDERERS``."""

    @property
    def log_levels(self) -> Iterable[str]:
        """Rules for ``Levels``."""


class LoggedSession(Protocol):
    """The session of a logged service."""

    @property
    def generation(self) -> int:
        """How many reloads have been committed."""


class LoggedService(Protocol):
    """What the log reads of a service, at each event."""

    @property
    def settings(self) -> LogSettings:
        """Replaced as a whole when a setting changes."""

    @property
    def session(self) -> LoggedSession:
        """Knows the generation of the code."""


@implementer(ILogObserver)
class Log:
    """Writes events to a stream: an observer of Twisted's log, also for ``twistd``.

    Each event gets the fields of the log context (``cletus.logs.context``) and ``generation``.

    Args:
        service: its settings ``log_format`` and ``log_levels`` apply at each moment.
        stream: flushed after each event.
        standard: Python's ``logging``, whose levels follow the settings as well.
    """

    def __init__(
        self, service: LoggedService, stream: TextIO, standard: StandardLogging | None = None
    ) -> None:
        self._service = service
        self._stream = stream
        self._standard = standard
        self._take_lost: Callable[[], int] | None = getattr(stream, "take_lost", None)
        self._limit = ClientLimit(time.monotonic)
        # Not the settings themselves: their class may be of old code, which they would keep alive.
        self._applied: tuple[Any, Any] = (None, None)
        self._apply_settings()

    def __call__(self, event: LogEvent) -> None:
        """Write one event. Twisted calls this."""
        settings = self._service.settings
        if (settings.log_format, settings.log_levels) != self._applied:
            self._apply_settings()
        if not self._levels.admit(event):
            return
        for count, omitted in self._limit.finished():
            line = formatEvent(dict(omitted))[:_QUOTED_MAX]
            self._write({"log_format": _OMITTED, "count": count, "line": line, **_OURS})
        # The event's own fields come last: its message may have a field of the same name.
        event = {**context.fields(), **event}
        if self._limit.admit(event):
            self._limit.written(event, self._write(event))
        if self._take_lost is not None and (lost := self._take_lost()):
            self._write({"log_format": _LOST, "count": lost, **_OURS})

    def _write(self, event: LogEvent) -> int:
        """Write an event; returns its number of bytes in UTF-8."""
        text = self._render({"generation": self._service.session.generation, **event})
        self._stream.write(without_hidden_line(text))
        self._stream.flush()
        return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))

    def _apply_settings(self) -> None:
        settings = self._service.settings
        log_format, log_levels = self._applied
        self._applied = settings.log_format, settings.log_levels
        if settings.log_format != log_format:
            self._render = RENDERERS[settings.log_format]()
        if settings.log_levels != log_levels:
            self._levels = Levels(settings.log_levels)
            if self._standard is not None:
                self._standard.apply(self._levels)


def begin_logging(
    service: LoggedService, modules: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Write the log of this process from now on. Call it once in a process.

    The log includes Python's ``logging`` and Python's warnings.

    Args:
        service: its settings apply.
        modules: the application's modules, whose ``logging`` is heard from their own level on.
        stream: by default standard error.
    """
    standard = StandardLogging(modules)
    standard.begin()
    output: Any = sys.stderr if stream is None else stream
    with suppress(OSError, AttributeError):  # it is not a file, or there is none
        output = BackgroundWriter(output.fileno())
    log: Any = Log(service, output, standard)
    globalLogBeginner.beginLoggingTo([log], redirectStandardIO=False)
