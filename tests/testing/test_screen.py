"""``Screen``: what a terminal shows."""

from __future__ import annotations

import pytest

from cletus.errors import PyteMissing
from cletus.testing import screen
from cletus.testing.screen import Screen, has_pyte


def test_lines_are_shown_without_trailing_blanks() -> None:
    drawn = Screen(20, 5)
    drawn.feed("The \x1b[1mHall\x1b[0m   \r\n\r\nIt is cold.\r\n")
    assert drawn.text == "The Hall\n\nIt is cold."


def test_what_does_not_fit_goes_to_the_next_line_and_the_top_scrolls_off() -> None:
    drawn = Screen(5, 2)
    drawn.feed("one\r\ntwo\r\nabcdefg")
    assert drawn.text == "abcde\nfg"


def test_colours_and_the_cursor_are_those_of_pyte() -> None:
    drawn = Screen(20, 5)
    drawn.feed("\x1b[31mred\x1b[0m> ")
    assert drawn.pyte.buffer[0][0].fg == "red"
    assert (drawn.pyte.cursor.y, drawn.pyte.cursor.x) == (0, 5)


def test_its_size_can_be_changed() -> None:
    drawn = Screen(20, 5)
    drawn.resize(10, 3)
    drawn.feed("x" * 12)
    assert drawn.text == "x" * 10 + "\nxx"


def test_without_pyte_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_pyte()
    monkeypatch.setattr(screen, "pyte", None)
    assert not has_pyte()
    with pytest.raises(PyteMissing, match=r"pip install 'cletus-live\[testing\]'"):
        Screen(80, 24)
