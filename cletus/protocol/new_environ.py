"""NEW-ENVIRON (RFC 1572), and MNES of MUD clients: the environment variables of the peer.

All variables are asked for at once with an empty SEND, since Mudlet gives the names of MNES sometimes
as VAR and sometimes as USERVAR. Windows telnet crashes on the question, so it is not asked before the
peer's program is known. Only variables about the terminal are kept: the person's name and address are
their own business, and would prove nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice

from cletus.protocol.options import Option, Side
from cletus.protocol.telnet import subnegotiation
from cletus.protocol.text import clean

IS, SEND, INFO = 0, 1, 2

WANTED = frozenset(
    (
        "CHARSET",
        "CLIENT_NAME",
        "CLIENT_VERSION",
        "COLORTERM",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "MTTS",
        "OSC_HYPERLINKS",
        "TERMINAL_TYPE",
        "SCREEN_READER",
    )
)  # fmt: skip - a list of names reads better on two lines
"""The variables that are used."""

VALUE_MAX = 64

VARIABLES_MAX = 128
"""Variables of one subnegotiation; those behind them are ignored. Our choice; a shell has about thirty."""

# VAR 0 or USERVAR 3, a name, and perhaps VALUE 1 and a value; ESC 2 takes the next byte as it is.
_BYTE = rb"(?:[^\x00-\x03]|\x02.)*+"
_VARIABLE = re.compile(rb"[\x00\x03](" + _BYTE + rb")(?:\x01(" + _BYTE + rb"))?", re.DOTALL)
_ESC = re.compile(rb"\x02(.)", re.DOTALL)


class NewEnviron(Option):
    """The peer's variables.

    Args:
        may_ask: whether the peer is known to survive the question.
        learnt: called with the ``WANTED`` variables that have come, by name, and whether they have
            changed (INFO).
    """

    code = 39
    accepts = frozenset({Side.REMOTE})

    __slots__ = ("_learnt", "_may_ask", "_on")
    STATE = ("_on",)

    def __init__(
        self, may_ask: Callable[[], bool], learnt: Callable[[dict[str, str], bool], None]
    ) -> None:
        self._may_ask = may_ask
        self._learnt = learnt
        self._on = False

    def switched(self, side: Side, on: bool) -> bytes:
        """The option is on: ask, if that is safe."""
        self._on = on
        return self.ask() if self._may_ask() else b""

    def ask(self) -> bytes:
        """The question, if the option is on. Called once it has turned out to be safe."""
        return subnegotiation(self.code, bytes((SEND,))) if self._on else b""

    def received(self, payload: bytes) -> bytes:
        """Variables: an answer (IS), or news (INFO)."""
        if payload[:1] in (b"\0", b"\2"):
            variables = dict(_variables(payload))
            if variables:
                self._learnt(variables, payload[0] == INFO)
        return b""


def _variables(payload: bytes) -> Iterator[tuple[str, str]]:
    for variable in islice(_VARIABLE.finditer(payload, 1), VARIABLES_MAX):
        name, value = variable.groups()
        known = _text(name).upper() if len(name) <= VALUE_MAX else ""
        if known in WANTED and value:
            yield known, _text(value[: 8 * VALUE_MAX])[:VALUE_MAX]


def _text(value: bytes) -> str:
    return clean(_ESC.sub(rb"\1", value).decode("utf-8", "replace"))
