"""From which level on something is logged: the setting ``log_levels``."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from twisted.logger import LogLevel

#: What Twisted itself says matters from here on, and so does what other libraries say.
QUIET: Final[Mapping[str, str]] = {"twisted": "warn", "log_legacy": "warn"}


class Levels:
    """The least level of each namespace.

    Args:
        rules: the setting: ``LEVEL`` for all, ``NAMESPACE=LEVEL`` for a part with all that is in it;
            of several for one namespace, the last holds.

    Attributes:
        usual: the level of what no rule is for.
        named: namespace to level, of those that have their own.
    """

    def __init__(self, rules: Iterable[str] = ()) -> None:
        self.usual = "info"
        self.named: dict[str, str] = dict(QUIET)
        for rule in rules:
            namespace, _, level = rule.rpartition("=")
            if namespace:
                self.named[namespace] = level
            else:
                self.usual = level
        self._least: dict[str, Any] = {}

    def admit(self, event: Mapping[str, Any]) -> bool:
        """Whether an event is to be logged; one without a level is."""
        level = event.get("log_level")
        if level is None:
            return True
        namespace = str(event.get("log_namespace") or "")
        least = self._least.get(namespace)
        if least is None:
            least = self._least[namespace] = LogLevel.levelWithName(self.level_of(namespace))
        return bool(level >= least)

    def level_of(self, namespace: str) -> str:
        """The name of the least level: of the namespace, or of the nearest one that it is in."""
        while namespace:
            if namespace in self.named:
                return self.named[namespace]
            namespace = namespace.rpartition(".")[0]
        return self.usual


#: Python's numbers for Twisted's levels.
_NUMBERS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


def number_of(level: str) -> int:
    """Python's number for the name of one of Twisted's levels."""
    return _NUMBERS[level]


def level_of(number: int) -> Any:
    """Twisted's level for one of Python's numbers, which may stand between two."""
    level = LogLevel.debug
    for name, least in _NUMBERS.items():
        if number >= least:
            level = LogLevel.levelWithName(name)
    return level
