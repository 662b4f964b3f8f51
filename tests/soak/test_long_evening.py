"""Twenty minutes of 200 people, an edit every five seconds, and one address that floods without end.

A real process and real connections: the people come from addresses of their own, the flooder from another.
At the end nobody was dropped, everybody has heard every line once and in one order, what is on the disk is
what people were told, and the process has neither more memory, nor descriptors, nor objects than after the
first minutes. ``SOAK_SECONDS`` sets another length. The figures of each round are printed (``pytest -s``).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_evening import INCOMPLETE, NOISE, PASSWORD, House
from tests.soak.test_floods import FLOODS, Flooder

pytestmark = pytest.mark.soak

PEOPLE = 200
SECONDS = float(os.environ.get("SOAK_SECONDS", "1200"))
ROUNDS = 20
FLOODS_PER_ROUND = 3
EDIT_INTERVAL = 5.0
PAUSE = 40.0
"""Seconds between two lines of a person; so five lines a second are heard by 200."""
PATIENCE = 120.0
HOSTILE = "127.66.66.66"
_HOSTILE = (
    socket.inet_aton(HOSTILE)[::-1].hex().upper()
)  # as /proc/net/tcp has it, on a little-endian machine
_HEARD = re.compile(r"\[lobby\] (\w+): word (\d+)$")


def name_of(number: int) -> str:
    """Names that nobody could take for each other."""
    words = (
        "Amber",
        "Birch",
        "Cedar",
        "Dahlia",
        "Elder",
        "Fennel",
        "Gorse",
        "Hazel",
        "Iris",
        "Juniper",
    )
    ends = ("ton", "wick", "field", "shaw", "mere", "brook", "dale", "combe", "stead", "hurst")
    return words[number % 10] + ends[number // 10 % 10] + ("" if number < 100 else "er")


class LongHouse(House):
    """The example with its default budgets."""

    async def open(self) -> int:
        command = (sys.executable, "-m", "cletus", "run", "example_service", "--port", "0")
        options = ("--store", str(self.store), "--store-sync", "rename", "--compression")
        self.process = await asyncio.create_subprocess_exec(
            *command,
            *options,
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._reading = asyncio.create_task(self._read())
        return int((await self.logs(r"telnet 127\.0\.0\.1:(\d+)"))[1])

    async def objects(self) -> int:
        """How many objects the garbage collector knows, counted inside of the service."""
        shell = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "cletus",
                "shell",
                "example_service",
                "--store",
                str(self.store),
            ),
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        answer, _ = await shell.communicate(b"import gc\nlen(gc.get_objects())\n")
        return int(re.findall(rb"\d+", answer)[-1])


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process has at a moment; memory in MB."""

    second: float
    rss: float
    descriptors: int
    threads: int
    objects: int
    reloads: int
    worst: float

    def __str__(self) -> str:
        return (
            f"{self.second:6.0f} s: {self.rss:6.1f} MB, {self.descriptors} descriptors, {self.threads} threads, "
            f"{self.objects} objects, {self.reloads} reloads, slowest line {self.worst * 1000:.0f} ms"
        )


class Person:
    """Somebody who says a numbered line now and then, and hears those of all."""

    def __init__(self, number: int, port: int) -> None:
        self.name, self.port = name_of(number), port
        self.address = f"127.1.{number // 100}.{number % 100 + 1}"
        self.chance = random.Random(number)
        self.heard: dict[str, list[int]] = {}
        self.title = ""
        self.said = 0
        self.times: list[float] = []
        self.writer: Any = None
        self._screen = ""
        self._news = asyncio.Event()

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(self.address, 0)
        )
        self.reading = asyncio.create_task(self._read())

    def close(self) -> None:
        """Close the connection, if there is one: else its destructor warns when the loop is closed."""
        if self.writer is not None:
            self.writer.close()

    async def _read(self) -> None:
        rest, line = b"", ""
        while data := await self.reader.read(65536):
            rest += data
            end = INCOMPLETE.search(rest)
            whole, rest = (rest[: end.start()], rest[end.start() :]) if end else (rest, b"")
            text = NOISE.sub(b"", whole).decode().replace("\r\n", "\n")
            self._screen = (self._screen + text)[-40_000:]
            *lines, line = (line + text).split("\n")
            for complete in lines:
                if match := _HEARD.search(complete):
                    self.heard.setdefault(match[1], []).append(int(match[2]))
            self._news.set()

    async def types(self, line: str, answer: str) -> str:
        """Type a line; what is on the screen once this answer is there."""
        self._screen = ""
        self.writer.write(f"{line}\r\n".encode())
        return await self.sees(answer)

    async def sees(self, text: str) -> str:
        async with asyncio.timeout(PATIENCE):
            while text not in self._screen:
                assert not self.reading.done(), f"{self.name} was dropped: {self._screen[-300:]!r}"
                self._news.clear()
                await self._news.wait()
        return self._screen

    async def registers(self) -> None:
        await self.connect()
        await self.sees("What is your name")
        for line, answer in (
            (self.name, "Create it"),
            ("y", "Choose a password"),
            (PASSWORD, "Type it again"),
            (PASSWORD, "Your pronouns"),
            ("she", "This is visit number 1"),
        ):
            await self.types(line, answer)

    async def evening(self, end: asyncio.Event) -> None:
        await asyncio.sleep(self.chance.random() * PAUSE)
        while not end.is_set():
            begun = time.monotonic()
            self.said += 1
            word = f"word {self.said}"
            await self.types(f".=lobby {word}", f"[lobby] {self.name}: {word}\n")
            self.times.append(time.monotonic() - begun)
            if self.said % 3 == 0:
                title = f"has said {self.said} words"
                await self.types(f".title {title}", f"You are now: {self.name} {title}")
                self.title = title
            elif self.said % 3 == 1:
                await self.types(f".finger {self.name}", "Online now.")
            await asyncio.sleep(PAUSE * (0.5 + self.chance.random()))


