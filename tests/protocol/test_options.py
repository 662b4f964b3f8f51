"""The Q method, as conversations, and two machines that negotiate with each other."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.protocol.options import (
    NEGOTIATIONS_PER_SECOND,
    TRANSITIONS,
    Option,
    Options,
    Side,
    State,
    Step,
)
from cletus.protocol.telnet import Negotiation, Subnegotiation, TelnetParser, Verb

WILL, WONT, DO, DONT = Verb
CODE = 42


class Willing(Option):
    """An option that the peer may switch on, on both sides; it records what happens to it."""

    code = CODE
    accepts = frozenset(Side)

    def __init__(self, after: bytes = b"") -> None:
        self.notes: list[object] = []
        self._after = after

    def switched(self, side: Side, on: bool) -> bytes:
        self.notes.append((side, on))
        return self._after

    def received(self, payload: bytes) -> bytes:
        self.notes.append(payload)
        return b"thanks for " + payload


class Unwilling(Willing):
    """An option that only we switch on."""

    accepts = frozenset()


def sent(data: bytes) -> list[tuple[Verb, int]]:
    events = TelnetParser(0).receive(data)
    return [(event.verb, event.option) for event in events if isinstance(event, Negotiation)]


ON, OFF, ON_NOW, OFF_NOW = "on", "off", "on now", "off now"
ASKS = {
    ON: ("ask", True),
    OFF: ("ask", False),
    ON_NOW: ("insist", True),
    OFF_NOW: ("insist", False),
}

# What happens on our side of the option, in turn: (a verb that arrives or what we want, the answer)
CONVERSATIONS: dict[str, tuple[type[Willing], list[tuple[Verb | str, Verb | None]], State]] = {
    "the peer asks, we agree": (Willing, [(DO, WILL)], State.YES),
    "the peer asks, we refuse": (Unwilling, [(DO, WONT)], State.NO),
    "a refused peer asks again": (Unwilling, [(DO, WONT), (DO, WONT)], State.NO),
    "an agreement is not agreed to again": (Willing, [(DO, WILL), (DO, None)], State.YES),
    "off when it was off": (Willing, [(DONT, None)], State.NO),
    "the peer takes it back": (Willing, [(DO, WILL), (DONT, WONT)], State.NO),
    "off is not confirmed twice": (Willing, [(DO, WILL), (DONT, WONT), (DONT, None)], State.NO),
    "we ask, the peer agrees": (Unwilling, [(ON, WILL), (DO, None)], State.YES),
    "we ask, the peer refuses": (Unwilling, [(ON, WILL), (DONT, None)], State.NO),
    "we ask once": (Unwilling, [(ON, WILL), (ON, None)], State.WANTYES),
    "on when it is on": (Unwilling, [(ON, WILL), (DO, None), (ON, None)], State.YES),
    "off when it is off": (Unwilling, [(OFF, None)], State.NO),
    "on and off": (Unwilling, [(ON, WILL), (DO, None), (OFF, WONT), (DONT, None)], State.NO),
    "off once": (Unwilling, [(ON, WILL), (DO, None), (OFF, WONT), (OFF, None)], State.WANTNO),
    "off is answered by DO": (
        Unwilling,
        [(ON, WILL), (DO, None), (OFF, WONT), (DO, None)],
        State.NO,
    ),
    "off waits for the answer to on": (
        Unwilling,
        [(ON, WILL), (OFF, None), (DO, WONT), (DONT, None)],
        State.NO,
    ),
    "off while on is refused": (Unwilling, [(ON, WILL), (OFF, None), (DONT, None)], State.NO),
    "on, off and on while waiting": (
        Unwilling,
        [(ON, WILL), (OFF, None), (ON, None), (DO, None)],
        State.YES,
    ),
    "off waits once": (Unwilling, [(ON, WILL), (OFF, None), (OFF, None)], State.WANTYES_OPPOSITE),
    "on waits for the answer to off": (
        Unwilling,
        [(ON, WILL), (DO, None), (OFF, WONT), (ON, None), (DONT, WILL), (DO, None)],
        State.YES,
    ),
    "on waits, off is answered by DO": (
        Unwilling,
        [(ON, WILL), (DO, None), (OFF, WONT), (ON, None), (DO, None)],
        State.YES,
    ),
    "off, on, on and off while waiting": (
        Unwilling,
        [(ON, WILL), (DO, None), (OFF, WONT), (ON, None), (ON, None), (OFF, None), (DONT, None)],
        State.NO,
    ),
    # insist: with clients as they are
    "nc answers nothing": (
        Unwilling,
        [(ON_NOW, WILL), (OFF_NOW, WONT), (ON_NOW, WILL), (OFF_NOW, WONT)],
        State.WANTNO,
    ),
    "TinTin++ does not answer WONT": (
        Unwilling,
        [(ON_NOW, WILL), (DO, None), (OFF_NOW, WONT), (ON_NOW, WILL), (DO, None), (OFF_NOW, WONT)],
        State.WANTNO,
    ),
    "MUSHclient does not answer WILL": (
        Unwilling,
        [(ON_NOW, WILL), (OFF_NOW, WONT), (DONT, None), (ON_NOW, WILL)],
        State.WANTYES,
    ),
    "telnet answers all, in time": (
        Unwilling,
        [(ON_NOW, WILL), (DO, None), (OFF_NOW, WONT), (DONT, None), (ON_NOW, WILL), (DO, None)],
        State.YES,
    ),
    "off and on again within one round trip": (
        Unwilling,
        [(ON_NOW, WILL), (DO, None), (OFF_NOW, WONT), (ON_NOW, WILL), (DONT, None), (DO, None)],
        State.YES,
    ),
    "a whole login typed ahead": (
        Unwilling,
        [
            (ON_NOW, WILL),
            (OFF_NOW, WONT),
            (ON_NOW, WILL),
            (DO, None),
            (DONT, None),
            (DO, None),
            (OFF_NOW, WONT),
            (DONT, None),
        ],
        State.NO,
    ),
    "pymud refuses each time": (
        Unwilling,
        [(ON_NOW, WILL), (DONT, None), (OFF_NOW, None), (ON_NOW, WILL), (DONT, None)],
        State.NO,
    ),
    "insisting on what was asked says nothing": (
        Unwilling,
        [(ON_NOW, WILL), (ON_NOW, None), (DO, None), (ON_NOW, None)],
        State.YES,
    ),
    "insisting while the peer may still refuse": (
        Unwilling,
        [(ON_NOW, WILL), (ON_NOW, None), (DONT, None)],
        State.NO,
    ),
    "a change of mind is not a late answer": (
        Unwilling,
        [
            (ON_NOW, WILL),
            (DO, None),
            (OFF_NOW, WONT),
            (ON_NOW, WILL),
            (DO, None),
            (DONT, WONT),
        ],
        State.NO,
    ),
    "insisting on what waits does not wait": (
        Unwilling,
        [(ON, WILL), (DO, None), (OFF, WONT), (ON, None), (ON_NOW, WILL), (DONT, None), (DO, None)],
        State.YES,
    ),
}

MIRROR = {WILL: DO, WONT: DONT, DO: WILL, DONT: WONT}


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    ("kind", "exchange", "end"), CONVERSATIONS.values(), ids=CONVERSATIONS.keys()
)
def test_conversation(
    kind: type[Willing], exchange: list[tuple[Verb | str, Verb | None]], end: State, side: Side
) -> None:
    """Both sides follow the same table; for the peer's, WILL and DO change places."""
    options = Options([kind()], lambda: 0)

    def verb(word: Verb) -> Verb:
        return word if side is Side.LOCAL else MIRROR[word]

    for number, (what, answer) in enumerate(exchange):
        if isinstance(what, Verb):
            data = options.receive(Negotiation(verb(what), CODE))
        else:
            name, on = ASKS[what]
            data = getattr(options, name)(side, CODE, on)
        assert sent(data) == ([] if answer is None else [(verb(answer), CODE)]), number
    assert options.state(side, CODE) is end
    assert options.state(next(other for other in Side if other is not side), CODE) is State.NO


