"""The sources of a primary on their way to the next one, whose paths are others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cletus.cluster.code_in_force import packed, unpacked
from cletus.reload.code.sources import Source, Sources

HERE = Path("/srv/here/talker")


def sources(folder: Path, **texts: str) -> Sources:
    """A package ``talker`` in this folder; ``rooms.hall`` is ``rooms__hall``."""
    modules = {}
    for name, text in {"": "", **texts}.items():
        parts = name.split("__") if name else []
        dotted = ".".join(["talker", *parts])
        is_package = not parts or parts == ["rooms"]
        path = folder.joinpath(*parts)
        path = path / "__init__.py" if is_package else path.with_suffix(".py")
        data = text.encode()
        modules[dotted] = Source(dotted, path, is_package, data, b"digest of " + data)
    return Sources(modules)


def test_the_same_code_needs_no_reload() -> None:
    """Wherever it is."""
    ours = unpacked(packed(sources(HERE, talk="1")), sources(HERE, talk="0"))
    assert ours is not None
    assert unpacked(packed(sources(Path("/elsewhere"), talk="1")), ours) is None


def test_c14_other_code_has_the_paths_of_this_machine() -> None:
    """What is new there has the place where it would be; what is gone there is gone."""
    code = packed(sources(Path("/elsewhere"), talk="new", rooms="", rooms__hall="hall"))
    theirs = unpacked(code, sources(HERE, talk="old", gone="x"))
    assert theirs is not None
    assert {name: source.path for name, source in theirs.modules.items()} == {
        "talker": HERE / "__init__.py",
        "talker.talk": HERE / "talk.py",
        "talker.rooms": HERE / "rooms/__init__.py",
        "talker.rooms.hall": HERE / "rooms/hall.py",
    }
    assert theirs.modules["talker.talk"].data == b"new"
    assert theirs.is_earlier


@pytest.mark.parametrize("code", [b"", b"x", b"\x80", packed(Sources({}))])
def test_no_code_changes_nothing(code: bytes) -> None:
    assert unpacked(code, sources(HERE)) is None


def test_code_of_another_application_changes_nothing() -> None:
    """There is no place for it here."""
    other = sources(HERE)
    renamed = Sources(
        {"other.talk": replace(other.modules["talker"], name="other.talk", is_package=False)}
    )
    assert unpacked(packed(renamed), sources(HERE)) is None
