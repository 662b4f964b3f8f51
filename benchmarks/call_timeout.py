"""What the time limit of calls (``call_timeout``) costs a line: ``python benchmarks/call_timeout.py``.

Lines are echoed over loopback, by a service in this process, in turns with the limit and without it. The
CPU time has both ends of the connection in it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Any

from twisted.internet import endpoints, protocol, reactor
from twisted.internet.interfaces import IReactorTime

from cletus import Service, events
from cletus.reactor.call_timeout import CallTimeout

LINES, AT_ONCE, ROUNDS = 60_000, 50, 5
_reactor: Any = reactor


class Caller(protocol.Protocol):
    """Sends lines, and measures when all have come back."""

    def connectionMade(self) -> None:
        self.received, self.began = 0, time.process_time()
        self.send(AT_ONCE)

    def send(self, count: int) -> None:
        self.transport.write(b"hello\r\n" * count)

    def dataReceived(self, data: bytes) -> None:
        count = data.count(b"\n")
        self.received += count
        if self.received < LINES:
            self.send(count)
            return
        print((time.process_time() - self.began) / LINES * 1e6)
        _reactor.stop()


def _do_nothing(_timeout: CallTimeout, _reactor: object) -> None:
    """In place of ``CallTimeout.start``."""


def echo(*, limited: bool) -> None:
    """Run the service, and print the microseconds of a line."""
    if not limited:
        CallTimeout.start = _do_nothing  # type: ignore[method-assign]
    service = Service(store="memory:", reload=False, control=False, port=0, line_rate=0)

    @service.listen(events.Receive)
    def receive(event: events.Receive) -> None:
        event.client.write(event.data)

    def call(_: object) -> None:
        port = service.addresses[0].rpartition(":")[2]
        caller = endpoints.clientFromString(IReactorTime(reactor), f"tcp:127.0.0.1:{port}")
        caller.connect(protocol.Factory.forProtocol(Caller))

    _reactor.callWhenRunning(lambda: service.start(reactor).addCallback(call))
    _reactor.run()


def main() -> None:
    """Compare the medians of some rounds."""
    figures: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(ROUNDS):
        for name, measured in figures.items():
            output = subprocess.run(
                [sys.executable, __file__, name], check=True, capture_output=True, text=True
            ).stdout
            measured.append(float(output.split()[-1]))
    for name, measured in figures.items():
        spread = f"{min(measured):.1f} to {max(measured):.1f}"
        print(f"{name} the limit: {statistics.median(measured):.1f} us a line ({spread})")


if __name__ == "__main__":
    if sys.argv[1:]:
        echo(limited=sys.argv[1] == "with")
    else:
        main()
