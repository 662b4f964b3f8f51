"""The log as JSON: an object a line, whatever the event contains."""

from __future__ import annotations

import json
import math

import pytest
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from cletus.logs.json_lines import REPR_MAX, format_json


def read(**event):
    """The object that an event becomes; it is one line of ASCII."""
    line = format_json({"log_time": 0.25, "log_format": "", **event})
    assert line.isascii()
    assert line.count("\n") == 1
    assert line.endswith("}\n")
    return json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def test_time_level_namespace_and_message_come_first():
    line = format_json({
        "log_time": 1.5, "log_level": LogLevel.warn, "log_namespace": "app", "log_format": "hi {n}",
        "n": 3, "client_id": 7,
    })  # fmt: skip
    assert line == (
        '{"time": "1970-01-01T00:00:01.500000Z", "level": "warn", "namespace": "app", '
        '"message": "hi 3", "n": 3, "client_id": 7}\n'
    )


def test_a_failure_has_type_message_and_traceback():
    try:
        1 / 0  # noqa: B018 - it is to raise
    except ZeroDivisionError:
        failure = read(log_failure=Failure())["failure"]
    assert failure["type"] == "builtins.ZeroDivisionError"
    assert failure["message"] == "division by zero"
    assert "test_json_lines.py" in failure["traceback"]


def test_an_event_without_time_and_level_is_a_line_all_the_same():
    assert read(log_time=None)["time"].endswith("Z")
    assert read()["level"] == "info"
    assert read()["namespace"] == ""


class Nasty:
    def __repr__(self):
        raise RuntimeError("no")


def _cycle():
    one = []
    one.append(one)
    return one


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (object, "<class 'object'>"),
        (b"\xff", "b'\\xff'"),
        (math.nan, "nan"),
        ([1, {2}], [1, "{2}"]),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        (_cycle(), "[[...]]"),
        (Nasty(), "<Nasty that has no repr>"),
        ([Nasty()], ["<Nasty that has no repr>"]),
        ("é\udc80\n\x1b", "é\udc80\n\x1b"),
        (None, None),
    ],
)
def test_whatever_the_value_it_never_raises(value, written):
    assert read(value=value)["value"] == written


def test_the_words_for_a_value_are_not_endless():
    assert len(read(value=b"x" * 10**6)["value"]) == REPR_MAX


def test_what_is_twisteds_own_and_what_has_our_names_is_left_out():
    """A field ``message`` of somebody's event does not replace the message."""
    found = read(log_format="right", log_system="-", message="wrong")
    assert found["message"] == "right"
    assert not [name for name in found if name.startswith("log_")]
