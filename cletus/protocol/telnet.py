"""The telnet parser (RFC 854, RFC 855): bytes in, events out.

Telnet is a stream of data in which the byte IAC (255) starts a command; a data byte 255 is sent
twice. The parser is a table of seven states, one step function each. Three rules shape it:

* It never raises, whatever a peer sends. What RFC 854 does not define is dropped.
* What it keeps between two chunks is bounded by ``subnegotiation_max``.
* The events do not depend on where the network cuts the stream, except for how Data is cut.

The parser does not know about line ends; see ``lines``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any

from cletus.protocol.plain_state import PlainState

SE = 240
SB = 250
IAC = 255

_IAC = b"\xff"


class Verb(IntEnum):
    """The four commands of option negotiation (RFC 855)."""

    WILL = 251
    WONT = 252
    DO = 253
    DONT = 254


class Signal(IntEnum):
    """The commands of one byte: RFC 854, RFC 885 (EOR) and RFC 1184 (EOF, SUSP, ABORT)."""

    EOF = 236
    SUSP = 237
    ABORT = 238
    EOR = 239
    NOP = 241
    DM = 242
    BRK = 243
    IP = 244
    AO = 245
    AYT = 246
    EC = 247
    EL = 248
    GA = 249


NOP = bytes((IAC, Signal.NOP))

HERE = b"\r\n[Yes]\r\n"
"""The answer to AYT (RFC 854: "some visible evidence")."""


@dataclass(slots=True)  # not frozen, which takes three times as long; each chunk makes one
class Data:
    """Bytes for the line buffer, doubled IACs already made single; never empty."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ControlFunction:
    """A command of one byte, such as AYT."""

    signal: Signal


@dataclass(frozen=True, slots=True)
class Negotiation:
    """The peer asks for an option (0 to 255) to be on or off, or answers such a request."""

    verb: Verb
    option: int


@dataclass(frozen=True, slots=True)
class Subnegotiation:
    """A complete subnegotiation: its payload, doubled IACs already made single."""

    option: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Remainder:
    """The bytes of the chunk after a subnegotiation that ends plain telnet (MCCP3); may be empty.

    They have not been parsed. They and what the socket gives later must be inflated first; the
    result is what ``receive`` takes from then on.
    """

    data: bytes


Event = Data | ControlFunction | Negotiation | Subnegotiation | Remainder


class _State(Enum):
    """What the next byte is, in the grammar of telnet."""

    DATA = "data"
    COMMAND = "after IAC"
    VERB = "after IAC WILL, WONT, DO or DONT"
    OPTION = "after IAC SB"
    PAYLOAD = "in a subnegotiation"
    PAYLOAD_IAC = "after an IAC in a subnegotiation"
    OPTION_IAC = "after IAC SB IAC"


_DATA = _State.DATA  # a global is found faster than a member of an Enum; each chunk asks for it
_SUBNEGOTIATING = (_State.OPTION, _State.OPTION_IAC, _State.PAYLOAD, _State.PAYLOAD_IAC)
_VERBS = {verb.value: verb for verb in Verb}
_SIGNALS = {signal.value: signal for signal in Signal}

# The longest piece without a command. The quantifiers are possessive: so a chunk of nothing but doubled
# IACs costs one scan, and no memory for backtracking.
_PLAIN = re.compile(rb"(?:[^\xff]++|\xff\xff)++")


