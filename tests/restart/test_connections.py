"""S1 for connections that are not the usual ones: compressed input, slow readers, proxies, Unix sockets."""

from __future__ import annotations

import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import pytest

from tests.e2e.harness import TIMEOUT, Caller, wait_until
from tests.restart.conftest import Serving

MCCP3 = (
    b"\xff\xfd\x57\xff\xfa\x57\xff\xf0"  # IAC DO 87, and IAC SB 87 IAC SE: from here on compressed
)


@pytest.mark.parametrize("cut", ["between", "within"])
def test_s1_s7_compressed_input(
    serving: Callable[..., Serving], called: Callable[[int], Caller], cut: str
) -> None:
    """MCCP3 goes on in the same stream, also in the middle of a compressed piece."""
    service = serving("--compression")
    person = called(service.port)
    compress = zlib.compressobj()

    def packed(line: str) -> bytes:
        return compress.compress(line.encode() + b"\r\n") + compress.flush(zlib.Z_SYNC_FLUSH)

    person.socket.sendall(MCCP3 + packed("the first line"))
    person.sees("the first line 1 1\r\n")
    for number in range(2, 5):
        data = packed(f"the line, the same line, number {number}")
        half = len(data) // 2 if cut == "within" else 0
        person.socket.sendall(data[:half])
        report = service.restart()
        assert (report["outcome"], report["kept"]) == ("taken over", 1), report
        person.socket.sendall(data[half:])
        person.sees(f"number {number} {number} {number}\r\n")
    person.socket.sendall(compress.compress(b"last\r\n") + compress.flush())
    person.types("plain again")
    person.sees("last 5 5\r\n")
    person.sees("plain again 6 6\r\n")


class Inflating:
    """Reads what comes, plain and compressed (MCCP2) by turns."""

    BEGIN = b"\xff\xfa\x56\xff\xf0"

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.socket.sendall(b"\xff\xfd\x56")  # IAC DO 86
        self.streams = 0
        self._inflate: Any = None
        self._plain = self._text = b""

    def sees(self, text: bytes) -> None:
        while text not in self._text + self._plain:
            data = self.socket.recv(1000)
            assert data, self._text
            while data:
                data = self._take(data)
        self._text = (self._text + self._plain).partition(text)[2]
        self._plain = b""

    def _take(self, data: bytes) -> bytes:
        if self._inflate is None:
            before, begin, after = (self._plain + data).partition(self.BEGIN)
            self._text, self._plain = (self._text + before, b"") if begin else (self._text, before)
            if begin:
                self._inflate, self.streams = zlib.decompressobj(), self.streams + 1
            return after
        self._text += self._inflate.decompress(data)
        rest: bytes = self._inflate.unused_data
        if self._inflate.eof:
            self._inflate = None
        return rest


def test_s1_compressed_output(serving: Callable[..., Serving]) -> None:
    """MCCP2: one stream ends and another begins, also when the restart fails. The peer is asked nothing."""
    service = serving("--compression")
    person = Inflating(service.port)
    with closing(person.socket):
        for count, fault in enumerate(("", "S after-thaw kill", ""), 1):
            person.socket.sendall(b"a\r\n")
            person.sees(b"a %d %d\r\n" % (count, count))
            assert person.streams == count
            if fault:
                (service.folder / "fault.txt").write_text(fault)
            report = service.restart()
            assert report["outcome"] == ("refused" if fault else "taken over"), report
        person.socket.sendall(b"a\r\n")
        person.sees(b"a 4 4\r\n")


def test_s1_a_slow_reader(serving: Callable[..., Serving], called: Callable[[int], Caller]) -> None:
    """What waits in the socket, in Twisted's buffer and in the client's own goes out once, in order."""
    service = serving("--output-max=0")
    reader = called(service.port)
    reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    lines = 400_000
    reader.types(f"flood {lines}")
    other = called(service.port)
    other.types("x")
    other.sees("x 1 1\r\n")  # so the flood is written
    for _ in range(2):
        report = service.restart()
        assert (report["outcome"], report["kept"]) == ("taken over", 2), report
    reader.types("and now?")
    seen = bytearray()
    while not seen.endswith(b"and now? 1 1\r\n"):
        data = reader.socket.recv(1 << 20)
        assert data, seen[-100:]
        seen += data
    flood = [line for line in bytes(seen).split(b"\r\n") if b"flood" in line]
    assert len(flood) == lines
    assert all(line.endswith(b"flood %d" % number) for number, line in enumerate(flood))


