"""CHARSET, offered by either side."""

from __future__ import annotations

import pytest

from cletus.protocol.charset_option import CharsetOption
from cletus.protocol.options import Side

REQUEST = b"\xff\xfa\x2a\x01;UTF-8;US-ASCII\xff\xf0"
REJECTED = b"\xff\xfa\x2a\x03\xff\xf0"


def option() -> tuple[CharsetOption, list[str]]:
    agreed: list[str] = []
    return CharsetOption(agreed.append), agreed


@pytest.mark.parametrize(
    ("answer", "name"),
    [(b"\2UTF-8", "utf-8"), (b"\2us-ascii", "ascii"), (b"\3", ""), (b"\2KLINGON", "")],
)
def test_our_offer_is_answered(answer: bytes, name: str) -> None:
    charset, agreed = option()
    assert charset.switched(Side.LOCAL, True) == REQUEST
    assert charset.received(answer) == b""
    assert agreed == [name]


def test_an_answer_without_an_offer_is_ignored() -> None:
    charset, agreed = option()
    charset.received(b"\2UTF-8")
    charset.switched(Side.LOCAL, True)
    charset.received(b"\2UTF-8")
    charset.received(b"\2US-ASCII")
    assert agreed == ["utf-8"]


@pytest.mark.parametrize(
    ("question", "accepted", "name"),
    [
        (b"\1;ISO-8859-1;UTF-8", b"ISO-8859-1", "iso8859-1"),
        (b"\1 UTF-16 KLINGON utf-8", b"utf-8", "utf-8"),
        (b"\1[TTABLE]\1;UTF-8", b"UTF-8", "utf-8"),
    ],
)
def test_of_the_peers_offer_the_first_that_telnet_can_carry_is_accepted(
    question: bytes, accepted: bytes, name: str
) -> None:
    charset, agreed = option()
    assert charset.received(question) == b"\xff\xfa\x2a\x02" + accepted + b"\xff\xf0"
    assert agreed == [name]


@pytest.mark.parametrize("question", [b"\1", b"\1;", b"\1;KLINGON", b"\1;\xff", b"\1;UTF-16"])
def test_an_offer_that_telnet_cannot_carry_is_rejected(question: bytes) -> None:
    charset, agreed = option()
    assert charset.received(question) == REJECTED
    assert agreed == []


def test_while_our_offer_is_open_the_peers_is_rejected() -> None:
    """RFC 2066: the server's request wins."""
    charset, agreed = option()
    charset.switched(Side.LOCAL, True)
    assert charset.received(b"\1;UTF-8") == REJECTED
    assert agreed == []
