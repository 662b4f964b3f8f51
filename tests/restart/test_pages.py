"""S1 for pages: a session goes on in the new process by its secret, and what is under way over HTTP as well.

The client here does what the page's own ``wire.js`` does; ``tests/e2e/test_web_sessions.py`` has a browser.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.e2e.harness import TIMEOUT, wait_until
from tests.restart.conftest import Serving

PATIENCE = 120.0

_COMMANDS = re.compile(rb"\xff\xfa.*?\xff\xf0|\xff[\xfb-\xfe].|\xff[\xf0-\xf9\xef]", re.DOTALL)


class Page:
    """Types numbered lines, five ahead of the answers, until it is stopped; each answer comes once, in order."""

    def __init__(self) -> None:
        self.secret = ""
        self.received = 0
        self.resumed = 0
        self.sent: list[bytes] = []
        self.answers = 0
        self.stopped = False
        self._text = b""

    async def talk(self, port: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while not (self.stopped and self.answers == len(self.sent)):
                session = f"session.cletus.{self.secret}.{self.received}"
                names: Any = ["telnet.mudstandards.org", session if self.secret else session[:14]]
                try:
                    async with connect(f"ws://127.0.0.1:{port}/ws", subprotocols=names) as socket:
                        await self._talk_on(socket)
                except (ConnectionClosed, InvalidHandshake, OSError):
                    await asyncio.sleep(0.05)

    async def _talk_on(self, socket: Any) -> None:
        async for message in socket:
            if isinstance(message, bytes):
                self.received += 1
                self._read(message)
            elif "session" in (words := json.loads(message)):
                assert not self.secret, "the session was lost"
                self.secret = words["session"]
            elif "resumed" in words:
                self.resumed += 1
                assert words["resumed"]["lost"] == 0
                for line in self.sent[words["resumed"]["received"] :]:
                    await socket.send(line)
            if self.stopped and self.answers == len(self.sent):
                return
            while not self.stopped and len(self.sent) < self.answers + 5:
                self.sent.append(b"line %d\r\n" % (len(self.sent) + 1))
                await socket.send(self.sent[-1])

    def _read(self, data: bytes) -> None:
        *lines, self._text = (self._text + _COMMANDS.sub(b"", data)).split(b"\r\n")
        for line in lines:
            self.answers += 1
            expected = b"line %d %d %d" % ((self.answers,) * 3)
            assert line == expected, (line, expected)


def web_port(service: Serving) -> int:
    return int(service.prints(r"Open http://\S+:(\d+)/")[1])


LISTEN = ("--listen=telnet:tcp:0:interface=127.0.0.1", "--listen=web:tcp:0:interface=127.0.0.1")


@pytest.mark.parametrize(
    ("people", "restarts"), [(4, 1), pytest.param(50, 10, marks=pytest.mark.soak)]
)
def test_s1_every_line_of_a_page_once(
    serving: Callable[..., Serving], people: int, restarts: int
) -> None:
    """Half of the restarts fail, when everything has been left already."""
    service = serving(*LISTEN, "--line-rate=0", "--connections-per-address=0")
    port = web_port(service)

    async def all_at_once() -> list[Page]:
        pages = [Page() for _ in range(people)]
        talking = [asyncio.create_task(page.talk(port)) for page in pages]
        try:
            for number in range(2 * restarts):
                if number % 2:
                    (service.folder / "fault.txt").write_text("S after-thaw kill")
                report = await asyncio.to_thread(service.restart)
                assert report["outcome"] == ("refused" if number % 2 else "taken over"), report
                if report["outcome"] == "taken over":
                    assert report["kept"] == people
        finally:
            for page in pages:
                page.stopped = True
        await asyncio.gather(*talking)
        return pages

    pages = asyncio.run(all_at_once())
    assert all(page.resumed >= restarts for page in pages)
    assert min(len(page.sent) for page in pages) > 10
    noted = service.noted("connects.txt")
    assert noted[: people + 1] == ["start", *["connect"] * people]
    assert "disconnect restarted" not in noted


def test_s1_requests_go_on(serving: Callable[..., Serving]) -> None:
    """A page that is loaded meanwhile: half a request, and a connection on which another one follows."""
    service = serving(*LISTEN)
    port = web_port(service)
    service.prints("Stop with Ctrl-C")
    half, again, silent = (
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) for _ in range(3)
    )
    with closing(half), closing(again), closing(silent):
        half.sendall(b"GET /health HTTP/1.1\r\nHo")
        again.sendall(REQUEST)
        assert answered(again)
        report = service.restart()
        assert report["outcome"] == "taken over"
        half.sendall(REQUEST.partition(b"Ho")[2])
        again.sendall(REQUEST)
        silent.sendall(REQUEST)
        for connection in (half, again, silent):
            assert answered(connection)


@pytest.mark.parametrize("protocol", ["telnet.mudstandards.org", "gmcp.mudstandards.org"])
def test_s12_a_program_without_a_session_is_told_to_connect_again(
    serving: Callable[..., Serving], protocol: str
) -> None:
    """It gets the answer to its last line, ``restart_goodbye``, and the close code for a restart."""
    service = serving(*LISTEN, "--restart-goodbye=Connect again, please.")
    port = web_port(service)

    async def talk() -> tuple[bytes, int | None]:
        names: Any = [protocol]
        async with connect(f"ws://127.0.0.1:{port}/ws", subprotocols=names) as program:
            await program.send(b"a\r\n")
            received = b""
            while b"a 1 1\r\n" not in received:
                received += _bytes(await program.recv())
            report = await asyncio.to_thread(service.restart)
            assert (report["kept"], report["dropped"]) == (0, 1)
            with suppress(ConnectionClosed):
                async with asyncio.timeout(PATIENCE):
                    while True:
                        received += _bytes(await program.recv())
            return received, program.close_code

    received, code = asyncio.run(talk())
    assert b"Connect again, please." in received
    assert received.count(b"a 1 1") == 1
    assert code == 1012
    wait_until(lambda: "disconnect restarted" in service.noted("connects.txt"), "Disconnect")


def _bytes(message: Any) -> bytes:
    return message if isinstance(message, bytes) else str(message).encode()


REQUEST = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def answered(connection: socket.socket) -> bool:
    """Whether a whole answer comes."""
    seen = b""
    while not seen.endswith(b"ok\n"):
        data = connection.recv(1000)
        assert data, seen
        seen += data
    return seen.startswith(b"HTTP/1.1 200")