@contextmanager
def restarting(service: Serving) -> Iterator[Future[dict[str, Any]]]:
    """Restart it; what is inside happens when another process is ready to take over."""
    waits = service.folder / "waits.txt"
    (service.folder / "fault.txt").write_text("S before-IMPORTED wait")
    with ThreadPoolExecutor(1) as pool:
        restart = pool.submit(service.restart)
        try:
            wait_until(waits.exists, "another process", lambda: service.output)
            yield restart
        finally:
            waits.unlink(missing_ok=True)


def test_s1_s6_through_a_proxy(
    serving: Callable[..., Serving], called: Callable[[int], Caller]
) -> None:
    """Each keeps the address that the proxy has told; half a header goes on as well."""
    service = serving("--proxy-from=127.0.0.1")
    port = service.port
    people = [called(port) for _ in range(3)]
    for number, person in enumerate(people):
        person.socket.sendall(
            b"PROXY TCP4 192.0.2.%d 127.0.0.1 %d 9000\r\n" % (number, 4000 + number)
        )
        person.types("a")
        person.sees("a 1 1\r\n")
    for count in (2, 3):
        with restarting(service) as restart:  # a header has to be whole within ten seconds
            half = called(port)
            half.socket.sendall(b"PROXY TCP4 198.51.100.7 127")
            silent = called(port)
            silent.socket.sendall(b"PROXY TCP4 198.51.100.8 127.0.0.1 5000 9000\r\n")
        report = restart.result()
        assert report["outcome"] == "taken over", report
        assert report["dropped"] == 0, report
        half.socket.sendall(b".0.0.1 5000 9000\r\n")
        for number, person in enumerate(people):
            person.types("address", "b")
            person.sees(f"192.0.2.{number}:{4000 + number}\r\n")
            person.sees(f"b {count} {count}\r\n")
        for person, address in ((half, "198.51.100.7:5000"), (silent, "198.51.100.8:5000")):
            person.types("address")
            person.sees(f"{address}\r\n")
            person.hang_up()


def test_s1_who_breaks_off_meanwhile_before_it_is_known_who_they_are_hinders_nobody(
    serving: Callable[..., Serving], called: Callable[[int], Caller]
) -> None:
    """As the health checks of proxies do, which connect and reset."""
    service = serving("--proxy-from=127.0.0.1")
    person = called(service.port)
    person.socket.sendall(b"PROXY TCP4 192.0.2.1 127.0.0.1 4000 9000\r\n")
    with restarting(service) as restart:
        silent = called(service.port)
        person.types("a")
        person.sees("a 1 1\r\n")
        waits = service.folder / "waits.txt"
        (service.folder / "fault.txt").write_text("S before-thaw wait")
        waits.unlink()
        wait_until(waits.exists, "the sockets are handed over", lambda: service.output)
        silent.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        silent.hang_up()
    report = restart.result()
    assert report["outcome"] == "taken over", report
    person.types("b")
    person.sees("b 2 2\r\n")


def test_s1_over_a_unix_socket(serving: Callable[..., Serving]) -> None:
    """Those who are connected stay so, and others come in by the same path."""
    service = serving("--listen=telnet:unix:talk.sock")
    service.prints("Stop with Ctrl-C")
    with closing(_at(service)) as person:
        for count in (1, 2, 3):
            person.sendall(b"a\r\n")
            _sees(person, b"a %d %d\r\n" % (count, count))
            report = service.restart()
            assert (report["outcome"], report["kept"]) == ("taken over", 1), report
            with closing(_at(service)) as newcomer:
                newcomer.sendall(b"x\r\n")
                _sees(newcomer, b"x 1 1\r\n")
    assert service.stop() == 0
    assert not (service.folder / "talk.sock").exists()


def _at(service: Serving) -> socket.socket:
    person = socket.socket(socket.AF_UNIX)
    person.settimeout(TIMEOUT)
    person.connect(str(service.folder / "talk.sock"))
    return person


def _sees(person: socket.socket, text: bytes) -> None:
    seen = b""
    while text not in seen:
        data = person.recv(1000)
        assert data, seen
        seen += data
