"""TERMINAL-TYPE: asked until the names repeat, and not for ever."""

from __future__ import annotations

import pytest

from cletus.protocol.options import Side
from cletus.protocol.ttype import NAMES_MAX, TerminalType

SEND = b"\xff\xfa\x18\x01\xff\xf0"


class Asked:
    """An option whose result is recorded."""

    def __init__(self) -> None:
        self.learnt: list[tuple[str, ...]] = []
        self.option = TerminalType(self._note)

    def _note(self, names: tuple[str, ...]) -> bytes:
        self.learnt.append(names)
        return b"next"

    def say(self, *names: str) -> list[bytes]:
        return [self.option.received(b"\0" + name.encode()) for name in names]


@pytest.mark.parametrize(
    ("names", "learnt"),
    [
        (("xterm", "xterm"), ("XTERM",)),
        (("TINTIN++", "xterm", "MTTS 271", "MTTS 271"), ("TINTIN++", "XTERM", "MTTS 271")),
        (("ANSI", "VT100", "VT52", "VTNT", "VTNT"), ("ANSI", "VT100", "VT52", "VTNT")),
        (tuple("abcdefgh"), tuple("ABCDE")),
    ],
)
def test_names_are_asked_for_until_one_repeats(
    names: tuple[str, ...], learnt: tuple[str, ...]
) -> None:
    asked = Asked()
    assert asked.option.switched(Side.REMOTE, True) == SEND
    replies = asked.say(*names)
    assert asked.learnt == [learnt]
    assert replies.count(SEND) <= NAMES_MAX
    assert replies.count(b"next") == 1


def test_what_comes_after_the_end_of_the_list_is_ignored() -> None:
    asked = Asked()
    asked.option.switched(Side.REMOTE, True)
    asked.say("a", "a")
    assert asked.say("b", "c", "") == [b"", b"", b""]
    assert asked.option.switched(Side.REMOTE, True) == b""
    assert asked.learnt == [("A",)]


def test_a_peer_without_the_option_has_no_names() -> None:
    asked = Asked()
    assert asked.option.switched(Side.REMOTE, False) == b"next"
    assert asked.learnt == [()]


def test_a_name_is_short_and_cannot_move_a_cursor() -> None:
    asked = Asked()
    asked.option.switched(Side.REMOTE, True)
    asked.say("a\x1b[2Jb" + "c" * 100, "a\x1b[2Jb" + "c" * 100)
    (names,) = asked.learnt
    assert names[0].startswith("ABCC")
    assert len(names[0]) < 40


def test_an_invalid_answer_is_ignored() -> None:
    asked = Asked()
    asked.option.switched(Side.REMOTE, True)
    assert asked.option.received(b"") == b""
    assert asked.option.received(b"\1") == b""
