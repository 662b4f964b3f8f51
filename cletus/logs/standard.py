"""What says its word through Python's own ``logging``: it goes into the same log."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.logs.levels import QUIET, Levels, level_of, number_of

#: It warns of events that come while it is being stopped.
_NOISY: Final = "watchdog"


class ToTwisted(logging.Handler):
    """Hands records over to Twisted's log, under the name of their logger."""

    def emit(self, record: logging.LogRecord) -> None:
        """Python's: something is to be logged."""
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - wrong arguments of somebody's call: Python's way to tell it
            self.handleError(record)
            return
        error = record.exc_info[1] if record.exc_info else None
        logger, level = Logger(namespace=record.name), level_of(record.levelno)
        if error is None:
            logger.emit(level, "{log_text}", log_text=text)
        else:
            failure = Failure(error, type(error), error.__traceback__)
            logger.emit(level, "{log_text}", log_text=text, log_failure=failure)


class StandardLogging:
    """Python's ``logging`` as one of the sources of the log.

    Libraries are heard from ``warn`` on, as they are by default in any program; the application's own
    loggers, and those that a rule of ``log_levels`` names, from their level on.

    Args:
        modules: the names of the application's modules.
    """

    def __init__(self, modules: Iterable[str]) -> None:
        self._modules = tuple(modules)
        self._set: list[str] = []
        self._handler = ToTwisted()

    def begin(self) -> None:
        """Take what is logged from now on."""
        logging.getLogger().addHandler(self._handler)
        logging.getLogger(_NOISY).setLevel(logging.ERROR)

    def apply(self, levels: Levels) -> None:
        """Have these levels from now on."""
        for name in self._set:
            logging.getLogger(name).setLevel(logging.NOTSET)
        wanted = {
            **{name: levels.level_of(name) for name in self._modules},
            **{name: level for name, level in levels.named.items() if name not in QUIET},
        }
        for name, level in wanted.items():
            logging.getLogger(name).setLevel(number_of(level))
        self._set = [name for name in wanted if name != _NOISY]
