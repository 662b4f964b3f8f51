"""What a check has found: how bad it is, where it stands, what it is, and what to do about it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.Enum):
    """How bad a finding is."""

    ERROR = "error"
    """It would break: the start, a save, a load, a step of a dialogue, a reload."""
    WARNING = "warning"
    """It would work, with a loss or a leak that a reload names, or somebody should look at it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        level: how bad it is.
        name: which kind of finding it is, in a word for ``--ignore`` and for docs/checking.md.
        what: what is wrong, in a phrase without the place.
        todo: what to do about it.
        file: where it stands, an absolute path or a word such as ``environment``; "" if unknown.
        line: in that file, from 1; 0 where there is none.
        group: the check that found it; ``run_checks`` fills it in.
    """

    level: Level
    name: str
    what: str
    todo: str
    file: str = ""
    line: int = 0
    group: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A file, and a line in it from 1; "" and 0 for what is not known."""

    file: str = ""
    line: int = 0


def error(name: str, what: str, todo: str, place: Place = Place()) -> Finding:
    """A finding that would break something; arguments as for ``Finding``."""
    return Finding(Level.ERROR, name, what, todo, place.file, place.line)


def warning(name: str, what: str, todo: str, place: Place = Place()) -> Finding:
    """A finding that would not; arguments as for ``Finding``."""
    return Finding(Level.WARNING, name, what, todo, place.file, place.line)
