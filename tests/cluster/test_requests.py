"""What operators ask over the bus, and what the primary answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred

from cletus.cluster.bus import REQUESTS, Entry
from cletus.cluster.memory import MemoryBus
from cletus.cluster.requests import Asked, ask
from cletus.errors import BusClosed, ControlRefused
from cletus.ops.control.messages import Request
from cletus.service.lifecycle import State
from cletus.testing import Log
from tests.cluster.test_primary import House, Process


@pytest.fixture
def house(log: Log) -> House:
    return House()


@pytest.fixture
def primary(house: House) -> Process:
    process = house.process()
    house.until(lambda: process.is_primary)
    return process


class Operator:
    """Somebody on another machine."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.bus = MemoryBus(house.engine)
        self.bus.open()
        self._asked = 0

    def begins_to_ask(self, command: str, **arguments: Any) -> list[Any]:
        """The list gets the answer."""
        self._asked += 1
        request = Request(command, arguments=arguments)
        answers: list[Any] = []
        asking = Deferred.fromCoroutine(ask(self.bus, f"n{self._asked}", "ann", request))
        asking.addBoth(answers.append)
        return answers

    def asks(self, command: str, **arguments: Any) -> Any:
        answers = self.begins_to_ask(command, **arguments)
        self._house.until(lambda: answers)
        if hasattr(answers[0], "raiseException"):
            answers[0].raiseException()
        return answers[0]


@pytest.fixture
def operator(house: House) -> Operator:
    return Operator(house)


def test_the_primary_tells_how_it_is(house: House, primary: Process, operator: Operator) -> None:
    house.gateway().connect()
    house.advance(2)
    answer = operator.asks("status")
    assert (answer["state"], answer["clients"], answer["doors"]) == ("running", 1, ["gateways"])
    members = {member["role"]: member for member in answer["cluster"]}
    assert list(members) == ["gateway", "primary"]
    assert [member["people"] for member in members.values()] == [1, 1]
    (person,) = operator.asks("who")
    assert person["name"] == "ann"


def test_it_hands_over(house: House, primary: Process, operator: Operator, log: Log) -> None:
    """The standby goes on; the process ends with 75. The log says who has asked."""
    second = house.process()
    house.advance(1)
    operator.asks("handover")
    house.until(lambda: second.is_primary)
    assert primary.service.lifecycle.state is State.STOPPED
    assert primary.service.lifecycle.cluster.exit_code == 75
    assert operator.asks("status")["state"] == "running"
    assert any("ann has asked for handover" in line for line in log.lines)


def test_nobody_to_hand_over_to(house: House, primary: Process, operator: Operator) -> None:
    with pytest.raises(ControlRefused, match="no other process stands by"):
        operator.asks("handover")
    house.advance(1)
    assert primary.is_primary


def test_a_service_of_one_process_does_not_hand_over(start: Any) -> None:
    from cletus.errors import ServiceStateError
    from cletus.ops.control.commands import handover

    failures: list[Any] = []
    Deferred.fromCoroutine(handover(start())).addErrback(failures.append)
    assert failures[0].check(ServiceStateError)
    assert "cletus restart" in failures[0].getErrorMessage()


@pytest.mark.parametrize("command", ["shutdown", "shell", "nonsense", ""])
def test_what_cannot_be_asked_is_refused(
    primary: Process, operator: Operator, command: str
) -> None:
    with pytest.raises(ControlRefused, match="cannot be asked for over the bus"):
        operator.asks(command)


def test_a_command_that_fails_says_so(primary: Process, operator: Operator, log: Log) -> None:
    with pytest.raises(ControlRefused, match="TypeError"):
        operator.asks("status", wrong=1)
    assert len(log.take_failures()) == 1


def test_what_is_no_request_is_dropped(house: House, primary: Process, operator: Operator) -> None:
    for data in (
        b"",
        b"x",
        b"\xc1" * 10,
        msgspec.msgpack.encode(["a" * 100, "b", {"command": "status"}]),
    ):
        operator.bus.post(REQUESTS, data)
    house.advance(1)
    assert operator.asks("status")["state"] == "running"


def test_a_request_that_comes_twice_is_carried_out_once(
    house: House, primary: Process, operator: Operator, log: Log
) -> None:
    entry = msgspec.msgpack.encode(Asked("again", "bob", Request("who")))
    for _ in range(2):
        operator.bus.post(REQUESTS, entry)
    house.advance(1)
    assert sum("bob has asked for who" in line for line in log.lines) == 1


def test_names_of_requests_are_bounded(
    house: House, primary: Process, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C16: a machine that asks for the status every second does so for years."""
    monkeypatch.setattr("cletus.cluster.requests._ANSWERED_MAX", 3)
    for _ in range(5):
        operator.asks("who")
    requests = primary.service.lifecycle.cluster._requests
    assert list(requests._names) == ["n3", "n4", "n5"]


def test_c5_a_primary_that_hung_carries_out_no_request(
    house: House, primary: Process, operator: Operator, log: Log
) -> None:
    """It had read it before; another one is the primary now, and the first would reload for nobody."""
    second = house.process()
    house.advance(1)
    (reading,) = (r for name, r in primary.bus._readings.items() if name == REQUESTS)
    primary.bus.cut()
    house.until(lambda: second.is_primary)
    entry = msgspec.msgpack.encode(Asked("late", "bob", Request("handover")))
    reading.receive([Entry("9", entry)])
    primary.bus.mend()
    house.until(lambda: primary.ended)
    assert not any("bob has asked" in line for line in log.lines)


def test_a_request_to_nobody_is_not_answered(house: House, operator: Operator) -> None:
    """Nor by a primary that comes later."""
    answers = operator.begins_to_ask("status")
    house.advance(1)
    process = house.process()
    house.until(lambda: process.is_primary)
    house.advance(5)
    assert answers == []
    operator.bus.close()
    operator.begins_to_ask("status")[0].trap(BusClosed)
