"""What a gateway's process leaves to the next one: how it stands with the primary."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from cletus import events
from cletus.cluster.relay_door import RelayDoor
from cletus.testing import StepClock
from cletus.testing.transport import MemoryTransport
from tests.cluster.conftest import Cluster, Gateway
from tests.cluster.test_relay import Talk


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.fixture
def talk(clock: StepClock) -> Talk:
    return Talk(clock)


@pytest.fixture
def cluster(clock: StepClock, talk: Talk) -> Cluster:
    cluster = Cluster(clock)
    cluster.door = cluster.primary(talk.service)
    return cluster


class Successor:
    """The next process of a gateway, and the connections that it has taken over."""

    def __init__(self, cluster: Cluster, gateway: Gateway) -> None:
        (left,) = RelayDoor(lambda: gateway.relay).leave()
        states = [client.snapshot() for client in gateway.service.clients]
        gateway.relay._beat.stop()  # the process has ended: it says and does nothing any more
        gateway.bus.cut()
        self.gateway = cluster.next_process()
        left.state = pickle.loads(pickle.dumps(left.state))
        RelayDoor(lambda: self.gateway.relay).take_over(left, None)
        self.transports = [MemoryTransport() for _ in states]
        self.clients = [
            self.gateway.service.connections.resumed(transport, state)
            for transport, state in zip(self.transports, states, strict=True)
        ]
        cluster.clock.advance(0)


def test_s1_s12_people_stay_and_each_line_comes_once(
    clock: StepClock, talk: Talk, cluster: Cluster
) -> None:
    gateway = cluster.gateway()
    ann = gateway.connect()
    ann.says("before")
    for number in range(3):
        successor = Successor(cluster, gateway)
        (client,) = successor.clients
        client.line_received(f"after {number}")
        clock.advance(0)
        assert successor.transports[0].text.endswith(f"<after {number}>\r\n")
        gateway = successor.gateway
    assert talk.lines == ["before", "after 0", "after 1", "after 2"]
    others = [type(event) for event in talk.heard if not isinstance(event, events.Receive)]
    assert others == [events.Connect]


def test_s2_a_gateway_whose_restart_is_refused_goes_on(talk: Talk, cluster: Cluster) -> None:
    gateway = cluster.gateway()
    ann = gateway.connect()
    door = RelayDoor(lambda: gateway.relay)
    door.finish_reading()
    assert door.leave()
    door.stay()
    assert ann.says("hello").endswith("<hello>\n")
    assert talk.lines == ["hello"]


def test_what_the_engine_may_not_have_is_told_again(
    clock: StepClock, talk: Talk, cluster: Cluster
) -> None:
    """Also if the engine has it, and only its answer was lost: the primary knows it by its number."""
    gateway = cluster.gateway()
    ann = gateway.connect(gmcp=True)
    gateway.bus.cut(loses_answers=True)
    ann.says("heard")
    gateway.bus.cut()
    ann.says("not heard")
    ann.sends("Char.Login", {"name": "ann"})
    assert talk.lines == ["heard"]
    Successor(cluster, gateway)
    assert talk.lines == ["heard", "not heard"]
    assert "Char.Login" in [event.package for event in talk.heard if isinstance(event, events.Gmcp)]


def test_who_is_lost_by_the_restart_is_gone(clock: StepClock, talk: Talk, cluster: Cluster) -> None:
    """Over TLS, for instance: the connection ends with the old process."""
    gateway = cluster.gateway()
    gateway.connect()
    gateway.connect()
    successor = Successor(cluster, gateway)
    successor.clients[0].disconnected("restarted")
    clock.advance(0)
    gone: Any = [event for event in talk.heard if isinstance(event, events.Disconnect)]
    assert [event.reason for event in gone] == ["restarted"]
    assert len(talk.service.clients) == 1


def test_connections_after_a_restart_have_numbers_of_their_own(
    clock: StepClock, talk: Talk, cluster: Cluster
) -> None:
    gateway = cluster.gateway()
    gateway.connect()
    successor = Successor(cluster, gateway)
    newcomer = successor.gateway.connect()
    newcomer.says("hello")
    assert len(talk.service.clients) == 2
    assert "<hello>" in successor.transports[0].text
