"""A finding of a check: its level, its message, its location, and what to do about it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.Enum):
    """The severity of a finding."""

    ERROR = "error"
    """Something would fail: the start, a save, a load, a step of a dialogue, a reload."""
    WARNING = "warning"
    """It would work, but with a loss or a leak at a reload, or it deserves a look."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding.

    Attributes:
        level: its severity.
        name: for ``--ignore`` and docs/checking.md: ``unknown-step``.
        what: what is wrong, in a phrase without the location.
        todo: what to do about it.
        file: an absolute path, or a word such as ``environment``; "" if unknown.
        line: in that file, from 1; 0 if there is none.
        group: the name of the check; ``run_checks`` sets it.
    """

    level: Level
    name: str
    what: str
    todo: str
    file: str = ""
    line: int = 0
    group: str = ""


@dataclass(frozen=True, slots=True)
class Location:
    """A file, and a line in it from 1; "" and 0 if they are not known."""

    file: str = ""
    line: int = 0


def error(name: str, message: str, todo: str, location: Location = Location()) -> Finding:
    """A finding of level error; arguments as for ``Finding``."""
    return Finding(Level.ERROR, name, message, todo, location.file, location.line)


def warning(name: str, message: str, todo: str, location: Location = Location()) -> Finding:
    """A finding of level warning; arguments as for ``Finding``."""
    return Finding(Level.WARNING, name, message, todo, location.file, location.line)
