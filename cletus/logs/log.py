"""The log of a process, written as the settings of its service say, also when a reload changes them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TextIO

from twisted.logger import ILogObserver, LogEvent, globalLogBeginner
from zope.interface import implementer

from cletus.logs import context as subject
from cletus.logs.colour import colour_renderer
from cletus.logs.json_lines import format_json
from cletus.logs.levels import Levels
from cletus.logs.standard import StandardLogging
from cletus.logs.text import format_line
from cletus.logs.unseen import without_unseen

if TYPE_CHECKING:
    from cletus.service.service import Service
    from cletus.settings.settings import Settings

Render = Callable[[LogEvent], str]

#: Makes what writes an event, by the words of the setting ``log_format``.
RENDERERS: Final[dict[str, Callable[[], Render]]] = {
    "text": lambda: format_line,
    "colour": colour_renderer,
    "json": lambda: format_json,
}


@implementer(ILogObserver)
class Log:
    """Writes events to a stream: an observer of Twisted's, also for ``twistd``.

    Each event gets the fields of what is being handled (``cletus.logs.context.fields``) and ``generation``.

    Args:
        service: whose settings ``log_format`` and ``log_levels`` hold at each moment.
        stream: where to; each event is flushed.
        standard: Python's ``logging``, whose levels follow the settings as well.
    """

    def __init__(
        self, service: Service, stream: TextIO, standard: StandardLogging | None = None
    ) -> None:
        self._service = service
        self._stream = stream
        self._standard = standard
        self._settings: Settings | None = None
        self._follow()

    def __call__(self, event: LogEvent) -> None:
        """Twisted's: something was logged."""
        if self._service.settings is not self._settings:
            self._follow()
        if not self._levels.admit(event):
            return
        generation = self._service.session.generation
        # What the event itself says comes last: its message may have a field of that name.
        text = self._render({**subject.fields(), "generation": generation, **event})
        self._stream.write(without_unseen(text))
        self._stream.flush()

    def _follow(self) -> None:
        """The settings are others than before."""
        before, self._settings = self._settings, self._service.settings
        settings = self._settings
        if before is None or settings.log_format != before.log_format:
            self._render = RENDERERS[settings.log_format]()
        if before is None or settings.log_levels != before.log_levels:
            self._levels = Levels(settings.log_levels)
            if self._standard is not None:
                self._standard.take(self._levels)


def begin_logging(service: Service, stream: TextIO | None = None) -> None:
    """Write the log of this process from now on; to be called once in a process.

    What goes through Python's ``logging``, and warnings of Python, are in it as well.

    Args:
        service: whose settings say how.
        stream: where to; by default standard error.
    """
    standard = StandardLogging(root.name for root in service.session.application.roots)
    standard.begin()
    log: Any = Log(service, sys.stderr if stream is None else stream, standard)
    globalLogBeginner.beginLoggingTo([log], redirectStandardIO=False)
