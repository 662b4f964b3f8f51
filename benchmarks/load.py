"""The load: people in one process, on another core than the server; by telnet, WebSocket or SSH.

Everybody must receive the same bytes in the same order, whatever the server; so each stream is
compared, byte for byte, with the longest one so far. A line carries its speaker, its number and the
instant at which it was sent; each speaker's numbers must go up by one.
"""

from __future__ import annotations

import bisect
import os
import re
import select
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Any

_LINE = re.compile(rb"s(\d+) n(\d+) t(\d+) [^\r\n]*\r?\n")
RECEIVE = 1 << 18


@dataclass
class Result:
    clients: int
    connects_a_second: float = 0.0
    connected_rss: int = 0
    sent: int = 0
    deliveries: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.deliveries / self.seconds

    @property
    def per_cpu_second(self) -> float:
        return self.deliveries / self.cpu if self.cpu else 0.0

    def percentile(self, share: float) -> float:
        values = sorted(self.latencies)
        return values[min(len(values) - 1, int(len(values) * share))] * 1000 if values else 0.0


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of its children that are alive."""
    total = 0
    for one in tree(pid):
        with open(f"/proc/{one}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def rss(pid: int) -> int:
    """Bytes of memory of a process and of its children."""
    total = 0
    for one in tree(pid):
        with open(f"/proc/{one}/statm", "rb") as file:
            total += int(file.read().split()[1])
    return total * os.sysconf("SC_PAGE_SIZE")


def tree(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        try:
            with open(f"/proc/{one}/task/{one}/children") as file:
                found.extend(map(int, file.read().split()))
        except OSError:
            continue
    return found


class Crowd:
    """People who are connected, and what they have received."""

    def __init__(self, port: int, *, greet: bytes = b"", prefix: bytes = b"") -> None:
        self._port = port
        self._greet = greet
        self._prefix = prefix  # what makes a line one that is said aloud
        self._poll = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        self._offsets: dict[int, int] = {}
        self._reference = bytearray()
        self._ends: list[int] = []  # where each line of the reference ends
        self._sent_at: list[float] = []
        self._scanned = 0
        self._reads = 0
        self._last: dict[bytes, int] = {}
        self.latencies: list[float] = []

    def connect(self, count: int) -> float:
        """Connect so many, one after another; returns the seconds that it took."""
        start = time.perf_counter()
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", self._port))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.setblocking(False)
            self.sockets[one.fileno()] = one
            self._poll.register(one.fileno(), select.EPOLLIN)
            if self._greet:
                one.send(self._greet)
            self._open(one)
        return time.perf_counter() - start

    # -- what telnet, WebSockets and SSH do differently

    def _open(self, one: socket.socket) -> None:
        """The handshake of a new connection."""

    def _send(self, number: int, line: bytes) -> None:
        self.sockets[number].send(line)

    def _receive(self, number: int) -> bytes:
        """The stream of one person, as far as it has come and everybody's is the same."""
        data = self.sockets[number].recv(RECEIVE)
        if not data:
            sys.exit("the server has hung up")
        return data

    # -- what all have in common

    def synchronise(self, seconds: float = 120.0) -> None:
        """Wait until everybody has heard one word; what they received before does not count."""
        word = b"sync%d" % os.getpid()
        waiting = dict.fromkeys(self.sockets, b"")
        deadline = time.perf_counter() + seconds
        self._drain(0.5, waiting)
        while any(word not in text for text in waiting.values()):
            if time.perf_counter() > deadline:
                deaf = sum(word not in text for text in waiting.values())
                sys.exit(f"{deaf} of {len(waiting)} never heard the word")
            # Again and again: who found the listening queue full comes in a second later.
            self._send(next(iter(self.sockets)), self._prefix + word + b"\r\n")
            self._drain(1.0, waiting)
        self._drain(1.0, waiting)
        self._offsets = dict.fromkeys(self.sockets, 0)

    def _drain(self, seconds: float, texts: dict[int, bytes]) -> None:
        quiet = time.perf_counter() + seconds
        while time.perf_counter() < quiet:
            for number, _ in self._poll.poll(0.05):
                texts[number] = (texts[number] + self._receive(number))[-4096:]

    def say(self, number: int, speaker: int, count: int, padding: bytes) -> None:
        line = b"%ss%d n%d t%d %s\r\n" % (
            self._prefix,
            speaker,
            count,
            time.perf_counter_ns(),
            padding,
        )  # fmt: skip - one line a line
        self._send(number, line)

    def receive(self, timeout: float) -> None:
        """Take what has come; compares it all."""
        reference, offsets = self._reference, self._offsets
        for number, _ in self._poll.poll(timeout):
            try:
                data = self._receive(number)
            except BlockingIOError:
                continue
            start = offsets[number]
            end = start + len(data)
            known = len(reference)
            if end <= known:
                if reference[start:end] != data:
                    sys.exit("somebody received something else")
            else:
                if reference[start:known] != data[: known - start]:
                    sys.exit("somebody received something else")
                reference += data[known - start :]
                self._scan()
            offsets[number] = end
            self._measure(start, end)

    def _measure(self, start: int, end: int) -> None:
        """The latency of the oldest line that these bytes complete; of each fourth read, for speed."""
        self._reads += 1
        if self._reads % 4:
            return
        index = bisect.bisect_right(self._ends, start)
        if index < len(self._ends) and self._ends[index] <= end:
            self.latencies.append(time.perf_counter() - self._sent_at[index])

    def _scan(self) -> None:
        """Find the new lines of the reference, and check each speaker's numbers."""
        for match in _LINE.finditer(self._reference, self._scanned):
            self._scanned = match.end()
            speaker, number = match[1], int(match[2])
            if number != self._last.get(speaker, -1) + 1:
                sys.exit(f"speaker {speaker.decode()}: {number} after {self._last.get(speaker)}")
            self._last[speaker] = number
            self._ends.append(match.end())
            self._sent_at.append(int(match[3]) / 1e9)

    @property
    def lines(self) -> int:
        """Lines that somebody has received."""
        return len(self._ends)

    def heard(self, speaker: int) -> int:
        """The latest number of a speaker that anybody has received."""
        return self._last.get(b"%d" % speaker, -1)

    def everybody_has(self, lines: int) -> bool:
        if not lines:
            return True
        if len(self._ends) < lines:
            return False
        end = self._ends[lines - 1]
        return min(self._offsets.values()) >= end

    def own_offset_has(self, number: int, index: int) -> bool:
        return index < len(self._ends) and self._offsets[number] >= self._ends[index]

    def close(self) -> None:
        for one in self.sockets.values():
            one.close()
        self._poll.close()


