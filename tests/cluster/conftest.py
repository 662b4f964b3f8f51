"""The Lantern as a primary, and gateways on the same clock."""

from __future__ import annotations

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

    def __init__(self, clock: StepClock, engine: MemoryEngine, name: str, incarnation: int) -> None:
        self.bus = MemoryBus(engine)
        self.bus.open()
        self.service = gateway_service(lambda _service: (), line_rate=0)
        self.relay = Relay(self.service, self.bus, name, incarnation=incarnation)
        now(clock, self.service.start(clock))
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

    def primary(self, service: Service) -> GatewayDoor:
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
            claim=lambda: bus.claim(LEASE),
            patience=0.0,
        )
        now(self.clock, door.open())
        return door


class ClusterLantern(Lantern):
    """The talker; people come to a gateway."""

    def __init__(self, service: Service, clock: StepClock) -> None:
        self.service, self.clock = service, clock
        self.cluster = Cluster(clock)
        self.door = self.cluster.primary(service)
        self.gateway = self.cluster.gateway()
        clock.advance(0)

    def connect(self, **terminal):
        """Somebody connects to the gateway; their ``client`` is the primary's."""
        visitor = self.gateway.connect(**terminal)
        here = (client for client in self.service.clients if client.address == visitor.address)
        visitor._client_or_none = next(here, None)
        return visitor


@pytest.fixture
def cluster_lantern():
    clock = StepClock()
    with staged("example_service", ROOT, clock) as service:
        yield ClusterLantern(service, clock)
