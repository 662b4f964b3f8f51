"""Fuzzes one telnet connection with atheris: ``make fuzz``, or ``python fuzz/telnet.py -runs=100000``.

For any bytes, cut anywhere: nothing of ours fails, the events are the same however the bytes were cut,
the answers are few, and what is kept between two chunks stays bounded.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["cletus"]):
    from cletus.errors import ProtocolError
    from cletus.protocol.connection import Connection, Event, Failed, Flooded, Message, Reply

LIMIT = 64


def receive(chunks: list[bytes], *, compression: bool) -> tuple[list[Event], int, bool]:
    """The events of these chunks, how many bytes are answered, and whether it was hung up on."""
    connection = Connection(
        line_max=LIMIT,
        subnegotiation_max=LIMIT,
        inflated_max=1 << 20,
        clock=lambda: 0.0,
        compression=compression,
    )
    events: list[Event] = []
    answered = len(connection.open())
    for chunk in chunks:
        try:
            for event in connection.receive(chunk):
                assert not isinstance(event, Failed), event
                if isinstance(event, Flooded):  # one for each chunk
                    continue
                if isinstance(event, Reply):
                    answered += len(event.data)
                    continue
                events.append(event)
                if isinstance(event, Message):
                    answered += len(connection.send(connection.message(event.package, event.data)))
        except ProtocolError:
            return events, answered, True
        assert len(connection._lines._partial) <= LIMIT + 1
        assert len(connection._parser._payload) <= LIMIT + 1
    return events, answered, False


def test_one(data: bytes) -> None:
    provider = atheris.FuzzedDataProvider(data)
    compression = provider.ConsumeBool()
    size = provider.ConsumeIntInRange(1, 40)
    text = provider.ConsumeBytes(provider.remaining_bytes())
    cut = [text[start : start + size] for start in range(0, len(text), size)]
    whole, answered, ended = receive([text], compression=compression)
    pieces, _, pieces_ended = receive(cut, compression=compression)
    if not (ended or pieces_ended):  # how much may be inflated depends on what came in one chunk
        assert whole == pieces, (whole, pieces)
    assert answered <= 4096 + 200 * len(text)


def main() -> None:
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