def test_the_table_is_whole() -> None:
    """Every step is defined for every state, so nothing that a peer sends can raise."""
    assert set(TRANSITIONS) == {(state, step) for state in State for step in Step}


@pytest.mark.parametrize(("verb", "answer"), [(WILL, DONT), (WONT, None), (DO, WONT), (DONT, None)])
def test_an_unknown_option_is_refused(verb: Verb, answer: Verb | None) -> None:
    """A request to switch it on is refused; WONT and DONT need no answer."""
    data = Options([], lambda: 0).receive(Negotiation(verb, 200))
    assert sent(data) == ([] if answer is None else [(answer, 200)])


def test_an_option_is_told_of_agreements_only() -> None:
    """It is told once when a side goes on or off, and what it sends comes after the answer."""
    option = Willing(after=b"!")
    options = Options([option], lambda: 0)
    assert options.receive(Negotiation(DO, CODE)) == b"\xff\xfb\x2a!"
    assert options.receive(Negotiation(DO, CODE)) == b""
    options.ask(Side.LOCAL, CODE, False)
    assert option.notes == [(Side.LOCAL, True)]
    assert options.receive(Negotiation(DONT, CODE)) == b"!"
    assert option.notes == [(Side.LOCAL, True), (Side.LOCAL, False)]


