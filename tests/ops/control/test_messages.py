"""Messages of a control socket are split into lines and checked, on both sides."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.errors import BadMessage
from cletus.ops.control.messages import (
    INPUTS,
    REPLIES,
    REQUESTS,
    Answer,
    Complete,
    Completions,
    Ended,
    Finished,
    Interrupted,
    Lines,
    Ready,
    Refusal,
    Request,
    Shown,
    Typed,
    line_of,
)


def test_a_request_can_be_typed_by_hand() -> None:
    assert REQUESTS.message(b'{"command": "status"}') == Request("status")


@pytest.mark.parametrize(
    "message", [Typed(b"\xff\x00"), Interrupted(), Complete("a.b"), Finished()]
)
def test_what_a_caller_types_arrives_as_it_was(message: object) -> None:
    assert INPUTS.message(line_of(message)) == message  # type: ignore[arg-type]  # each is a Struct


@pytest.mark.parametrize(
    "message",
    [
        Answer({"a": [1, None]}),
        Refusal("no"),
        Shown(b"\x1b[0m"),
        Ready(),
        Completions(["a.b"]),
        Ended(1),
    ],
)
def test_what_is_answered_arrives_as_it_was(message: object) -> None:
    assert REPLIES.message(line_of(message)) == message  # type: ignore[arg-type]  # each is a Struct


def test_what_json_does_not_know_is_answered_in_words() -> None:
    assert json.loads(line_of(Answer({"day": {1 + 2j, 1 + 2j}, "date": date(2026, 1, 2)}))) == {
        "is": "answer",
        "value": {"day": ["(1+2j)"], "date": "2026-01-02"},
    }


@pytest.mark.parametrize(
    "line",
    [b"", b"hello", b"[]", b"null", b"{}", b'{"command": 3}', b'{"command": "\xff"}', b"[" * 9999],
)
def test_garbage_is_a_bad_message(line: bytes) -> None:
    with pytest.raises(BadMessage, match="not a message of a control socket"):
        REQUESTS.message(line)


@given(st.binary())
def test_whatever_comes_is_a_message_or_a_bad_one(line: bytes) -> None:
    for decoder in (REQUESTS, INPUTS, REPLIES):
        with suppress(BadMessage):
            decoder.message(line)


def test_lines_are_the_same_however_they_are_cut() -> None:
    data = b"one\n\ntwo\nthr"
    for size in range(1, len(data) + 1):
        lines = Lines()
        found = [
            line
            for start in range(0, len(data), size)
            for line in lines.receive(data[start : start + size])
        ]
        assert found == [b"one", b"", b"two"]


def test_a_line_has_a_bound_whether_or_not_it_ends() -> None:
    assert Lines(4).receive(b"1234\n12") == [b"1234"]
    for data in (b"12345", b"12345\n", b"1\n12345", b"1\n12345\n"):
        with pytest.raises(BadMessage, match="at most 4 bytes"):
            Lines(4).receive(data)
    assert Lines(0).receive(b"1" * 9999) == []
