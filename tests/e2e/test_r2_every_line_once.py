"""R2: no line typed is lost, doubled or reordered by a reload; no connection is closed by it.

A real process, 200 real connections, 50 reloads of which half are broken. Each person types numbered
lines as fast as the answers allow, some lines cut into pieces, and checks every answer; the answers
also tell the generation that gave them, so that the test knows that reloads did happen meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import sys
from pathlib import Path

import pytest

PEOPLE = 200
RELOADS = 50
PATIENCE = 60.0

TEXT = """
from cletus import Service, events
service = Service()
VERSION = 0

@service.listen(events.Connect)
def connect(event):
    event.client.heard = 0

@service.listen(events.Receive)
def receive(event):
    client = event.client
    client.heard += 1
    client.write(f"{event.data} {client.heard} {VERSION}")
"""
BROKEN = [
    "def x(:",
    "1/0",
    "import nothing_of_this_name",
    "service.configure(line_max=3)\nraise SystemExit",
]

#: What the door asks a telnet client at the beginning; these people answer nothing.
NEGOTIATION = re.compile(rb"\xff[\xfb-\xfe].", re.DOTALL)

pytestmark = pytest.mark.e2e


class Running:
    """The process, and what it has logged so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log = ""
        self._more = asyncio.Condition()

    async def read(self) -> None:
        while line := await self.process.stdout.readline():
            async with self._more:
                self.log += line.decode()
                self._more.notify_all()

    async def logs(self, pattern: str, times: int = 1) -> re.Match:
        async with asyncio.timeout(PATIENCE), self._more:
            await self._more.wait_for(lambda: len(re.findall(pattern, self.log)) >= times)
        return re.search(pattern, self.log)


async def start(folder: Path) -> Running:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cletus",
        "run",
        "app.py",
        "--port",
        "0",
        "--store",
        "memory:",
        "--line-rate",
        "0",
        "--reload-debounce",
        "0.02",
        "--connections-per-address",
        "0",
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    return Running(process)


class Person:
    """Types lines and remembers which versions have answered."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.versions: list[int] = []
        self.typed = 0

    async def chat(self, port: int, stop: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        chance = random.Random(self.number)
        while not stop.is_set():
            burst = chance.randint(1, 5)
            lines = [f"p{self.number} n{self.typed + n}" for n in range(1, burst + 1)]
            data = "".join(f"{line}\r\n" for line in lines).encode()
            cut = chance.randint(0, len(data))
            writer.write(data[:cut])
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(data[cut:])
            for line in lines:
                await self._hear(reader, line)
            await asyncio.sleep(chance.random() * 0.1)
        writer.close()

    async def _hear(self, reader: asyncio.StreamReader, line: str) -> None:
        self.typed += 1
        async with asyncio.timeout(PATIENCE):
            answer = NEGOTIATION.sub(b"", await reader.readline()).decode()
        said, heard, version = answer.strip().rsplit(" ", 2)
        assert (said, int(heard)) == (line, self.typed), f"{answer!r} after {line!r}"
        self.versions.append(int(version))


async def story(folder: Path) -> tuple[list[Person], Running]:
    (folder / "app.py").write_text(TEXT)
    running = await start(folder)
    try:
        people = await typed_through_reloads(folder, running)
    finally:
        if running.process.returncode is None:
            running.process.kill()
            await running.process.wait()
    return people, running


async def typed_through_reloads(folder: Path, running: Running) -> list[Person]:
    reading = asyncio.create_task(running.read())
    port = int((await running.logs(r"telnet 127\.0\.0\.1:(\d+)"))[1])
    people, stop = [Person(n) for n in range(PEOPLE)], asyncio.Event()
    chats = [asyncio.create_task(person.chat(port, stop)) for person in people]
    for n in range(1, RELOADS + 1):
        if n % 2:
            (folder / "app.py").write_text(TEXT.replace("VERSION = 0", f"VERSION = {n}"))
            await running.logs(r"Reloaded, generation", (n + 1) // 2)
        else:
            broken = BROKEN[n // 2 % len(BROKEN)]
            (folder / "app.py").write_text(f"{TEXT}\n# {n}\n{broken}\n")
            await running.logs(r"Reload refused", n // 2)
        failed = next((chat for chat in chats if chat.done()), None)
        if failed is not None:
            failed.result()
    stop.set()
    await asyncio.gather(*chats)
    running.process.send_signal(signal.SIGTERM)
    await running.process.wait()
    await reading
    return people


def test_every_line_of_200_people_is_answered_once_and_in_order_through_50_reloads(tmp_path):
    async def whole() -> tuple[list[Person], Running]:
        async with asyncio.timeout(4 * PATIENCE):
            return await story(tmp_path)

    people, running = asyncio.run(whole())
    assert running.process.returncode == 0
    assert "Traceback" not in running.log
    good = {n for n in range(1, RELOADS + 1) if n % 2}
    answered = set().union(*(person.versions for person in people))
    assert answered <= good | {0}
    assert len(answered) >= RELOADS // 4, "the people typed too slowly to meet the reloads"
    for person in people:
        assert person.versions == sorted(person.versions)
