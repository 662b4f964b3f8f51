"""S1: no restart loses, doubles or reorders a line, or closes a connection; half of them fail.

Each person types numbered lines as fast as the answers come, some of them cut into pieces, and checks each
answer. ``make soak`` has 200 people and 20 restarts.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from tests.e2e.harness import wait_until
from tests.restart.conftest import Serving

PATIENCE = 120.0


class Person:
    """Types numbered lines until they are stopped."""

    def __init__(self, number: int) -> None:
        self.random = random.Random(number)
        self.typed = 0
        self.stopped = False

    async def talk(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        ahead = 0
        while not self.stopped or ahead:
            while not self.stopped and ahead < 5:
                self.typed += 1
                ahead += 1
                line = f"line {self.typed}\r\n".encode()
                cut = self.random.randrange(len(line))
                writer.write(line[:cut])
                if self.random.random() < 0.3:
                    await asyncio.sleep(self.random.random() / 50)
                writer.write(line[cut:])
            async with asyncio.timeout(PATIENCE):
                answer = await reader.readline()
            expected = self.typed - ahead + 1
            assert answer.endswith(f"line {expected} {expected} {expected}\r\n".encode()), answer
            ahead -= 1
        writer.close()


@pytest.mark.parametrize(
    ("people", "restarts"), [(12, 2), pytest.param(200, 20, marks=pytest.mark.soak)]
)
def test_s1_every_line_once(serving: Callable[..., Serving], people: int, restarts: int) -> None:
    service = serving("--line-rate=0", "--connections-per-address=0", "--restart-timeout=10")
    port = service.port

    async def restart_all(crowd: list[Person]) -> list[str]:
        outcomes = []
        for number in range(2 * restarts):
            if number % 2:
                fault = ("S after-thaw kill", "O before-GO raise", "S before-READY raise")[
                    number % 3
                ]
                (service.folder / "fault.txt").write_text(fault)
            report = await asyncio.to_thread(service.restart)
            outcomes.append(report["outcome"])
        for person in crowd:
            person.stopped = True
        return outcomes

    async def all_at_once() -> list[str]:
        crowd = [Person(number) for number in range(people)]
        talking = [asyncio.create_task(person.talk(port)) for person in crowd]
        try:
            outcomes = await restart_all(crowd)
        except BaseException:
            for task in talking:
                task.cancel()
            raise
        await asyncio.gather(*talking)
        assert sum(person.typed for person in crowd) > 10 * people
        return outcomes

    assert asyncio.run(all_at_once()) == ["taken over", "refused"] * restarts
    wait_until(lambda: len(service.noted("connects.txt")) > 2 * people, "all have left")
    assert service.noted("connects.txt") == [
        "start",
        *["connect"] * people,
        *["disconnect closed by peer"] * people,
    ]
