"""A service and a client that record the calls of the door."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock

from cletus.meters import Meters
from cletus.reactor.clock import ServiceClock
from cletus.reactor.held_memory import HeldMemory
from cletus.reactor.shares import Shares
from cletus.settings.settings import Settings


class FakeClient:
    """Records the calls of the door, in order, as (name, argument)."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.calls: list[tuple[str, str]] = []
        self.user: Any = None
        self.input = SimpleNamespace(is_full=False, lines=(), memory=0)
        self.held = 0
        self.on_line: Callable[[str], object] = lambda text: None

    @property
    def lines(self) -> list[str]:
        return [argument for name, argument in self.calls if name == "line_received"]

    def write(self, text: str) -> None:
        self.calls.append(("write", text))

    def line_received(self, text: str) -> None:
        self.calls.append(("line_received", text))
        self.on_line(text)

    def pause_output(self) -> None:
        self.calls.append(("pause_output", ""))

    def resume_output(self) -> None:
        self.calls.append(("resume_output", ""))

    def input_ended(self) -> None:
        self.calls.append(("input_ended", ""))

    def disconnected(self, reason: str) -> None:
        self.calls.append(("disconnected", reason))


class FakeService:
    """Makes a FakeClient for each connection."""

    def __init__(self, reactor: Any = None, **settings: Any) -> None:
        self.settings = Settings(**settings)
        self.reactor = Clock() if reactor is None else reactor
        self.metrics = Meters()
        self.clients: list[FakeClient] = []
        self.connections = self  # it stands for both
        clock = ServiceClock()
        clock.reactor = self.reactor
        self.shares = Shares(clock, lambda: self.settings.stranger_cpu, self.metrics.throttled)
        self.held_memory = HeldMemory(
            lambda: self.settings.stranger_memory, self.metrics.strangers_closed
        )
        self.on_connect: Callable[[FakeClient], object] = lambda client: None

    def connected(self, transport: Any, *, door: str, **_: Any) -> FakeClient:
        assert door == "telnet"
        client = FakeClient(transport)
        self.clients.append(client)
        self.on_connect(client)
        return client
