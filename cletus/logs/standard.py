"""Python's own ``logging``: its records go into the same log."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.logs.levels import QUIET, Levels, level_of, number_of

#: A logger that warns of events which come while it is being stopped.
_NOISY: Final = "watchdog"


class ToTwisted(logging.Handler):
    """Passes records to Twisted's log; the name of their logger becomes the namespace."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record. Python's ``logging`` calls this."""
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - wrong arguments of a logging call: reported as Python does
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
    """Python's ``logging`` as a source of the log.

    Libraries are logged from ``warn`` on, as in any Python program by default; the application's own
    loggers, and those that a rule of ``log_levels`` names, from their level on.

    Args:
        modules: the names of the application's modules.
    """

    def __init__(self, modules: Iterable[str]) -> None:
        self._modules = tuple(modules)
        self._set: list[str] = []
        self._handler = ToTwisted()

    def begin(self) -> None:
        """Pass records to Twisted's log from now on."""
        logging.getLogger().addHandler(self._handler)
        logging.getLogger(_NOISY).setLevel(logging.ERROR)

    def apply(self, levels: Levels) -> None:
        """Set the levels of the loggers."""
        for name in self._set:
            logging.getLogger(name).setLevel(logging.NOTSET)
        levels_by_name = {
            **{name: levels.level_of(name) for name in self._modules},
            **{name: level for name, level in levels.named.items() if name not in QUIET},
        }
        for name, level in levels_by_name.items():
            logging.getLogger(name).setLevel(number_of(level))
        self._set = [name for name in levels_by_name if name != _NOISY]