class TelnetParser(PlainState):
    """One direction of one telnet connection.

    Args:
        subnegotiation_max: the longest payload that is taken, in bytes, a doubled IAC counting as
            one. A longer subnegotiation is thrown away. 0 means no limit.
        handover: options whose subnegotiation ends plain telnet. It is always followed by a
            ``Remainder``. May be assigned later.
    """

    __slots__ = ("_max", "_option", "_state", "_verb", "handover", "payload")
    STATE = ("_option", "handover", "payload")

    def __init__(self, subnegotiation_max: int, handover: frozenset[int] = frozenset()) -> None:
        self.handover = handover
        self._max = subnegotiation_max
        self._state = _State.DATA
        self._verb = Verb.WILL
        self._option = 0
        self.payload = bytearray()

    def snapshot(self) -> dict[str, Any]:
        """As ``PlainState.snapshot``; also what the next byte is, and the command that it belongs to."""
        return {**super().snapshot(), "state": self._state.name, "verb": self._verb.value}

    def restore(self, state: Mapping[str, Any]) -> None:
        """As ``PlainState.restore``."""
        super().restore(state)
        self._state = _State[state["state"]]
        self._verb = Verb(state["verb"])

    @property
    def in_subnegotiation(self) -> bool:
        """Whether a subnegotiation has begun and not ended."""
        return self._state in _SUBNEGOTIATING

    def give_up_subnegotiation(self) -> None:
        """Throw away a subnegotiation that does not end: what follows is data."""
        if self.in_subnegotiation:
            self.payload.clear()
            self._state = _State.DATA

    def receive(self, data: bytes) -> list[Event]:
        """What these bytes mean, in order. Never raises, whatever the bytes are."""
        if self._state is _DATA and _IAC not in data:
            return [Data(data)] if data else []
        events: list[Event] = []
        position = 0
        while position < len(data):
            position = _STEPS[self._state](self, data, position, events)
        return events

    # Each step takes at least one byte (or changes to a state that does), appends the events that it
    # completes, and returns the position of the next byte.

    def _data(self, data: bytes, position: int, events: list[Event]) -> int:
        plain = _PLAIN.match(data, position)
        if plain is None:
            self._state = _State.COMMAND
            return position + 1
        events.append(Data(plain[0].replace(b"\xff\xff", _IAC)))
        return plain.end()

    def _command(self, data: bytes, position: int, events: list[Event]) -> int:
        byte = data[position]
        self._state = _State.DATA
        if byte in _VERBS:
            self._verb = _VERBS[byte]
            self._state = _State.VERB
        elif byte == SB:
            self._state = _State.OPTION
        elif byte == IAC:
            events.append(Data(_IAC))
        elif byte in _SIGNALS:
            events.append(ControlFunction(_SIGNALS[byte]))
        return position + 1  # the rest, a stray SE among it, is dropped

    def _negotiation(self, data: bytes, position: int, events: list[Event]) -> int:
        self._state = _State.DATA
        events.append(Negotiation(self._verb, data[position]))
        return position + 1

    def _begin(self, data: bytes, position: int, _events: list[Event]) -> int:
        if data[position] == IAC:
            self._state = _State.OPTION_IAC
        else:
            self._open(data[position])
        return position + 1

    def _begin_iac(self, data: bytes, position: int, _events: list[Event]) -> int:
        if data[position] == IAC:  # option 255 (RFC 861), doubled like any other byte
            self._open(IAC)
            return position + 1
        self._state = _State.COMMAND
        return position  # IAC SB IAC SE has no option: it means nothing, and its SE is dropped

    def _open(self, option: int) -> None:
        self._option = option
        self.payload.clear()
        self._state = _State.PAYLOAD

    def _collect(self, data: bytes, position: int, _events: list[Event]) -> int:
        plain = _PLAIN.match(data, position)
        if plain is None:
            self._state = _State.PAYLOAD_IAC
            return position + 1
        self._keep(plain[0].replace(b"\xff\xff", _IAC))
        return plain.end()

    def _keep(self, piece: bytes) -> None:
        """Add to the payload. One byte over the limit is kept, to show that it was exceeded."""
        if self._max:
            piece = piece[: self._max + 1 - len(self.payload)]
        self.payload += piece

    def _collect_iac(self, data: bytes, position: int, events: list[Event]) -> int:
        byte = data[position]
        if byte == SE:
            return self._end(data, position + 1, events)
        if byte == IAC:
            self._keep(_IAC)
            self._state = _State.PAYLOAD
            return position + 1
        # RFC 855 does not say what IAC x means here. Our choice: it ends the subnegotiation, which is
        # thrown away, and x is a command.
        self.payload.clear()
        self._state = _State.COMMAND
        return position

    def _end(self, data: bytes, position: int, events: list[Event]) -> int:
        self._state = _State.DATA
        payload = bytes(self.payload)
        self.payload.clear()
        if 0 < self._max < len(payload):
            return position
        events.append(Subnegotiation(self._option, payload))
        if self._option not in self.handover:
            return position
        events.append(Remainder(data[position:]))
        return len(data)


_Step = Callable[[TelnetParser, bytes, int, list[Event]], int]

_STEPS: dict[_State, _Step] = {
    _State.DATA: TelnetParser._data,
    _State.COMMAND: TelnetParser._command,
    _State.VERB: TelnetParser._negotiation,
    _State.OPTION: TelnetParser._begin,
    _State.OPTION_IAC: TelnetParser._begin_iac,
    _State.PAYLOAD: TelnetParser._collect,
    _State.PAYLOAD_IAC: TelnetParser._collect_iac,
}


_END = bytes((IAC, SE))


def subnegotiation(option: int, payload: bytes = b"") -> bytes:
    """The bytes of a subnegotiation: the payload, its bytes 255 doubled, in its frame."""
    return bytes((IAC, SB, option)) + payload.replace(_IAC, _IAC + _IAC) + _END
