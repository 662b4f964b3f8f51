"""Stop a service (SIGTERM) that saves a thousand objects a second, and see what it kept.

A child changes an object each millisecond; most it saves soon, some not at all. When it has stopped
it tells what it had in memory: the files must say the same. As a program it prints its findings:

    python -m tests.storage.stops Service 20 /dev/shm/stops
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from twisted.internet.task import LoopingCall

from cletus import Service, events
from cletus.cli.run import serve
from cletus.storage import Field, Store, Writer

OBJECTS = 40
LONGEST = 0.12


class Hasty(Writer):
    """Mutant: closes the home, whatever is still on its way there."""

    def close(self) -> None:
        self._backend.close()


class ForgetfulService(Service):
    """Mutant: saves nothing but what was asked for, and that in haste."""

    def save_all(self) -> list[Any]:
        return []

    def _open_writer(self) -> Writer:
        writer = super()._open_writer()
        writer.__class__ = Hasty
        return writer


KINDS = {"Service": Service, "ForgetfulService": ForgetfulService}


def live(kind: type[Service], folder: str, report: int) -> None:
    """The child: until somebody stops it."""
    service = kind(store=folder, port=0, reload=False)

    class Counter(Store):
        session = service.session
        count = Field(0)

    counters: list[Any] = []
    numbers = iter(range(1 << 60))

    def tick() -> None:
        number = next(numbers)
        counter = counters[number % OBJECTS]
        counter.count = number
        if number % 5:
            counter.save_soon()

    changing = LoopingCall(tick)

    @service.listen(events.PostStart)
    def begin(_: events.PostStart) -> None:
        changing.start(0.001)
        os.write(report, b"started\n")

    @service.listen(events.PreStop)
    def end(_: events.PreStop) -> None:
        changing.stop()

    @service.listen(events.PostStop)
    def tell(_: events.PostStop) -> None:
        memory = {counter.key: counter.count for counter in counters}
        os.write(report, json.dumps(memory).encode() + b"\n")

    counters += [Counter(f"k{number}") for number in range(OBJECTS)]
    serve(service)


def stop_one(kind: type[Service], folder: str, delay: float) -> dict[str, int]:
    """Start a child, stop it after the delay, return what it had in memory at the end."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            live(kind, folder, theirs)
        finally:
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as report:
        assert report.readline() == b"started\n"
        time.sleep(delay)  # the random instant
        os.kill(pid, signal.SIGTERM)
        memory: dict[str, int] = json.loads(report.readline())
    os.waitpid(pid, 0)
    return memory


def campaign(kind: type[Service], folder: str, stops: int) -> dict[str, Any]:
    """So many stops: how many objects were saved otherwise than they were in memory."""
    chance = random.Random(stops)
    found: dict[str, Any] = {"stops": 0, "changes": 0, "lost": []}
    while found["stops"] < stops:
        memory = stop_one(kind, folder, chance.uniform(0, LONGEST))
        found["stops"] += 1
        found["changes"] += max(memory.values()) + 1
        for key, count in memory.items():
            path = Path(folder, "counter", f"{key}.json")
            saved = json.loads(path.read_bytes())["count"] if path.exists() else None
            if saved != count:
                found["lost"].append(f"stop {found['stops']}: {key} is {saved}, was {count}")
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(campaign(KINDS[sys.argv[1]], sys.argv[3], int(sys.argv[2]))))
