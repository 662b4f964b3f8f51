"""NEW-ENVIRON: asked for when that is safe; only variables about the terminal are kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.protocol.new_environ import VALUE_MAX, VARIABLES_MAX, WANTED, NewEnviron
from cletus.protocol.options import Side

SEND = b"\xff\xfa\x27\x01\xff\xf0"


def option(safe: bool = True) -> tuple[NewEnviron, list[dict[str, str]]]:
    learnt: list[dict[str, str]] = []
    return NewEnviron(lambda: safe, lambda variables, changed: learnt.append(variables)), learnt


def test_it_is_asked_at_once_when_that_is_known_to_be_safe() -> None:
    environ, _ = option()
    assert environ.ask() == b""
    assert environ.switched(Side.REMOTE, True) == SEND
    assert environ.ask() == SEND


def test_it_is_not_asked_before_that_is_known() -> None:
    environ, _ = option(safe=False)
    assert environ.switched(Side.REMOTE, True) == b""


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        (b"\0\0LANG\1de_DE.UTF-8", [{"LANG": "de_DE.UTF-8"}]),
        (b"\0\3CLIENT_NAME\1Mudlet\3MTTS\x01271", [{"CLIENT_NAME": "Mudlet", "MTTS": "271"}]),
        (b"\2\0CHARSET\1UTF-8", [{"CHARSET": "UTF-8"}]),
        (b"\0\0LANG\1a\2\1b", [{"LANG": "ab"}]),  # an escaped VALUE is a control character, cleaned
        (b"\0\0USER\1root\0LANG", []),
        (b"\0", []),
        (b"", []),
        (b"\1\0LANG\1x", []),
    ],
)
def test_variables(payload: bytes, found: list[dict[str, str]]) -> None:
    environ, learnt = option()
    environ.received(payload)
    assert learnt == found


@given(st.binary(max_size=300))
def test_no_bytes_raise(payload: bytes) -> None:
    environ, learnt = option()
    environ.received(b"\0" + payload)
    for found in learnt:
        assert found.keys() <= WANTED
        assert all(len(value) <= VALUE_MAX for value in found.values())


def test_the_variables_of_one_subnegotiation_are_bounded() -> None:
    """Names cost more than bytes: eight KiB of empty ones once took seven milliseconds."""
    environ, learnt = option()
    environ.received(b"\0" + b"\0" * VARIABLES_MAX + b"\0LANG\1de")
    assert learnt == []
    environ.received(b"\0" + b"\0" * (VARIABLES_MAX - 1) + b"\0LANG\1de")
    assert learnt == [{"LANG": "de"}]
