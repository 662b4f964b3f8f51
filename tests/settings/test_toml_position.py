"""Where a value stands in a TOML file, however it is written."""

from __future__ import annotations

import tomllib

import pytest

from cletus.settings.toml_position import position_of

TEXT = '''# a comment with name = "x"
port = 1

[hall]
name = "The hall"
description = """
name = "a line of the text"
[yard]
"""
exits = { north = "yard", "up the stairs" = "attic" }

["the yard"]
  light = 5
exits.south = "hall"

[hall.sign]
text = "Beware"
'''


@pytest.mark.parametrize(
    ("keys", "position"),
    [
        (["port"], "line 2, column 1"),
        (["hall"], "line 4, column 2"),
        (["hall", "name"], "line 5, column 1"),
        (["hall", "exits", "north"], "line 10, column 11"),
        (["hall", "exits", "up the stairs"], "line 10, column 27"),
        (["the yard"], "line 12, column 2"),
        (["the yard", "light"], "line 13, column 3"),
        (["the yard", "exits", "south"], "line 14, column 1"),
        (["hall", "sign", "text"], "line 17, column 1"),
        (["hall", "sign", "nothing"], "line 16, column 2"),
        (["nothing"], ""),
    ],
)
def test_the_position_of_a_key(keys: list[str], position: str) -> None:
    tomllib.loads(TEXT)
    assert position_of(TEXT, *keys) == position


def test_a_text_that_is_not_toml_raises_nothing() -> None:
    assert position_of("[a\n= 3\n[[b]]\n\x00 = 'x", "b") == "line 3, column 3"
