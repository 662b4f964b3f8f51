"""A crowd by all doors at once, over good and refused reloads: everybody reads the same lines, each once.

Some of them speak all the time: each says the next line when they have heard their last one. The small crowd is of
every test run, the large one of ``make soak``.
"""

from __future__ import annotations

import asyncio
import re
import resource
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.e2e.harness import Talker, program

PATIENCE = 200.0
SPEAKERS = 3  # at each door

APP = """\
from cletus import Service, events
service = Service()
VERSION = 0

@service.listen(events.Connect)
def connect(event):
    event.client.write("hello")

@service.listen(events.Receive)
def receive(event):
    service.write_all(f"{VERSION} {event.data}")
"""
BROKEN = ("def x(:", "1/0", "import nothing_of_this_name")
RELOADS = 6  # every other one is refused

#: What the door asks a telnet client at the beginning; these people answer nothing.
NEGOTIATION = re.compile(rb"\xff[\xfb-\xfe].", re.DOTALL)


class Crowd:
    """What everybody hears, and how far each has come.

    Attributes:
        lines: from the first line for everybody on.
        heard: of each speaker, whether their latest line was heard.
        begun: somebody has heard "begin". What is said before that on another connection may come before it.
        stop: nobody says anything more.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.heard: dict[str, asyncio.Event] = {}
        self.begun = asyncio.Event()
        self.stop = asyncio.Event()


class Person(ABC):
    """Somebody in the crowd."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.typed = 0
        self.count = -1  # lines read from "begin" on
        self.is_in = asyncio.Event()

    @abstractmethod
    async def pieces(self) -> AsyncIterator[bytes]:
        """What comes, in any pieces; ends when the service closes the connection."""
        yield b""

    @abstractmethod
    async def types(self, line: str) -> None:
        """Send a line."""

    @abstractmethod
    async def leaves(self) -> None:
        """Close the connection."""

    async def reads(self, crowd: Crowd) -> None:
        """Read from ``begin`` to ``end``; every line must be the one that all others read there."""
        rest = b""
        async for piece in self.pieces():
            *lines, rest = (rest + piece).split(b"\n")
            for line in (NEGOTIATION.sub(b"", line).decode().rstrip("\r") for line in lines):
                if self.count < 0:
                    self.is_in.set()
                    if line.endswith(" begin"):
                        self.count = 0
                        crowd.begun.set()
                    continue
                if self.count == len(crowd.lines):
                    crowd.lines.append(line)
                assert line == crowd.lines[self.count], (
                    f"{self.name} after {crowd.lines[: self.count][-3:]}"
                )
                self.count += 1
                if line.endswith(" end"):
                    return
                if line.endswith(f" {self.name} {self.typed}"):
                    crowd.heard[self.name].set()
        pytest.fail(f"{self.name} was dropped after {self.count} lines")

    async def speaks(self, crowd: Crowd) -> None:
        """Say the next line when the last one was heard."""
        heard = crowd.heard[self.name] = asyncio.Event()
        while not crowd.stop.is_set():
            heard.clear()
            self.typed += 1
            await self.types(f"{self.name} {self.typed}")
            await heard.wait()


class AtTelnet(Person):
    def __init__(self, name: str, port: int) -> None:
        super().__init__(name)
        self._port = port

    async def pieces(self) -> AsyncIterator[bytes]:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        while piece := await reader.read(65536):
            yield piece

    async def types(self, line: str) -> None:
        self._writer.write(f"{line}\r\n".encode())

    async def leaves(self) -> None:
        self._writer.close()


class AtPage(Person):
    """As the page does it, with a session."""

    def __init__(self, name: str, port: int, busy: asyncio.Semaphore) -> None:
        super().__init__(name)
        self._port = port
        self._busy = busy

    async def pieces(self) -> AsyncIterator[bytes]:
        url: Any = f"ws://127.0.0.1:{self._port}/ws"
        protocols: Any = ["telnet.mudstandards.org", "session.cletus"]
        async with self._busy:
            self._socket = await connect(
                url, subprotocols=protocols, ping_interval=None, proxy=None
            )
        async for message in self._socket:
            if isinstance(message, bytes):
                yield message

    async def types(self, line: str) -> None:
        await self._socket.send(f"{line}\r\n".encode())

    async def leaves(self) -> None:
        await self._socket.close()


