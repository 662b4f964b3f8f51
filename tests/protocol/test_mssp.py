"""MSSP: the answer to a crawler."""

from __future__ import annotations

from cletus.protocol.mssp import Mssp, encode
from cletus.protocol.options import Side


def test_each_variable_has_its_values() -> None:
    status = {"NAME": "Lantern", "PLAYERS": 3, "PORT": [4000, 4001]}
    assert encode(status) == (b"\1NAME\2Lantern\1PLAYERS\x023\1PORT\x024000\x024001")


def test_reserved_bytes_are_left_out() -> None:
    assert encode({"A\1": "b\0\2c"}) == b"\1A\2bc"


def test_it_answers_once() -> None:
    """The answer is longer than the question."""
    mssp = Mssp(lambda: {"NAME": "x"})
    assert mssp.switched(Side.LOCAL, True) == b"\xff\xfa\x46\1NAME\2x\xff\xf0"
    assert mssp.switched(Side.LOCAL, False) == b""
    assert mssp.switched(Side.LOCAL, True) == b""
