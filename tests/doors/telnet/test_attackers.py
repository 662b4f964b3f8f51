"""Hostile clients, against a service with real sockets in a process of its own.

The statements are those of section 4 of the reliability notes. Memory is that of the whole process.
"""

from __future__ import annotations

import ctypes
import re
import select
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import product
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

MIB = 1 << 20
SO_ATTACH_FILTER = 26  # of asm-generic/socket.h; Python does not name it

ECHO = """
import sys
from cletus import Service, events
service = Service(store="memory:", reload=False)

@service.listen(events.Receive)
def receive(event):
    if event.data == "flood":
        for _ in range(200):
            service.write_all("x" * 10_000)
    else:
        event.client.write("echo " + event.data)

@service.listen(events.Receive)
async def work(event):
    if event.data == "work":
        await service.sleep(3600)

if __name__ == "__main__":
    service.run(port=0)
"""


class Victim:
    """The service that is attacked."""

    def __init__(self, folder: Path, *options: str, files: int = 0) -> None:
        script = folder / "victim.py"
        script.write_text(ECHO)
        limit = ["prlimit", f"--nofile={files}:{files}"] if files else []
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*limit, sys.executable, str(script), *options],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.port = int(line.rpartition(b":")[2])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def rss(self) -> int:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * 4096

    def descriptors(self) -> int:
        """How many file descriptors it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def settles(self, descriptors: int, seconds: float = 10) -> None:
        """Wait until it has exactly so many open."""
        deadline = time.monotonic() + seconds
        while (found := self.descriptors()) != descriptors:
            assert time.monotonic() < deadline, f"{found} open, not {descriptors}"
            time.sleep(0.02)

    def is_well(self) -> bool:
        """Whether a new client is served, and soon."""
        with closing(self.connect()) as one:
            start = time.monotonic()
            one.sendall(b"hello\r\n")
            return b"echo hello" in until(one, b"echo hello") and time.monotonic() - start < 10

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()


def until(one: socket.socket, text: bytes) -> bytes:
    found = b""
    while text not in found:
        data = one.recv(65536)
        if not data:
            break
        found += data
    return found


def is_closed(one: socket.socket) -> bool:
    """Whether the other side closes the connection within some seconds."""
    try:
        while one.recv(65536):
            continue
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.fixture
def victim(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Victim]:
    one = Victim(tmp_path, *getattr(request, "param", ()))
    yield one
    one.stop()


def pour(one: socket.socket, data: bytes, total: int, seconds: float = 5.0) -> int:
    """Send ``total`` bytes, or as many as are accepted in so many seconds."""
    one.setblocking(False)
    sent, end = 0, time.monotonic() + seconds
    while sent < total and time.monotonic() < end:
        _, writable, _ = select.select([], [one], [], 0.2)
        if writable:
            try:
                sent += one.send(data)
            except (ConnectionResetError, BrokenPipeError):
                break
    one.setblocking(True)
    one.settimeout(20)
    return sent


ENDLESS = {
    "an endless line": b"A" * 65536,
    "an endless subnegotiation": b"\xff\xfa\x1f" + b"A" * 65536,
    "one of doubled IACs": b"\xff\xfa\x1f" + b"\xff\xff" * 32768,
    "a line of doubled IACs": b"\xff\xff" * 32768,
    "negotiation without end": b"\xff\xfb\x63\xff\xfd\x64" * 10922,
    "AYT without end": b"\xff\xf6" * 32768,
}


def test_endless_input_takes_no_memory(victim: Victim) -> None:
    """Statements 27, 32 and 33. Everybody else is served meanwhile."""
    before = victim.rss()
    for name, data in ENDLESS.items():
        with closing(victim.connect()) as one:
            pour(one, data, 200 * MIB, seconds=1.5)
            assert victim.is_well(), name
            assert victim.rss() - before < 12 * MIB, name


def test_answers_to_a_negotiation_flood_are_few(victim: Victim) -> None:
    """Statement 33: the answers a second are limited."""
    with closing(victim.connect()) as one:
        pour(one, b"\xff\xfb\x63" * 21845, 10 * MIB, seconds=2.0)
        one.settimeout(1.0)
        assert len(one.recv(1 << 20)) < 8192


def test_a_slow_reader_is_dropped_and_its_memory_comes_back(tmp_path: Path) -> None:
    """Statements 21 and 22: two megabytes for each of forty clients that do not read, and one that does."""
    victim = Victim(tmp_path, "--output-max", "200000", "--line-rate", "0", "--detect-delay", "0")
    try:
        with ExitStack() as stack:
            idle = [stack.enter_context(closing(victim.connect())) for _ in range(40)]
            for one in idle:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader = stack.enter_context(closing(victim.connect()))
            before = victim.rss()
            highest = 0
            for _ in range(5):
                reader.sendall(b"flood\r\n")
                received = 0
                while received < 200 * 10_002:
                    received += len(reader.recv(MIB))
                highest = max(highest, victim.rss())
            assert highest - before < 40 * 400_000 + 10 * MIB
            assert victim.is_well()
            log = victim.log.read_text()
            assert log.count("output_max") == 40, "one line for each"
    finally:
        victim.stop()


@pytest.mark.parametrize("victim", [("--compression",)], indirect=True)
def test_a_bomb_of_mccp3_is_thrown_out(victim: Victim) -> None:
    """Statement 36."""
    bomb = zlib.compress(b"x" * (64 * MIB))
    before = victim.rss()
    with closing(victim.connect()) as one:
        one.sendall(b"\xff\xfd\x57\xff\xfa\x57\xff\xf0" + bomb)
        assert is_closed(one)
    assert victim.rss() - before < 8 * MIB
    assert victim.is_well()


@pytest.mark.parametrize(
    "victim", [("--connections-per-address", "10", "--connections-max", "12")], indirect=True
)
def test_a_crowd_from_one_address_is_refused(victim: Victim) -> None:
    with ExitStack() as stack:
        inside = [stack.enter_context(closing(victim.connect())) for _ in range(10)]
        inside[-1].sendall(b"hello\r\n")
        assert b"echo" in until(inside[-1], b"echo hello")
        for _ in range(50):
            with closing(victim.connect()) as one:
                assert until(one, b"later").startswith(b"Too many people are here from your")
                assert is_closed(one)
    assert victim.is_well()
    assert victim.log.read_text().count("refused") <= 5, "one line a second at the most"


def test_without_file_descriptors_new_connections_wait(tmp_path: Path) -> None:
    """Statement 23: connected clients are not affected, the others are accepted later; few log lines."""
    victim = Victim(tmp_path, files=64)
    try:
        with ExitStack() as stack:
            crowd = [stack.enter_context(closing(victim.connect())) for _ in range(80)]
            crowd[0].sendall(b"hello\r\n")
            assert b"echo hello" in until(crowd[0], b"echo hello")
            crowd[-1].sendall(b"me too\r\n")
            crowd[-1].settimeout(1.0)
            with pytest.raises(TimeoutError):
                until(crowd[-1], b"echo me too")
            for one in crowd[:60]:
                one.close()
            crowd[-1].settimeout(20)
            assert b"echo me too" in until(crowd[-1], b"echo me too")
        assert victim.log.read_text().count("file descriptors") == 1
        assert "Traceback" not in victim.log.read_text()
    finally:
        victim.stop()


def test_a_flood_of_lines_is_delayed_and_not_lost(tmp_path: Path) -> None:
    """Statement 28: forty lines at once, then ``line_rate`` a second, all in order."""
    victim = Victim(tmp_path, "--line-rate", "100")
    try:
        with closing(victim.connect()) as one:
            one.sendall(b"".join(b"n%d\r\n" % number for number in range(240)))
            start = time.monotonic()
            found = until(one, b"n239\r\n")
            assert time.monotonic() - start > 1.5
            lines = [line for line in found.split(b"\r\n") if b"echo" in line]
            assert [int(line.rpartition(b"n")[2]) for line in lines] == list(range(240))
    finally:
        victim.stop()


def test_http_is_refused_and_closed(victim: Victim) -> None:
    with closing(victim.connect()) as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nCookie: y\r\n\r\n")
        found = until(one, b"telnet client")
        assert b"HTTP/1.1 400" in found
        assert b"echo" not in found
        assert is_closed(one)


@pytest.mark.parametrize("victim", [("--proxy-from", "127.0.0.0/8")], indirect=True)
@pytest.mark.parametrize(
    "header",
    [
        b"PROXY TCP4 203.0.113.9 127.0.0.1 8080 23\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\x00\x71\x09\x7f\0\0\1\x1f\x90\0\x17",
    ],
)
def test_behind_a_trusted_proxy_the_address_is_the_real_one(victim: Victim, header: bytes) -> None:
    with closing(victim.connect()) as one:
        one.sendall(header + b"hello\r\n")
        assert b"echo hello" in until(one, b"echo hello")
    deadline = time.monotonic() + 20  # the log has a thread of its own
    while "203.0.113.9:8080" not in victim.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_proxy_header_from_a_stranger_is_a_line(victim: Victim) -> None:
    with closing(victim.connect()) as one:
        one.sendall(b"PROXY TCP4 203.0.113.9 127.0.0.1 8080 23\r\n")
        assert b"echo PROXY" in until(one, b"23\r\n")
    assert "203.0.113.9:8080 " not in victim.log.read_text()


def test_a_connection_may_end_at_any_byte(victim: Victim) -> None:
    """Statement 31: closed, reset and half-closed; no connection is left."""
    conversation = b"\xff\xfb\x18\xff\xfa\x18\0xterm\xff\xf0\xff\xfd\x46hello\r\n\xff\xfa\x1f\0\x50\0\x18\xff\xf0"
    with closing(victim.connect()) as steady:
        steady.sendall(b"hello\r\n")
        until(steady, b"echo hello")
        descriptors = victim.descriptors()
        for cut, how in product(range(len(conversation)), ("close", "reset", "half")):
            one = victim.connect()
            one.sendall(conversation[:cut])
            if how == "reset":
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            elif how == "half":
                one.shutdown(socket.SHUT_WR)
                assert is_closed(one)
            one.close()
        assert victim.is_well()
        victim.settles(descriptors)
    assert "Traceback" not in victim.log.read_text()


def test_a_reset_is_noticed_while_a_line_waits_that_was_typed_ahead(victim: Victim) -> None:
    """At once: of a socket that is not read, only the signs of life of TCP tell, a minute later."""
    one = victim.connect()
    one.sendall(b"work\r\n")
    until(one, b"echo work")
    one.sendall(b"typed ahead\r\n")
    assert victim.is_well(), "the line has been read by now"
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    one.close()
    deadline = time.monotonic() + 20
    while not re.search(r"<Client 1 .*disconnected", victim.log.read_text()):
        assert time.monotonic() < deadline, victim.log.read_text()
        time.sleep(0.02)


def test_thousands_of_short_connections_leave_nothing_behind(tmp_path: Path) -> None:
    """Statement 24: closed, reset and cut in a command; no descriptor and no memory is left."""
    victim = Victim(tmp_path, "--connections-per-address", "0")
    try:
        with closing(victim.connect()) as steady:
            steady.sendall(b"hello\r\n")
            until(steady, b"echo hello")
            descriptors = victim.descriptors()
            storm(victim, 2000)  # what Python and the allocator keep for next time is there by then
            victim.settles(descriptors)
            before = victim.rss()
            storm(victim, 4000)
            steady.sendall(b"still here\r\n")
            assert b"echo still here" in until(steady, b"echo still here")
            assert victim.is_well()
            victim.settles(descriptors)
            assert victim.rss() - before < 8 * MIB, "had each kept a client's, it would be 30"
        log = victim.log.read_text()
        assert "Traceback" not in log
        assert log.count(" connected") >= 50, "the log limits lines of one sort (logs/limit.py)"
    finally:
        victim.stop()


def storm(victim: Victim, count: int) -> None:
    """Connections that end as soon as they are open, in three ways by turns."""
    reset = b"\1\0\0\0\0\0\0\0"
    for number in range(count):
        one = victim.connect()
        if number % 3 == 1:
            one.sendall(b"\xff\xfa\x18\0xte")
        elif number % 3 == 2:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        one.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can make a socket deaf")
@pytest.mark.parametrize("victim", [("--keep-alive", "1")], indirect=True)
def test_peers_that_vanish_are_detected(victim: Victim) -> None:
    """Statement 25: after twice the time of silence, also while our signs of life are unacknowledged.

    A filter that lets no packet in makes their sockets dead, as if a cable had been pulled. A client
    that is merely silent stays connected.
    """
    with ExitStack() as stack:
        silent = [stack.enter_context(closing(victim.connect())) for _ in range(2)]
        silent[1].sendall(b"hello\r\n")
        until(silent[1], b"echo hello")
        descriptors = victim.descriptors()
        dead = [stack.enter_context(closing(victim.connect())) for _ in range(40)]
        for one in [silent[0], *dead[:20]]:  # these speak telnet, and so are sent NOPs
            one.sendall(b"\xff\xfb\x18hello\r\n")
            until(one, b"echo hello")
        victim.settles(descriptors + len(dead))
        for one in dead:
            deafen(one)
        start = time.monotonic()
        victim.settles(descriptors, seconds=20)
        assert time.monotonic() - start > 2, "not for the first silence"
        for one in silent:
            one.sendall(b"here\r\n")
            assert b"echo here" in until(one, b"echo here")


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_USER_TIMEOUT is of Linux")
@pytest.mark.parametrize(
    "victim", [("--keep-alive", "1", "--output-max", "0", "--line-rate", "0")], indirect=True
)
def test_a_peer_that_reads_nothing_for_as_long_is_dropped_too(victim: Victim) -> None:
    """Statement 25: its machine answers the probes, but what waits for it does not go out."""
    with closing(victim.connect()) as one:
        one.sendall(b"hello\r\n")
        until(one, b"echo hello")
        descriptors = victim.descriptors()
        one.sendall(b"flood\r\n" * 5)
        victim.settles(descriptors - 1, seconds=20)
    assert victim.is_well()


def deafen(one: socket.socket) -> None:
    """Have the kernel drop every packet for this socket, acknowledgements included."""
    nothing = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF: return 0 bytes of it
    program = ctypes.create_string_buffer(nothing, len(nothing))
    attached = struct.pack("HL", 1, ctypes.addressof(program))
    one.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, attached)
