"""The parser: lines of 40 bytes a second, from one chunk of 64 KiB and from a chunk for each line.

    python benchmarks/parser.py

What comes out is lines of bytes, as LineOnlyReceiver gives them. Beside it, in the same run: Twisted's
LineOnlyReceiver, which knows no telnet, and conch.telnet and telnetlib3, which do.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.conch.telnet import StatefulTelnetProtocol, TelnetTransport
from twisted.internet.testing import StringTransport
from twisted.protocols.basic import LineOnlyReceiver

from cletus.protocol.lines import LineBuffer
from cletus.protocol.telnet import Data, TelnetParser

LINE = b"s" * 38 + b"\r\n"
SECONDS = 1.0
Feed = Callable[[bytes], None]


def cletus() -> Feed:
    parser, lines = TelnetParser(8192), LineBuffer(4096)

    def feed(chunk: bytes) -> None:
        for event in parser.receive(chunk):
            if type(event) is Data:
                for _ in lines.receive(event.data):
                    pass

    return feed


def twisted() -> Feed:
    class Receiver(LineOnlyReceiver):
        MAX_LENGTH = 1 << 20

        def lineReceived(self, line: bytes) -> None:
            """The line is there; that is all."""

    receiver = Receiver()
    receiver.makeConnection(StringTransport())
    return receiver.dataReceived


def conch() -> Feed:
    class Receiver(StatefulTelnetProtocol):
        def lineReceived(self, line: bytes) -> None:
            """The line is there; that is all."""

    transport = TelnetTransport(Receiver)
    transport.makeConnection(StringTransport())
    transport.protocol.setLineMode()
    return transport.dataReceived


def measure(feed: Feed, chunk: bytes) -> float:
    lines = chunk.count(b"\n")
    best = 0.0
    for _ in range(3):
        count, start = 0, time.process_time()
        while (spent := time.process_time() - start) < SECONDS / 3:
            for _ in range(max(1, 200 // lines)):
                feed(chunk)
                count += lines
        best = max(best, count / spent)
    return best


def main() -> None:
    big = LINE * (65536 // len(LINE))
    print(f"{'':<10}{'64 KiB chunks':>16}{'single lines':>16}   lines of 40 bytes a CPU second")
    for make in (cletus, twisted, conch):
        print(f"{make.__name__:<10}{measure(make(), big):>16,.0f}{measure(make(), LINE):>16,.0f}")


if __name__ == "__main__":
    main()
