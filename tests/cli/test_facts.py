"""Times for people."""

from __future__ import annotations

import pytest

from cletus.cli.display import duration, moment, show_facts


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (86399, "23 h 59 min"),
        (86400 * 3 + 3600 * 4, "3 d 4 h"),
    ],
)
def test_a_duration_has_two_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_moment_is_of_the_place_where_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert moment(0) == "1970-01-01 01:00:00"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_facts_are_a_line_each_and_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    show_facts("talk", {"name": "a\x1b[2Jb", "last": "one\n    two", "none": ""})
    assert capsys.readouterr().out == "name: a\\u001b[2Jb\nlast: one; two\nnone: \n"


def test_on_a_terminal_they_are_drawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    show_facts("talk", {"name": "[bold]ann\x07", "doors": "one\ntwo"})
    out = capsys.readouterr().out
    assert "talk" in out
    assert "[bold]ann\\u0007 │" in out
    assert "│ two" in out
