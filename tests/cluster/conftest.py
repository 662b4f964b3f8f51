"""The Lantern as a primary, and gateways on the same clock."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from cletus.cluster.gateway_door import GatewayDoor
from cletus.cluster.gateway_service import gateway_service
from cletus.cluster.memory import MemoryBus, MemoryEngine
from cletus.cluster.relay import Relay
from cletus.service.service import Service
from cletus.testing import MemoryDoor, StepClock, staged
from tests.example.conftest import ROOT, Lantern

LEASE = 6.0


def now(clock: StepClock, deferred: Deferred[Any]) -> Any:
    """The result of what needs no time."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    clock.advance(0)
    (result,) = results
    return result


class Gateway:
    """A gateway process.

    Attributes:
        bus: its own, to be cut.
        service, relay: its parts.
        connect: somebody comes to it.
    """

    def __init__(
        self,
        clock: StepClock,
        engine: MemoryEngine,
        name: str,
        incarnation: int,
        *,
        opens: bool = True,
    ) -> None:
        self.bus = MemoryBus(engine)
        self.bus.open()
        self.service = gateway_service(lambda _service: (), line_rate=0)
        self.relay = Relay(self.service, self.bus, name, incarnation=incarnation)
        now(clock, self.service.start(clock))
        if opens:
            self.relay.open()
        clock.advance(0)
        self.connect = MemoryDoor(self.service).connect


class Cluster:
    """An engine, gateways, and whoever is the primary.

    Attributes:
        fenced: the primaries that have been told to end.
    """

    def __init__(self, clock: StepClock) -> None:
        self.clock = clock
        self.engine = MemoryEngine(clock)
        self.gateways: list[Gateway] = []
        self.fenced: list[Service] = []

    def gateway(self, name: str = "a") -> Gateway:
        gateway = Gateway(self.clock, self.engine, name, len(self.gateways) + 1)
        self.gateways.append(gateway)
        return gateway

    def next_process(self) -> Gateway:
        """The next process of a gateway: it has not opened its relay yet."""
        return Gateway(self.clock, self.engine, "another", 10**9, opens=False)

    def primary(self, service: Service, *, session_interval: float = 0.0) -> GatewayDoor:
        """Let this service, which has been started, be the primary."""
        bus = MemoryBus(self.engine)
        bus.open()
        epoch = now(self.clock, bus.claim(LEASE))
        assert epoch
        door = GatewayDoor(
            service,
            bus,
            epoch=epoch,
            lease=LEASE,
            backlog=0,
            fenced=lambda: self.fenced.append(service),
            claim=lambda after: bus.claim(LEASE, after=after, held=epoch),
            patience=0.0,
            session_interval=session_interval,
        )
        now(self.clock, door.open())
        return door


class ClusterLantern(Lantern):
    """The talker; people come to a gateway."""

    def __init__(
        self, service: Service, clock: StepClock, *, session_interval: float = 0.0
    ) -> None:
        self.service, self.clock = service, clock
        self.cluster = Cluster(clock)
        self.door = self.cluster.primary(service, session_interval=session_interval)
        self.gateway = self.cluster.gateway()
        clock.advance(0)

    def connect(self, **terminal):
        """Somebody connects to the gateway; their ``client`` is the primary's."""
        visitor = self.gateway.connect(**terminal)
        here = (client for client in self.service.clients if client.address == visitor.address)
        visitor._client_or_none = next(here, None)
        return visitor

    def passes(self, seconds: int) -> None:
        """Let time pass, with a turn in each second."""
        for _ in range(seconds):
            self.clock.advance(1)


@pytest.fixture(autouse=True)
def collector():
    """A primary that is lost while people come in leaves the garbage collector paused, as its process would."""
    yield
    gc.enable()


@pytest.fixture
def cluster_lantern():
    clock = StepClock()
    with staged("example_service", ROOT, clock) as service:
        yield ClusterLantern(service, clock)
