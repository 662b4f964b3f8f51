"""The log as people read it in a terminal."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from cletus.console import format_line


def line(**event: object) -> str:
    return format_line({"log_time": 0.0, **event})


def test_a_message_has_the_time_before_it() -> None:
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d hello Alice\n", line(log_format="hello {name}", name="Alice")
    )


@pytest.mark.parametrize(
    ("level", "word"), [(LogLevel.info, ""), (LogLevel.warn, "warn: "), (LogLevel.error, "error: ")]
)
def test_a_level_is_told_where_it_matters(level: object, word: str) -> None:
    assert line(log_format="x", log_level=level)[8:] == f" {word}x\n"


def test_a_failure_brings_its_traceback() -> None:
    try:
        1 / 0  # noqa: B018 - it is to raise
    except ZeroDivisionError:
        text = line(log_format="no", log_failure=Failure(), log_level=LogLevel.critical)
    first, *trace = text.splitlines()
    assert first.endswith("critical: no")
    assert "test_console.py" in text
    assert trace[-1].endswith("ZeroDivisionError: division by zero")


def test_a_message_that_cannot_be_formatted_is_still_a_line() -> None:
    assert line(log_format="{missing}").count("\n") >= 1


def test_what_twisted_says_is_left_out_unless_it_matters() -> None:
    """In a process of its own: where the log goes can be said once in a process."""
    program = """
import sys
from twisted.logger import Logger
from cletus.console import begin_logging
begin_logging(sys.stdout)
Logger("cletus.service").info("ours")
Logger("twisted.web").info("theirs")
Logger("twisted.web").warn("theirs matters")
Logger("app").debug("too much")
print("a print")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert [text.partition(" ")[2] for text in done.stdout.splitlines()] == [
        "ours",
        "warn: theirs matters",
        "print",
    ]


def test_it_writes_to_any_stream() -> None:
    from cletus.console import _to

    stream = io.StringIO()
    _to(stream)({"log_format": "x", "log_time": 0.0, "log_level": LogLevel.info})
    assert stream.getvalue().endswith(" x\n")
