"""Buses on a Valkey or Redis server, and what a test does to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from signal import SIGCONT, SIGSTOP
from typing import Any

from twisted.internet import reactor

from cletus.cluster.address import Address
from cletus.cluster.bus import TELLS, frames_for
from cletus.cluster.sealing import AesSeal
from cletus.cluster.valkey import ValkeyBus
from tests.cluster.conformance import Rig
from tests.engines import Valkey

KEY = bytes(range(32))


_names = count()


class ValkeyRig(Rig):
    """Buses of one service on an engine, sealed unless ``key`` is empty."""

    def __init__(self, engine: Valkey, key: bytes = KEY) -> None:
        self.engine = engine
        self.key = key
        self.name = f"service-{next(_names)}"
        self.buses: list[ValkeyBus] = []

    def bus(self, *, backlog: int = 64 * 1024 * 1024, key: bytes | None = None) -> ValkeyBus:
        chosen = self.key if key is None else key
        seal = AesSeal(chosen) if chosen else None
        address = Address.of(self.engine.url)
        bus = ValkeyBus(address, reactor, name=self.name, seal=seal, backlog=backlog)
        self.buses.append(bus)
        bus.open()
        return bus

    def until(self, condition: Callable[[], Any], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it does not come true"
            reactor.iterate(0.01)

    def sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end)

    def stop(self) -> None:
        self.engine.send_signal(SIGSTOP)

    def start(self) -> None:
        self.engine.send_signal(SIGCONT)

    def forget(self) -> None:
        assert self.engine.ask("FLUSHALL") == b"+OK\r\n"

    def run_ahead(self) -> None:
        ahead = int((time.time() + 3600) * 1000)
        for stream in (TELLS, frames_for("g")):
            key = f"cletus:{{{self.name}}}:{stream}"
            self.engine.ask(f"XADD {key} {ahead}-0 e x")
            self.engine.ask(f"XTRIM {key} MAXLEN 0")

    def close(self) -> None:
        self.start()
        for bus in self.buses:
            self.wait(bus.close())
