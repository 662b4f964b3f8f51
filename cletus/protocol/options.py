"""Telnet option negotiation: RFC 1143, the Q method, as a table.

Each option has two sides that are switched independently: what we do (LOCAL: we say WILL or WONT,
the peer DO or DONT) and what the peer does (REMOTE: the other way round). Each side is in one of the
six states of RFC 1143, and changes only as ``TRANSITIONS`` says. Only a request for a change is
answered, never an answer, so no negotiation goes on for ever.

Cletus adds two features:

* ``insist``, because real clients leave requests unanswered, and nothing here waits for an answer.
* A limit on the negotiations a second, because each of them may cost an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, ClassVar

from cletus.protocol.plain_state import PlainState
from cletus.protocol.telnet import IAC, Negotiation, Subnegotiation, Verb

NEGOTIATIONS_PER_SECOND = 128
"""Negotiations and subnegotiations of one peer in a second; those beyond the limit are ignored. Our
choice: the most talkative client that we know sends about thirty."""

_LATE_MAX = 16  # answers that are still expected for requests that were given up


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


# (state, step) -> (next state, what to say: yes, no or nothing). RFC 1143, section 7. It does not
# contain the refusal of requests that we do not accept: ``Options.receive`` refuses them first.
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

# What becomes of an unanswered request that is taken as granted: the state, and the answer that may
# still come.
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


class Option(PlainState):
    """What we do with a telnet option: a subclass for each option, an instance for each connection."""

    __slots__ = ()

    code: ClassVar[int]
    """The option's number (IANA, "Telnet Options")."""

    accepts: ClassVar[frozenset[Side]] = frozenset()
    """The sides that the peer may switch on. The others are switched on only by us."""

    def switched(self, side: Side, on: bool) -> bytes:
        """One side has just been switched, by agreement. Returns what to send after the answer."""
        return b""

    def received(self, payload: bytes) -> bytes:
        """A subnegotiation has arrived while a side is on. Returns what to send."""
        return b""


class _Half:
    """One side of one option: its state, and the answers to given-up requests that may still come."""

    __slots__ = ("late", "state")

    def __init__(self) -> None:
        self.state = State.NO
        self.late: tuple[bool, ...] = ()  # a deque would take 600 bytes for each client

    def take(self, step: Step) -> bool | None:
        self.state, say = TRANSITIONS[self.state, step]
        return say

    def settle(self) -> None:
        """Take an unanswered request as granted, and remember that its answer may still come."""
        if self.state in _SETTLED:
            self.state, answer = _SETTLED[self.state]
            self.late = (*self.late, answer)[-_LATE_MAX:]

    def is_late(self, yes: bool) -> bool:
        """Whether this is the late answer to a request that was given up.

        Answers come in the order of the requests. So expected answers before the one that matches
        will never come; and if none matches, this answer is about the present request.
        """
        matches = yes in self.late
        self.late = self.late[self.late.index(yes) + 1 :] if matches else ()
        return matches


class Options:
    """The options of one connection.

    Args:
        options: those that we know from the beginning.
        clock: seconds, from any start, for the limit.
        make: makes the option with this code when it is first needed, since a connection without telnet
            needs none; ``None`` if we do not know it. What is not known is refused.
    """

    __slots__ = ("_clock", "_count", "_halves", "_make", "_options", "_second")

    def __init__(
        self,
        options: Iterable[Option],
        clock: Callable[[], float],
        make: Callable[[int], Option | None] = lambda _: None,
    ) -> None:
        self._options = {option.code: option for option in options}
        self._make = make
        self._halves: dict[tuple[Side, int], _Half] = {}
        self._clock = clock
        self._second = 0
        self._count = 0

    def snapshot(self) -> dict[str, Any]:
        """The state as plain data, as ``PlainState.snapshot``: of each side, and of each option."""
        return {
            "sides": [
                (side.name, code, half.state.name, half.late)
                for (side, code), half in self._halves.items()
            ],
            "options": {code: option.snapshot() for code, option in self._options.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue with this state. What it says of options that are not known here is ignored."""
        for side, code, name, late in state["sides"]:
            if code in self._options or self._make(code) is not None:
                half = self._half(Side[side], code)
                half.state, half.late = State[name], tuple(late)
        for code, values in state["options"].items():
            option = self.find(code)
            if option is not None:
                option.restore(values)

    def find(self, code: int) -> Option | None:
        """The option with this code; ``None`` if we do not know it."""
        option = self._options.get(code)
        if option is None:
            option = self._make(code)
            if option is not None:
                self._options[code] = option
        return option

    def state(self, side: Side, code: int) -> State:
        """The state of one side of an option."""
        half = self._halves.get((side, code))
        return State.NO if half is None else half.state

    def ask(self, side: Side, code: int, on: bool) -> bytes:
        """Ask for one side of a known option to be on or off. Returns what to send, if anything.

        While an earlier request is unanswered, this one waits for its answer, as RFC 1143 says.
        """
        return self._say(side, code, self._half(side, code).take(_ours(on)))

    def insist(self, side: Side, code: int, on: bool) -> bytes:
        """As ``ask``, but without waiting for the answer to an earlier request. Returns what to send.

        An unanswered request for the opposite is taken as granted, and this one is sent at once. RFC
        1143 would wait, but TinTin++ does not answer WONT ECHO, MUSHclient does not answer WILL ECHO,
        nc answers nothing, and a second password must be hidden like the first. If the answer to the
        earlier request comes late, it is not mistaken for an answer to this one.
        """
        half = self._half(side, code)
        if half.state in _SETTLED and _SETTLED[half.state][1] is not on:
            half.settle()
        return self._say(side, code, half.take(_ours(on)))

    def receive(self, event: Negotiation) -> bytes:
        """The peer has asked for something, or answered. Returns what to send, if anything."""
        if not self.admits():
            return b""
        side, yes = _INCOMING[event.verb]
        option = self.find(event.option)
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
        """Pass a subnegotiation to its option, if a side of that is on. Returns what to send."""
        option = self.find(event.option)
        on = any(self.state(side, event.option) is State.YES for side in Side)
        if option is None or not on or not self.admits():
            return b""
        return option.received(event.payload)

    @property
    def flooded(self) -> bool:
        """Whether the peer has exceeded the limit in the second of its latest command."""
        return self._count > NEGOTIATIONS_PER_SECOND

    def _half(self, side: Side, code: int) -> _Half:
        half = self._halves.get((side, code))
        if half is None:
            half = self._halves[side, code] = _Half()
        return half

    def admits(self) -> bool:
        """Count one more command of the peer. Returns whether it is within the limit."""
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
    """What the option sends after it was switched; nothing if it was not."""
    if after is before or after not in (State.YES, State.NO):
        return b""
    return option.switched(side, after is State.YES)
