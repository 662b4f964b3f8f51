"""Fuzzes the telnet parser and door with atheris: ``make fuzz``, or ``python fuzz/telnet.py -runs=100000``.

For any bytes, cut anywhere: nothing raises, nothing is logged as a mistake of ours, the lines are the
same however the bytes were cut, and what is remembered stays bounded.
"""

from __future__ import annotations

import sys
from typing import Any

import atheris

with atheris.instrument_imports(include=["cletus"]):
    from twisted.internet.task import Clock
    from twisted.internet.testing import StringTransport
    from twisted.logger import globalLogPublisher

    from cletus import Service, events
    from cletus.doors.telnet.protocol import TelnetProtocol

MISTAKES: list[Any] = []
globalLogPublisher.addObserver(
    lambda event: MISTAKES.append(event) if "log_failure" in event else None
)


class Wire(StringTransport):
    """A transport that can be aborted."""

    def abortConnection(self) -> None:
        self.disconnecting = True


def lines_of(chunks: list[bytes], *, compression: bool) -> tuple[list[str], int, bool]:
    """What a service hears of these chunks, how much it answers, and whether it hung up."""
    service = Service(
        store="memory:", line_rate=0, line_max=64, subnegotiation_max=64, compression=compression
    )
    service.reactor = clock = Clock()
    heard: list[str] = []
    service.listen(events.Receive)(lambda event: heard.append(event.data))
    service.listen(events.Gmcp)(lambda event: event.client.gmcp.send(event.package, event.data))
    wire = Wire()
    protocol = TelnetProtocol(service)
    protocol.makeConnection(wire)
    for chunk in chunks:
        protocol.dataReceived(chunk)
        clock.advance(0)
        assert len(protocol._lines._partial) <= 65
        assert len(protocol._parser._payload) <= 65
    return heard, len(wire.value()), wire.disconnecting


def test_one(data: bytes) -> None:
    MISTAKES.clear()
    provider = atheris.FuzzedDataProvider(data)
    compression = provider.ConsumeBool()
    size = provider.ConsumeIntInRange(1, 40)
    text = provider.ConsumeBytes(provider.remaining_bytes())
    cut = [text[start : start + size] for start in range(0, len(text), size)]
    one, answered, gone = lines_of([text], compression=compression)
    other, _, gone_too = lines_of(cut, compression=compression)
    if not (gone or gone_too):  # a bomb is one by what came in one read
        assert one == other, (one, other)
    assert answered <= 4096 + 200 * len(text)
    assert not MISTAKES, MISTAKES


def main() -> None:
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
