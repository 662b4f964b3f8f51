"""Telnet option negotiation: RFC 1143, the Q method, as a table.

Each option has two sides that are switched independently: what we do (LOCAL: we say WILL or WONT,
the peer DO or DONT) and what the peer does (REMOTE: the other way round). Each side is one of the
six states of RFC 1143 and changes only as ``TRANSITIONS`` says. Only a request for a change is ever
answered, never an answer; so no two machines can talk for ever.

Cletus adds two things of its own:

* ``insist``, because real clients leave requests unanswered and nothing here waits for anybody.
* A limit on how many negotiations a second are listened to, because each may cost an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import ClassVar

from cletus.protocol.telnet import IAC, Negotiation, Subnegotiation, Verb

NEGOTIATIONS_PER_SECOND = 128
"""Negotiations and subnegotiations of one peer that are listened to in a second; what is over is
dropped, as if it had never come. Our choice: the most talkative client known sends about thirty."""

_LATE_MAX = 16


class Side(Enum):
    """Who performs the option."""

    LOCAL = "we"
    REMOTE = "the peer"


class State(Enum):
    """One side of one option, as RFC 1143 names it; OPPOSITE is its queue bit."""

    NO = "off"
    YES = "on"
    WANTNO = "asked off"
    WANTNO_OPPOSITE = "asked off, then on"
    WANTYES = "asked on"
    WANTYES_OPPOSITE = "asked on, then off"


class Step(Enum):
    """What can happen to one side of one option."""

    PEER_YES = "WILL or DO arrived"
    PEER_NO = "WONT or DONT arrived"
    OUR_YES = "we want it on"
    OUR_NO = "we want it off"


# (state, step) -> (next state, what to say: yes, no or nothing). RFC 1143, section 7. The one thing
# that is not in it is the refusal of what the peer asks for and we do not accept.
TRANSITIONS: dict[tuple[State, Step], tuple[State, bool | None]] = {
    (State.NO, Step.PEER_YES): (State.YES, True),
    (State.NO, Step.PEER_NO): (State.NO, None),
    (State.NO, Step.OUR_YES): (State.WANTYES, True),
    (State.NO, Step.OUR_NO): (State.NO, None),
    (State.YES, Step.PEER_YES): (State.YES, None),
    (State.YES, Step.PEER_NO): (State.NO, False),
    (State.YES, Step.OUR_YES): (State.YES, None),
    (State.YES, Step.OUR_NO): (State.WANTNO, False),
    (State.WANTNO, Step.PEER_YES): (State.NO, None),
    (State.WANTNO, Step.PEER_NO): (State.NO, None),
    (State.WANTNO, Step.OUR_YES): (State.WANTNO_OPPOSITE, None),
    (State.WANTNO, Step.OUR_NO): (State.WANTNO, None),
    (State.WANTNO_OPPOSITE, Step.PEER_YES): (State.YES, None),
    (State.WANTNO_OPPOSITE, Step.PEER_NO): (State.WANTYES, True),
    (State.WANTNO_OPPOSITE, Step.OUR_YES): (State.WANTNO_OPPOSITE, None),
    (State.WANTNO_OPPOSITE, Step.OUR_NO): (State.WANTNO, None),
    (State.WANTYES, Step.PEER_YES): (State.YES, None),
    (State.WANTYES, Step.PEER_NO): (State.NO, None),
    (State.WANTYES, Step.OUR_YES): (State.WANTYES, None),
    (State.WANTYES, Step.OUR_NO): (State.WANTYES_OPPOSITE, None),
    (State.WANTYES_OPPOSITE, Step.PEER_YES): (State.WANTNO, False),
    (State.WANTYES_OPPOSITE, Step.PEER_NO): (State.NO, None),
    (State.WANTYES_OPPOSITE, Step.OUR_YES): (State.WANTYES, None),
    (State.WANTYES_OPPOSITE, Step.OUR_NO): (State.WANTYES_OPPOSITE, None),
}

# A request that stays unanswered, taken as granted: the state then, and the answers that may yet
# come for it, in their order.
_SETTLED: dict[State, tuple[State, bool]] = {
    State.WANTNO: (State.NO, False),
    State.WANTNO_OPPOSITE: (State.NO, False),
    State.WANTYES: (State.YES, True),
    State.WANTYES_OPPOSITE: (State.YES, True),
}

_INCOMING = {
    Verb.WILL: (Side.REMOTE, True),
    Verb.WONT: (Side.REMOTE, False),
    Verb.DO: (Side.LOCAL, True),
    Verb.DONT: (Side.LOCAL, False),
}
_OUTGOING = {
    (Side.LOCAL, True): Verb.WILL,
    (Side.LOCAL, False): Verb.WONT,
    (Side.REMOTE, True): Verb.DO,
    (Side.REMOTE, False): Verb.DONT,
}


class Option:
    """What we do with one telnet option: a subclass for each, an instance for each connection."""

    __slots__ = ()

    code: ClassVar[int]
    """The option's number (IANA, "Telnet Options")."""

    accepts: ClassVar[frozenset[Side]] = frozenset()
    """The sides that the peer may switch on by asking; on the others only we can."""

    def switched(self, side: Side, on: bool) -> bytes:
        """One side has just gone on or off, by agreement. Returns what to send after the answer."""
        return b""

    def received(self, payload: bytes) -> bytes:
        """A subnegotiation has come while a side was on. Returns what to send."""
        return b""


