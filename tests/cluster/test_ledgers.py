"""The two ledgers together: whatever the bus and the processes suffer, C2, C3, C5 and C16 hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cletus.cluster import gateway_ledger
from cletus.cluster.frames import Line, Position, Sent
from cletus.cluster.gateway_ledger import GatewayLedger
from cletus.cluster.primary_ledger import Happened, PrimaryLedger
from tests.cluster.ledgers import Engine, Gateway, Person, Primary, World

names = st.sampled_from(("a", "b"))


class Histories(RuleBasedStateMachine):
    """Everything that can happen, in any order."""

    world_class: type[World] = World

    def __init__(self) -> None:
        super().__init__()
        self.world = self.world_class()
        for gateway in self.world.gateways.values():
            gateway.connect()
        self.world.settle()
        self.has_lost = False  # something that only the primary still has
        self.has_died = False  # a primary, of which something may be on its way

    def is_on_its_way(self) -> bool:
        """Whether the engine may be the only one that has something of a primary that has died."""
        return self.has_died and any(self.world.engine.to_gateway.values())

    def _person(self, number: int) -> tuple[Gateway, Person] | None:
        people = list(self.world.people())
        return people[number % len(people)] if people else None

    @rule(name=names)
    def connects(self, name: str) -> None:
        self.world.gateways[name].connect()

    @rule(number=st.integers(0, 7), lines=st.integers(1, 3))
    def types(self, number: int, lines: int) -> None:
        who = self._person(number)
        for _ in range(lines if who else 0):
            self.world.type(*who)  # type: ignore[misc]  # there is somebody

    @rule(number=st.integers(0, 7))
    def leaves(self, number: int) -> None:
        who = self._person(number)
        if who is not None:
            gateway, person = who
            gateway.leave(person)
            self.world.dead.append(person)

    @rule()
    def line_is_handled(self) -> None:
        if self.world.primary.waiting:
            self.world.primary.handle_line()

    @rule()
    def turn_ends(self) -> None:
        self.world.commit()

    @rule(name=st.sampled_from(("", "a", "b")), count=st.integers(1, 4))
    def arrives(self, name: str, count: int) -> None:
        for _ in range(count):
            self.world.deliver(name)

    @rule(number=st.integers(0, 7), handles=st.booleans(), commits=st.booleans())
    def is_said(self, number: int, handles: bool, commits: bool) -> None:
        """A line gets to the primary, and perhaps further."""
        self.types(number, 1)
        self.world.commit()
        self.world.deliver()
        if handles:
            self.line_is_handled()
        if commits:
            self.world.commit()

    @rule()
    def second_passes(self) -> None:
        self.world.beat()

    @rule(name=st.sampled_from(("", "a", "b")))
    def is_repeated(self, name: str) -> None:
        engine = self.world.engine
        stream = engine.to_gateway.get(name) if name else engine.to_primary
        if stream:
            stream.insert(1, stream[0])
            self.world.deliver(name)
            self.world.deliver(name)

    @rule(name=st.sampled_from(("", "a", "b")))
    def is_dropped(self, name: str) -> None:
        if name and self.is_on_its_way():
            return
        engine = self.world.engine
        stream = engine.to_gateway.get(name) if name else engine.to_primary
        if stream:
            stream.popleft()
            self.has_lost = self.has_lost or bool(name)

    # As below, in the other order.
    @precondition(lambda self: not self.is_on_its_way())
    @rule()
    def engine_forgets(self) -> None:
        world = self.world
        world.engine.forget()
        world.primary.ledger.claimed_anew(world.engine.claim())
        self.has_lost = True

    # What is lost with the engine's memory is in the primary's: not both at once.
    @precondition(lambda self: not self.has_lost)
    @rule(first=st.sampled_from(("", "a", "b")))
    def primary_is_killed(self, first: str) -> None:
        """Another one takes over; of ``first`` it may hear at once."""
        self.world.kill_primary()
        self.has_died = True
        if first:
            self.world.commit()
            while self.world.engine.to_gateway.get(first):
                self.world.deliver(first)
            self.world.commit()
            while self.world.engine.to_primary:
                self.world.deliver()
            self.line_is_handled()
            self.world.commit()

    @rule()
    def primary_is_replaced(self) -> None:
        self.world.replace_primary()

    @rule()
    def old_primary_goes_on(self) -> None:
        """It was stopped, and does not know yet that it was succeeded."""
        zombie = self.world.zombie
        if zombie is None:
            return
        for link, conn in zombie.people:
            link.write(conn, b"of an earlier epoch")
        for entries in zombie.ledger.commit():
            self.world.engine.turn(zombie.ledger.epoch, entries)

    @rule(name=names)
    def gateway_is_killed(self, name: str) -> None:
        self.world.kill_gateway(name)

    @rule()
    def all_settles(self) -> None:
        self.world.settle()
        self.has_lost = self.has_died = False
        self.world.check_all_heard()
        assert self.world.primary.ledger.kept <= 4096, "C16: what is confirmed is forgotten"

    @invariant()
    def holds(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        self.all_settles()


BUDGET = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_c2_c3_c5_no_history_loses_doubles_or_reorders_a_line() -> None:
    run_state_machine_as_test(Histories, settings=BUDGET)


# -- the histories find mistakes: each of these ledgers has one --------------------------------------


class _NoTurnNumber(GatewayLedger):
    def received(self, data: bytes) -> list[Any]:
        before = self.at
        sent = gateway_ledger.decode_sent(data)
        if sent is not None and (sent.epoch, sent.begin) == (before.epoch, before.begin):
            self.at = Position(before.epoch, before.begin, sent.number - 1)
        return super().received(data)


class _HelloWithoutLast(GatewayLedger):
    def _begin(self, sent: Sent, life: int) -> None:
        self._last = Position()
        super()._begin(sent, life)


class _LinesBeforeAllHellos(PrimaryLedger):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_ready = True


class _DropsClientsAtBegin(PrimaryLedger):
    def _greeted(self, link: Any, hello: Any) -> Any:
        link.is_known = False
        return super()._greeted(link, hello)


class _AcksEarly(Primary):
    def happens(self, happened: Happened) -> None:
        super().happens(happened)
        if isinstance(happened.event, Line):
            happened.link.handled(happened.event.conn, happened.event.number)


class _NoFence(Engine):
    is_fenced = False


def _gateway(ledger: type[GatewayLedger]) -> type[World]:
    return _world(gateway_class=type("Gateway", (Gateway,), {"ledger_class": ledger}))


def _primary(ledger: type[PrimaryLedger]) -> type[World]:
    return _world(primary_class=type("Primary", (Primary,), {"ledger_class": ledger}))


def _world(**parts: Any) -> type[World]:
    return type("World", (World,), parts)


MUTANTS: dict[str, Callable[[], type[World]]] = {
    "no fence": lambda: _world(engine_class=_NoFence),
    "no turn number": lambda: _gateway(_NoTurnNumber),
    "hello without last": lambda: _gateway(_HelloWithoutLast),
    "lines before all hellos": lambda: _primary(_LinesBeforeAllHellos),
    "acknowledged before the handling ends": lambda: _world(primary_class=_AcksEarly),
    "clients dropped at each begin": lambda: _primary(_DropsClientsAtBegin),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_is_found(name: str) -> None:
    machine = type("Mutant", (Histories,), {"world_class": MUTANTS[name]()})
    # Short histories: what they begin with is what a mistake needs, and long ones take ten times as long.
    budget = settings(
        BUDGET,
        max_examples=1000,
        stateful_step_count=20,
        phases=(Phase.generate,),
        derandomize=True,
    )
    with pytest.raises((AssertionError, BaseExceptionGroup)):
        run_state_machine_as_test(machine, settings=budget)
