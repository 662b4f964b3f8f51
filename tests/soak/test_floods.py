"""How long a bystander waits while one address floods: with sockets and time, so a check of its own.

The bystander comes from the same address, so that nothing but its own share protects it.
"""

from __future__ import annotations

import select
import socket
import ssl
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.soak

CONNECTIONS = 18
SECONDS = 10.0
READ = 65536
IAC, SB, SE = b"\xff", b"\xfa", b"\xf0"

ECHO = """
from cletus import Service, events
service = Service(store="memory:", reload=False, compression=True, web_port=0, tls_self_signed=True)

@service.listen(events.Receive)
def receive(event):
    event.client.write("echo " + event.data)

if __name__ == "__main__":
    service.run()
"""


def sub(option: int, body: bytes = b"") -> bytes:
    return IAC + SB + bytes((option,)) + body + IAC + SE


def bomb() -> bytes:
    return sub(87) + zlib.compress(b"  \n" * 340_000, 9) * 12


#: What is sent first, and then over and over again.
FLOODS: dict[str, tuple[bytes, bytes]] = {
    "line feeds": (b"", b"\n" * READ),
    "NOP": (b"", b"\xff\xf1" * (READ // 2)),
    "EC": (b"", b"\xff\xf7" * (READ // 2)),
    "IP": (b"", b"\xff\xf4" * (READ // 2)),
    "AYT": (b"", b"\xff\xf6" * (READ // 2)),
    "DO and WILL": (b"", b"\xff\xfd\x63\xff\xfb\x64" * (READ // 6)),
    "unknown subnegotiations": (b"", sub(99) * (READ // 5)),
    "NEW-ENVIRON": (
        b"\xff\xfb\x18" + sub(24, b"\0XTERM") * 2 + b"\xff\xfb\x27",
        sub(39, b"\0" + b"\0" * 8100) * 8,
    ),
    "MSDP": (b"\xff\xfd\x45", sub(69, b"\1\2" * 4050) * 8),
    "GMCP": (b"\xff\xfd\xc9", sub(201, b"A [" + b"[]," * 2700 + b"1]") * 8),
    "CHARSET": (b"\xff\xfd\x2a", sub(42, b"\1" + b";a" * 30) * 900),
    "bombs": (b"\xff\xfd\x57", bomb()),
    "marks": (b"", ("a" + "\u0301" * 2000 + "\n").encode() * 16),
    "backspaces": (b"", (b"a" * 2000 + b"\b" * 2000 + b"\n") * 16),
    "escape sequences": (b"", b"\x1b[" * 2000 + b"\n"),
    "text": (b"", b"a" * READ),
}


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def connected(port: int, timeout: float = 20.0, source: str = "127.0.0.1") -> socket.socket:
    """A connection from this address, as soon as somebody listens there."""
    end = time.monotonic() + timeout
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout, (source, 0))
        except ConnectionRefusedError:
            assert time.monotonic() < end, "nobody listens"
            time.sleep(0.05)


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[list[int]]:
    """Of telnet and TLS."""
    (tmp_path / "app.py").write_text(ECHO)
    ports = free_ports(2)
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "app.py", f"--port={ports[0]}", f"--tls-port={ports[1]}"]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    connected(ports[1]).close()
    yield ports
    process.terminate()
    process.wait(20)


class Flooder:
    """A program that floods, and takes nothing of our time."""

    def __init__(self, port: int, name: str, source: str = "127.0.0.1") -> None:
        command = [sys.executable, "-m", "tests.soak.test_floods", str(port), name, source]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "flooding\n"

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def flood(port: int, name: str, source: str) -> None:
    """Send without end, from as many connections as there are; for a process of its own."""
    is_tls = name == "TLS records"
    first, again = (b"", b"") if is_tls else FLOODS[name]
    peers = [connected(port, source=source) for _ in range(CONNECTIONS)]
    if is_tls:
        peers = [_hello(peer) for peer in peers]
    for peer in peers:
        with suppress(ConnectionError):  # there may be too many of this address
            peer.sendall(first)
    time.sleep(0.5)  # the negotiation
    sys.stdout.write("flooding\n")
    sys.stdout.flush()
    for peer in peers:
        peer.setblocking(False)
    while peers:
        readable, writable, _ = select.select(peers, peers, [], 0.2)
        for peer in readable:
            with suppress(OSError):
                peer.recv(READ)
        for peer in writable:
            with suppress(BlockingIOError, ssl.SSLError):
                try:
                    if is_tls:
                        for _ in range(500):
                            peer.send(b"a")  # a record for each byte
                    else:
                        peer.send(again)
                except ConnectionError:
                    peers.remove(peer)


def _hello(peer: socket.socket) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(peer)


def round_trips(port: int) -> list[float]:
    """Seconds until each line came back, twenty a second at most."""
    times: list[float] = []
    with closing(connected(port)) as bystander:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            word = b"echo %d\r\n" % len(times)
            begun, seen = time.perf_counter(), b""
            bystander.sendall(word[5:])
            while word not in seen:
                seen += bystander.recv(READ)
            times.append(time.perf_counter() - begun)
            time.sleep(0.05)
    return times


@pytest.mark.parametrize("name", [*FLOODS, "TLS records"])
def test_a_bystander_does_not_wait_for_a_flood(ports: list[int], name: str) -> None:
    """Issue 13: with 18 hostile connections of one address, p50 below 20 ms and p99 below 250 ms."""
    flooder = Flooder(ports[name == "TLS records"], name)
    try:
        times = sorted(round_trips(ports[0]))
    finally:
        flooder.stop()
    half, most = statistics.median(times), times[int(0.99 * len(times))]
    figures = f"{name:24} p50 {half * 1000:6.1f} ms, p99 {most * 1000:6.1f} ms of {len(times)}\n"
    sys.stdout.write(figures)
    assert half < 0.020, figures
    assert most < 0.250, figures


if __name__ == "__main__":
    flood(int(sys.argv[1]), *sys.argv[2:])
