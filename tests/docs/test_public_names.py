"""The reference is whole: what people can import is described, and listed."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
from public_names import missing, public_modules, public_names

MODULE = '''
"""A module."""

from dataclasses import dataclass

__all__ = ["NUMBER", "OTHER", "Thing", "Value", "act", "do"]

#: How many.
NUMBER = 3
OTHER = 4


def do():
    """Do it."""


def act():
    pass


class Base:
    """Below.

    Attributes:
        name: of it.
    """

    def told(self):
        """Told here."""


class Thing(Base):
    """A thing.

    Args:
        given: by whom.
    """

    #: Commented.
    limit = 5
    bare = 6

    def __init__(self, given):
        self.given = given
        self.name = ""
        self.secret = 1
        self._own = 2

    def told(self):
        pass

    def untold(self):
        pass

    @property
    def size(self):
        return 1

    @classmethod
    def make(cls):
        """Make one."""


@dataclass
class Value:
    """With ``one``."""

    one: int
    two: int


class Hidden:
    pass
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    (tmp_path / "made_up.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "made_up", raising=False)
    import made_up

    monkeypatch.setitem(sys.modules, "made_up", made_up)
    return made_up


def test_what_lacks_a_description_is_found(module: types.ModuleType) -> None:
    """Functions, classes, methods, properties, values, attributes; not what is private or described."""
    bare = {one.name.removeprefix("made_up.") for one in public_names(module) if not one.described}
    assert bare == {
        "OTHER",
        "act",
        "Thing.bare",
        "Thing.secret",
        "Thing.size",
        "Thing.untold",
        "Value.two",
    }


def test_what_the_reference_lacks_is_found(module: types.ModuleType) -> None:
    """Each name that needs an entry of its own; an attribute is described with its class."""
    names = [one for one in public_names(module) if one.described]
    listed = {"made_up.NUMBER", "made_up.do", "made_up.Thing", "made_up.Thing.make"}
    assert missing(names, listed) == [
        "made_up.Thing.told is public and not in the reference (docs/api)",
        "made_up.Value is public and not in the reference (docs/api)",
    ]


def test_a_name_with_two_homes_is_listed_once() -> None:
    """``cletus.ReloadReport`` is ``cletus.reload.ReloadReport``; one of them is enough."""
    import cletus
    import cletus.reload

    names = [*public_names(cletus), *public_names(cletus.reload)]
    report = [one for one in names if "ReloadReport" in one.name]
    listed = [one.name for one in report if one.name.startswith("cletus.reload.")]
    assert len(listed) < len(report)
    assert missing(report, listed) == []


def test_every_room_of_contrib_is_public() -> None:
    """One that is added has to have a page."""
    assert {"cletus", "cletus.storage", "cletus.contrib.users"} <= set(public_modules())