def test_a_subnegotiation_reaches_its_option_while_that_is_on() -> None:
    """Subnegotiations of unknown options, and of options that are off, are ignored."""
    option = Willing()
    options = Options([option], lambda: 0)
    assert options.subnegotiation(Subnegotiation(CODE, b"x")) == b""
    options.receive(Negotiation(WILL, CODE))
    assert options.subnegotiation(Subnegotiation(CODE, b"y")) == b"thanks for y"
    assert options.subnegotiation(Subnegotiation(99, b"z")) == b""
    assert option.notes == [(Side.REMOTE, True), b"y"]


def test_a_flood_of_requests_is_answered_up_to_the_limit() -> None:
    """What is over the limit is ignored, until the next second."""
    now = 10.0
    options = Options([], lambda: now)
    flood = [options.receive(Negotiation(WILL, code % 256)) for code in range(10_000)]
    assert sum(map(bool, flood)) == NEGOTIATIONS_PER_SECOND
    now = 11.0
    assert options.receive(Negotiation(WILL, 1))


def test_a_flood_of_subnegotiations_is_answered_up_to_the_limit() -> None:
    options = Options([Willing()], lambda: 0)
    options.receive(Negotiation(WILL, CODE))
    flood = [options.subnegotiation(Subnegotiation(CODE, b"x")) for _ in range(10_000)]
    assert sum(map(bool, flood)) == NEGOTIATIONS_PER_SECOND - 1


@given(st.lists(st.tuples(st.sampled_from(Verb), st.integers(0, 255)), max_size=100))
def test_an_answer_is_never_longer_than_the_question(words: list[tuple[Verb, int]]) -> None:
    options = Options([Willing()], lambda: 0)
    for verb, code in words:
        assert len(options.receive(Negotiation(verb, code))) <= 3


moves = st.lists(
    st.tuples(st.booleans(), st.sampled_from(["listen", "listen", "ask", "insist"]), st.booleans()),
    max_size=40,
)


@given(moves, st.sampled_from([Willing, Unwilling]), st.sampled_from([Willing, Unwilling]))
def test_two_machines_fall_silent(
    moves: list[tuple[bool, str, bool]], ours: type[Willing], theirs: type[Willing]
) -> None:
    """Whatever each side wants, and however late messages arrive, the negotiation ends soon.

    With requests that wait (``ask``) they also agree in the end on what is on.
    """
    machines = [Options([ours()], lambda: 0), Options([theirs()], lambda: 0)]
    sides = [Side.LOCAL, Side.REMOTE]  # machine 0 performs, machine 1 has it performed
    wires: list[deque[tuple[Verb, int]]] = [deque(), deque()]  # what is on the way to each

    def listen(who: int) -> None:
        verb, code = wires[who].popleft()
        wires[1 - who].extend(sent(machines[who].receive(Negotiation(verb, code))))

    for first, what, on in moves:
        who = int(first)
        if what != "listen":
            data = getattr(machines[who], what)(sides[who], CODE, on)
            wires[1 - who].extend(sent(data))
        elif wires[who]:
            listen(who)
    words = 0
    while wires[0] or wires[1]:
        listen(0 if wires[0] else 1)
        words += 1
        assert words <= 200
    if all(what != "insist" for _, what, _ in moves):
        states = [machine.state(side, CODE) for machine, side in zip(machines, sides, strict=True)]
        assert states[0] is states[1]
        assert states[0] in (State.YES, State.NO)


def test_an_option_is_made_when_it_is_first_needed() -> None:
    """A stranger who speaks no telnet costs no options."""
    made: list[int] = []

    def make(code: int) -> Option | None:
        made.append(code)
        return Willing() if code == Willing.code else None

    options = Options((), lambda: 0, make)
    options.ask(Side.LOCAL, Willing.code, True)
    assert made == []
    assert options.receive(Negotiation(Verb.DO, Willing.code)) == b""
    assert options.receive(Negotiation(Verb.WILL, 200)) == bytes((255, Verb.DONT, 200))
    options.subnegotiation(Subnegotiation(Willing.code, b""))
    assert made == [Willing.code, 200]