class AtSsh(Person):
    """With OpenSSH."""

    def __init__(self, name: str, port: int, busy: asyncio.Semaphore) -> None:
        super().__init__(name)
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
        self._command = [program("ssh"), "-F", "/dev/null", "-T", "-p", str(port)]
        self._command += [part for option in options for part in ("-o", option)]
        self._busy = busy

    async def pieces(self) -> AsyncIterator[bytes]:
        pipe = asyncio.subprocess.PIPE
        async with self._busy:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, "guest@127.0.0.1", stdin=pipe, stdout=pipe
            )
            assert self._process.stdout is not None
            piece = await self._process.stdout.read(65536)
        while piece:
            yield piece
            piece = await self._process.stdout.read(65536)

    async def types(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def leaves(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


async def story(talker: Talker, web: int, telnet: int, ssh: int) -> tuple[Crowd, list[Person]]:
    """Everybody comes in, and speaks and reads through all reloads."""
    crowd, busy, few = Crowd(), asyncio.Semaphore(50), asyncio.Semaphore(4)
    port, page, secure = (
        int(talker.prints(rf"Listening on {door} 127\.0\.0\.1:(\d+)\n")[1])
        for door in ("telnet", "web", "ssh")
    )
    doors: list[list[Person]] = [
        [AtTelnet(f"telnet{number}", port) for number in range(telnet)],
        [AtPage(f"web{number}", page, busy) for number in range(web)],
        [AtSsh(f"ssh{number}", secure, few) for number in range(ssh)],
    ]
    people = [person for door in doors for person in door]
    speakers = [person for door in doors for person in door[:SPEAKERS]]
    reading = [asyncio.create_task(person.reads(crowd)) for person in people]
    everything = asyncio.gather(*reading)
    try:
        await unless_failed(everything, (person.is_in.wait() for person in people))
        await speakers[0].types("begin")
        await unless_failed(everything, [crowd.begun.wait()])
        speaking = [asyncio.create_task(person.speaks(crowd)) for person in speakers]
        for number in range(1, RELOADS + 1):
            await unless_failed(everything, [asyncio.to_thread(reload, talker, number)])
            while number % 2 and not crowd.lines[-1].startswith(f"{number} "):
                await asyncio.sleep(0.01)
        crowd.stop.set()
        await unless_failed(everything, speaking)
        await speakers[0].types("end")
        await everything
    except asyncio.CancelledError:
        pytest.fail(
            f"{len(crowd.lines)} lines, the latest {crowd.lines[-1:]}; {waiting(people, crowd)}"
        )
    finally:
        for task in reading:
            task.cancel()
        await asyncio.gather(*(person.leaves() for person in people), return_exceptions=True)
    return crowd, speakers


def waiting(people: list[Person], crowd: Crowd) -> str:
    """Who waits for what, for the message."""
    behind = {person.name: person.count for person in people if person.count < len(crowd.lines)}
    unheard = {name: heard for name, heard in crowd.heard.items() if not heard.is_set()}
    typed = {person.name: person.typed for person in people if person.name in unheard}
    return f"not heard: {typed}; lines read by those behind: {behind}"


async def unless_failed(reading: Any, others: Iterable[Any]) -> None:
    """Wait for the others; if somebody reads what they should not, that is raised at once."""
    waited = asyncio.gather(*others)
    done, _ = await asyncio.wait((reading, waited), return_when=asyncio.FIRST_COMPLETED)
    if waited not in done:
        waited.cancel()
        await reading
        pytest.fail("everybody has come to an end")
    await waited


def reload(talker: Talker, number: int) -> None:
    """An edit that is good, or one that is refused."""
    if number % 2:
        talker.write("app.py", APP.replace("VERSION = 0", f"VERSION = {number}"))
        talker.prints("Reloaded, generation", (number + 1) // 2)
    else:
        talker.write("app.py", f"{APP}\n# {number}\n{BROKEN[number // 2 % len(BROKEN)]}\n")
        talker.prints("Reload refused", number // 2)


@pytest.mark.parametrize(
    ("web", "telnet", "ssh"),
    [
        pytest.param(40, 4, 4, id="small"),
        pytest.param(1000, 20, 20, id="large", marks=(pytest.mark.soak, pytest.mark.timeout(600))),
    ],
)  # fmt: skip - a table
def test_everybody_reads_every_line_once_through_reloads(
    start: Callable[..., Talker], web: int, telnet: int, ssh: int, tmp_path: Any
) -> None:
    program("ssh")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    (tmp_path / "app.py").write_text(APP)
    doors = [f"--listen={door}:tcp:0:interface=127.0.0.1" for door in ("telnet", "web", "ssh")]
    limits = ["--line-rate=0", "--connections-per-address=0", "--reload-debounce=0.02"]
    talker = start("-m", "cletus", "run", "app.py", "--store=memory:", *doors, *limits)
    talker.prints("Stop with Ctrl-C")

    async def whole() -> tuple[Crowd, list[Person]]:
        async with asyncio.timeout(PATIENCE if web < 100 else 2.5 * PATIENCE):
            return await story(talker, web, telnet, ssh)

    crowd, speakers = asyncio.run(whole())
    split = [line.split(" ") for line in crowd.lines[:-1]]
    for person in speakers:
        numbers = [int(number) for _, name, number in split if name == person.name]
        assert numbers == list(range(1, person.typed + 1))
    versions = [int(version) for version, *_ in split]
    assert versions == sorted(versions)
    assert set(versions) == {0, 1, 3, 5}
    assert "Traceback" not in talker.output
    assert talker.stop() == 0
