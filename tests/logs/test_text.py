"""The log as plain text."""

from __future__ import annotations

import re

import pytest
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from cletus.logs.text import format_line


def line(**event: object) -> str:
    return format_line({"log_time": 0.0, **event})


def test_a_message_has_the_time_before_it() -> None:
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d hello Alice\n",
        line(log_format="hello {name}", name="Alice"),
    )


@pytest.mark.parametrize(
    ("level", "word"), [(LogLevel.info, ""), (LogLevel.warn, "warn: "), (LogLevel.error, "error: ")]
)
def test_a_level_is_told_where_it_matters(level: object, word: str) -> None:
    assert line(log_format="x", log_level=level)[19:] == f" {word}x\n"


def test_a_failure_brings_its_traceback() -> None:
    try:
        1 / 0  # noqa: B018 - it is to raise
    except ZeroDivisionError:
        text = line(log_format="no", log_failure=Failure(), log_level=LogLevel.critical)
    first, *trace = text.splitlines()
    assert first.endswith("critical: no")
    assert "test_text.py" in text
    assert trace[-1].endswith("ZeroDivisionError: division by zero")


def test_a_message_that_cannot_be_formatted_is_still_a_line() -> None:
    assert line(log_format="{missing}").count("\n") >= 1


def test_what_a_terminal_would_obey_is_shown() -> None:
    """Nobody clears the operator's screen by what they are called."""
    text = line(log_format="{m}", m="\x1b[2Jcls\x9b\x00 a\tb\nc")
    assert text[20:] == "\\x1b[2Jcls\\x9b\\x00 a\tb\nc\n"
    assert "\x1b" not in line(log_format="x", log_failure=Failure(ValueError("\x1b[2J")))