class Evening:
    """All of it.

    Attributes:
        samples: one a round.
    """

    def __init__(self, house: House) -> None:
        self.house = house
        self.people: list[Person] = []
        self.samples: list[Sample] = []
        self._begun = 0.0

    async def spend(self) -> None:
        port, end = await self.house.open(), asyncio.Event()
        self.people = [Person(number, port) for number in range(PEOPLE)]
        for some in range(0, PEOPLE, 5):
            await asyncio.gather(*(one.registers() for one in self.people[some : some + 5]))
        await self.people[0].types(".create lobby", "You have joined")
        for one in self.people[1:]:
            await one.types(".join lobby", "[lobby] ")
        self._begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for one in self.people:
                group.create_task(one.evening(end))
            group.create_task(self._edit(end))
            await self._rounds(port)
            end.set()
        await self._all_heard()
        for one in self.people:
            await one.types(".quit", "Goodbye!")
        await self.house.close()

    async def _rounds(self, port: int) -> None:
        names = cycle(FLOODS)
        length = SECONDS / ROUNDS / FLOODS_PER_ROUND
        for _ in range(ROUNDS):
            for _ in range(FLOODS_PER_ROUND):
                flooder = await asyncio.to_thread(Flooder, port, next(names), HOSTILE)
                await asyncio.sleep(length)
                flooder.stop()
            self.samples.append(await self._sample())
            sys.stdout.write(f"{self.samples[-1]}\n")
            sys.stdout.flush()

    def _descriptors(self) -> int:
        """Those of the process, without the flooder's connections: it has more or fewer of them."""
        process = Path(f"/proc/{self.house.process.pid}")
        targets = []
        for path in (process / "fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                targets.append(os.readlink(path))
        sockets = [line.split() for line in (process / "net/tcp").read_text().splitlines()]
        others = {
            f"socket:[{fields[9]}]" for fields in sockets if not fields[2].startswith(_HOSTILE)
        }
        return sum(target in others or not target.startswith("socket:") for target in targets)

    async def _sample(self) -> Sample:
        process = Path(f"/proc/{self.house.process.pid}")
        pages = int((process / "statm").read_text().split()[1])
        times = [one.times.pop() for one in self.people for _ in tuple(one.times)]
        return Sample(
            time.monotonic() - self._begun,
            pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
            self._descriptors(),
            len(list((process / "task").iterdir())),
            await self.house.objects(),
            self.house.edits["Reloaded, generation"],
            max(times, default=0.0),
        )

    async def _edit(self, end: asyncio.Event) -> None:
        chance, number = random.Random(13), 0
        while not end.is_set():
            number += 1
            await self.house.edit(chance, number)
            await asyncio.sleep(EDIT_INTERVAL)

    async def _all_heard(self) -> None:
        """Wait until the last line has come to everybody."""
        async with asyncio.timeout(PATIENCE):
            while sum(map(self._count, self.people)) < PEOPLE * sum(
                one.said for one in self.people
            ):
                await asyncio.sleep(0.1)

    @staticmethod
    def _count(person: Person) -> int:
        return sum(map(len, person.heard.values()))


async def spent(evening: Evening) -> None:
    try:
        await evening.spend()
    finally:
        for one in evening.people:
            one.close()
        await evening.house.abandon()
        (evening.house.folder / "log").write_text(evening.house.log)


def is_flat(values: list[float], tolerance: float) -> bool:
    """Whether the last quarter has no more than the second one, up to this part of it."""
    quarter = len(values) // 4
    return statistics.mean(values[-quarter:]) <= (1 + tolerance) * statistics.mean(
        values[quarter : 2 * quarter]
    )


@pytest.mark.timeout(2 * SECONDS + 600)
def test_200_people_edits_and_a_flooder_for_twenty_minutes(tmp_path: Path) -> None:
    """Issue 13: nothing is lost; memory, descriptors and objects stay what they are."""
    house = LongHouse(tmp_path)
    evening = Evening(house)
    asyncio.run(spent(evening))
    people: list[Any] = evening.people

    assert house.process.returncode == 0
    said = {one.name: list(range(1, one.said + 1)) for one in people if one.said}
    for one in people:
        assert one.heard == said, f"{one.name} lacks a line, or has it twice or out of order"
    for one in people:
        saved = json.loads((house.store / "user" / f"{one.name.lower()}.json").read_text())
        assert saved["title"] == one.title
    assert house.edits["Reloaded, generation"] >= SECONDS / EDIT_INTERVAL / 4
    errors = re.findall(r"^.*(?:error:|critical:|Traceback).*$", house.log, re.MULTILINE)
    expected = re.compile("Reload refused|held up the reactor")  # as a busy machine does
    assert [line for line in errors if not expected.search(line)] == []

    samples = evening.samples
    assert is_flat([one.rss for one in samples], 0.03)
    assert is_flat([one.objects for one in samples], 0.03)
    assert is_flat([one.threads for one in samples], 0.0)
    assert is_flat([one.descriptors for one in samples], 0.0)
