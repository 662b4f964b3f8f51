"""MSDP: variables that are reported, and what a client may ask for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.protocol.msdp import (
    ANSWER_MAX,
    NAME_MAX,
    REPORTED_MAX,
    VALUES_MAX,
    Msdp,
    parse,
    variable,
)
from cletus.protocol.options import Side


def option() -> tuple[Msdp, list[tuple[str, Any]]]:
    heard: list[tuple[str, Any]] = []
    msdp = Msdp(lambda name, value: heard.append((name, value)))
    msdp.switched(Side.LOCAL, True)
    return msdp, heard


def frame(payload: bytes) -> bytes:
    return b"\xff\xfa\x45" + payload + b"\xff\xf0"


def test_a_variable_is_sent_once_it_is_reported() -> None:
    msdp, _ = option()
    assert msdp.message("Room.Info", "Hall") == b""
    hall = frame(b"\1ROOM_INFO\2Hall")
    assert msdp.received(b"\1REPORT\2ROOM_INFO") == hall
    assert msdp.message("room.info", "Yard") == frame(b"\1ROOM_INFO\2Yard")
    msdp.received(b"\1UNREPORT\2ROOM_INFO")
    assert msdp.message("room.info", "Hall") == b""


def test_one_value_may_be_asked_for() -> None:
    msdp, _ = option()
    msdp.message("health", 5)
    assert msdp.received(b"\1SEND\2HEALTH") == frame(b"\1HEALTH\x025")
    assert msdp.received(b"\1SEND\2MANA") == b""


def test_lists() -> None:
    msdp, _ = option()
    msdp.message("health", 5)
    listed = frame(b"\1REPORTABLE_VARIABLES\2\5\2HEALTH\6")
    assert msdp.received(b"\1LIST\2REPORTABLE_VARIABLES") == listed
    assert b"\2UNREPORT" in msdp.received(b"\1LIST\2COMMANDS")
    assert msdp.received(b"\1LIST\2SECRETS") == b""


def test_what_is_reported_is_bounded() -> None:
    msdp, _ = option()
    for number in range(1000):
        msdp.received(b"\1REPORT\2V%d" % number)
    assert len(msdp._reported) == REPORTED_MAX


def test_a_name_that_is_too_long_is_not_remembered() -> None:
    """Otherwise 128 names of 8 KiB would be a megabyte for each stranger."""
    msdp, _ = option()
    for size in (NAME_MAX, NAME_MAX + 1, 8000):
        msdp.received(b"\1REPORT\2" + b"v" * size)
    assert list(msdp._reported) == ["V" * NAME_MAX]


@pytest.mark.parametrize(
    "question",
    [b"\1LIST" + b"\2REPORTED_VARIABLES" * 400, b"\1LIST\2REPORTED_VARIABLES" * 300],
    ids=["one command", "many commands"],
)
def test_the_answer_to_one_subnegotiation_is_bounded(question: bytes) -> None:
    """Eight kilobytes of LIST were once answered by hundreds of megabytes, for minutes."""
    msdp, _ = option()
    for number in range(REPORTED_MAX):
        msdp.received(b"\1REPORT\2" + b"%03d" % number + b"v" * (NAME_MAX - 3))
    one = len(msdp.received(b"\1LIST\2REPORTED_VARIABLES"))
    assert one <= len(msdp.received(question)) < ANSWER_MAX + one


def test_values_may_be_tables_and_arrays() -> None:
    assert variable("A", {"x": [1, True], "y": None}) == (b"\1A\2\3\1x\2\5\x021\x021\6\1y\2\4")


def test_reserved_bytes_are_left_out_of_values() -> None:
    assert variable("A", "a\0\1\2\6b") == b"\1A\2ab"


def test_other_variables_are_received() -> None:
    msdp, heard = option()
    msdp.received(b"\1CLIENT_NAME\2Kild\1X\2\3\1a\2b\4")
    assert heard == [("CLIENT_NAME", "Kild"), ("X", {"a": "b"})]


def test_nothing_is_sent_while_it_is_off() -> None:
    msdp = Msdp(lambda name, value: None)
    assert msdp.message("a", 1) == b""


@given(st.binary(max_size=400))
def test_no_bytes_raise(payload: bytes) -> None:
    parse(payload)
    option()[0].received(payload)


@given(st.lists(st.integers(1, 6), max_size=3000))
def test_no_nesting_raises(codes: list[int]) -> None:
    parse(bytes(codes))
    parse(b"\1A" + b"\2\3\1A" * 1000)


def test_declared_variables_and_those_sent_before_are_listed() -> None:
    option = Msdp(lambda name, value: None, ["Room.Info"])
    option.message("Char.Vitals", {"hp": 1})
    option.switched(Side.LOCAL, True)
    answer = option.received(b"\1LIST\2REPORTABLE_VARIABLES")
    assert b"\2ROOM_INFO" in answer
    assert b"\2CHAR_VITALS" in answer
    assert b"hp" in option.received(b"\1SEND\2CHAR_VITALS")


def test_the_values_of_one_subnegotiation_are_bounded() -> None:
    """Each of them would be an event for the application."""
    assert len(parse(b"\1\2" * VALUES_MAX)) == VALUES_MAX // 2
    ((_, array),) = parse(b"\1A\2\5" + b"\2x" * VALUES_MAX + b"\6")
    assert len(array) < VALUES_MAX