class WebCrowd(Crowd):
    """People in browsers: a session each, as the page has it. What is compared are the frames."""

    _UPGRADE = (
        b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: telnet.mudstandards.org, session.cletus\r\n\r\n"
    )
    _PING = b"\x89\0"
    _PONG = b"\x8a\x80\0\0\0\0"  # masked with zeros, as are the lines

    def _open(self, one: socket.socket) -> None:
        one.send(self._UPGRADE)

    def _send(self, number: int, line: bytes) -> None:
        self.sockets[number].send(b"\x82%c\0\0\0\0%s" % (128 + len(line), line))

    def _receive(self, number: int) -> bytes:
        data = super()._receive(number)
        if self._PING in data:  # it may also be the length of a frame; a pong too many harms nobody
            self.sockets[number].send(self._PONG)
        return data


class SshCrowd(Crowd):
    """People at SSH without a terminal (``ssh -T``), so that nobody is sent what they type."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._sides: dict[int, Any] = {}

    def _open(self, one: socket.socket) -> None:
        from ssh_side import Side  # noqa: PLC0415 - conch is loaded by those who need it

        side = self._sides[one.fileno()] = Side(one.sendall)
        one.setblocking(True)
        while not side.is_in:
            side.dataReceived(one.recv(RECEIVE))
        one.setblocking(False)

    def _send(self, number: int, line: bytes) -> None:
        self._sides[number].types(line)

    def _receive(self, number: int) -> bytes:
        side = self._sides[number]
        side.dataReceived(super()._receive(number))
        return side.taken()