class _Half:
    """One side of one option: its state, and the answers that may yet come to old requests."""

    __slots__ = ("late", "state")

    def __init__(self) -> None:
        self.state = State.NO
        self.late: tuple[bool, ...] = ()  # and not a deque, which would take 600 bytes per client

    def take(self, step: Step) -> bool | None:
        self.state, say = TRANSITIONS[self.state, step]
        return say

    def settle(self) -> None:
        """Take an unanswered request as granted, and remember that its answer may yet come."""
        if self.state in _SETTLED:
            self.state, answer = _SETTLED[self.state]
            self.late = (*self.late, answer)[-_LATE_MAX:]

    def is_late(self, yes: bool) -> bool:
        """Whether this is the answer to a request given up on.

        Answers come in the order of the requests. So the ones before it that it does not match
        will never come, and when it matches none it is about what stands now.
        """
        matches = yes in self.late
        self.late = self.late[self.late.index(yes) + 1 :] if matches else ()
        return matches


class Options:
    """The options of one connection.

    Args:
        options: those that we know; all others are refused.
        clock: seconds, from any start; for the limit.
    """

    __slots__ = ("_clock", "_count", "_halves", "_options", "_second")

    def __init__(self, options: Iterable[Option], clock: Callable[[], float]) -> None:
        self._options = {option.code: option for option in options}
        self._halves: dict[tuple[Side, int], _Half] = {}
        self._clock = clock
        self._second = 0
        self._count = 0

    def state(self, side: Side, code: int) -> State:
        """Where one side of an option stands."""
        half = self._halves.get((side, code))
        return State.NO if half is None else half.state

    def ask(self, side: Side, code: int, on: bool) -> bytes:
        """Want one side of a known option on or off. Returns what to send, at most one request.

        While an earlier request is unanswered the new one waits for that answer, as RFC 1143 says.
        """
        return self._say(side, code, self._half(side, code).take(_ours(on)))

    def insist(self, side: Side, code: int, on: bool) -> bytes:
        """Want one side of a known option on or off, now. Returns what to send.

        An unanswered request for the opposite is taken as granted, and the new one is sent at once.
        RFC 1143 would wait for an answer: TinTin++ gives none to WONT ECHO, MUSHclient none to WILL
        ECHO, nc none to anything, and a second password must be hidden like the first. Should the
        answer to the earlier request come late, it is not taken for an answer to the new one.
        """
        half = self._half(side, code)
        if half.state in _SETTLED and _SETTLED[half.state][1] is not on:
            half.settle()
        return self._say(side, code, half.take(_ours(on)))

    def receive(self, event: Negotiation) -> bytes:
        """The peer has asked or answered. Returns what to send, if anything."""
        if not self.admits():
            return b""
        side, yes = _INCOMING[event.verb]
        option = self._options.get(event.option)
        half = None if option is None else self._half(side, event.option)
        if option is None or half is None:
            return self._say(side, event.option, False if yes else None)
        if half.is_late(yes):
            return b""
        if yes and half.state is State.NO and side not in option.accepts:
            return self._say(side, event.option, False)
        before = half.state
        answer = self._say(side, event.option, half.take(_theirs(yes)))
        return answer + _consequences(option, side, before, half.state)

    def subnegotiation(self, event: Subnegotiation) -> bytes:
        """The peer tells something about an option; nobody listens unless a side of it is on."""
        option = self._options.get(event.option)
        on = any(self.state(side, event.option) is State.YES for side in Side)
        if option is None or not on or not self.admits():
            return b""
        return option.received(event.payload)

    @property
    def flooded(self) -> bool:
        """Whether the peer has negotiated more than it may in the second of its last word."""
        return self._count > NEGOTIATIONS_PER_SECOND

    def _half(self, side: Side, code: int) -> _Half:
        half = self._halves.get((side, code))
        if half is None:
            half = self._halves[side, code] = _Half()
        return half

    def admits(self) -> bool:
        """Whether one more word of the peer's is listened to in this second; it is counted."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        return self._count <= NEGOTIATIONS_PER_SECOND

    @staticmethod
    def _say(side: Side, code: int, yes: bool | None) -> bytes:
        return b"" if yes is None else bytes((IAC, _OUTGOING[side, yes], code))


def _ours(on: bool) -> Step:
    return Step.OUR_YES if on else Step.OUR_NO


def _theirs(yes: bool) -> Step:
    return Step.PEER_YES if yes else Step.PEER_NO


def _consequences(option: Option, side: Side, before: State, after: State) -> bytes:
    """What the option says to having been switched, if it was."""
    if after is before or after not in (State.YES, State.NO):
        return b""
    return option.switched(side, after is State.YES)
