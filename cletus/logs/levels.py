"""The lowest level that is logged, of each namespace: the setting ``log_levels``."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from twisted.logger import LogLevel

#: Of Twisted and of other libraries, only warnings and errors are logged by default.
QUIET: Final[Mapping[str, str]] = {"twisted": "warn", "log_legacy": "warn"}


class Levels:
    """The lowest level that is logged of each namespace.

    Args:
        rules: the setting: ``LEVEL`` for everything, ``NAMESPACE=LEVEL`` for a namespace and all
            inside it; the last rule for a namespace applies.

    Attributes:
        default: the level of namespaces without a rule.
        named: namespace to level, of those with a rule.
    """

    def __init__(self, rules: Iterable[str] = ()) -> None:
        self.default = "info"
        self.named: dict[str, str] = dict(QUIET)
        for rule in rules:
            namespace, _, level = rule.rpartition("=")
            if namespace:
                self.named[namespace] = level
            else:
                self.default = level
        self._lowest: dict[str, Any] = {}

    def admit(self, event: Mapping[str, Any]) -> bool:
        """Whether to log an event; an event without a level is always logged."""
        level = event.get("log_level")
        if level is None:
            return True
        namespace = str(event.get("log_namespace") or "")
        lowest = self._lowest.get(namespace)
        if lowest is None:
            lowest = self._lowest[namespace] = LogLevel.levelWithName(self.level_of(namespace))
        return bool(level >= lowest)

    def level_of(self, namespace: str) -> str:
        """The name of the level of a namespace: its own, or that of the nearest namespace around it."""
        while namespace:
            if namespace in self.named:
                return self.named[namespace]
            namespace = namespace.rpartition(".")[0]
        return self.default


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
    """Twisted's level for one of Python's numbers, which may lie between two levels."""
    level = LogLevel.debug
    for name, lowest in _NUMBERS.items():
        if number >= lowest:
            level = LogLevel.levelWithName(name)
    return level
