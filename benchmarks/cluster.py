"""One process against a primary with gateways: CPU a line, round trip, takeover; ratios of one run.

    python benchmarks/cluster.py [--people 1000] [--lines 200] [--gateways 2]

Needs redis-server or valkey-server. All people are guests in one room of the example, so that each line is
shown to all. The store is in PostgreSQL if that is installed, else in a folder.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the processes are started as the tests do it

from tests.e2e.cluster import UNLIMITED_HERE, Cluster
from tests.e2e.harness import Talker
from tests.engines import valkey

WAIT = 120.0
IDLE = 5.0  # seconds for which the processes are watched at rest
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu(process: Talker) -> float:
    """Seconds of CPU that it has used."""
    fields = Path(f"/proc/{process.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class Guest:
    """Somebody who listens."""

    def __init__(self) -> None:
        self.text = bytearray()
        self.total = 0

    async def come(self, port: int) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        self.task = asyncio.create_task(self._read())
        await self.sees(b"What is your name")
        self.writer.write(b"guest\r\n")
        await self.sees(b"guest")

    async def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := await self.reader.read(1 << 16):
                self.text += data
                del self.text[: -(1 << 16)]

    async def sees(self, words: bytes) -> None:
        end = time.monotonic() + WAIT
        while words not in self.text:
            assert time.monotonic() < end, (words, bytes(self.text[-300:]))
            await asyncio.sleep(0.001)

    async def round_trip(self, number: int) -> float:
        """Seconds from a line to its echo, in a loop that does nothing else."""
        words = b"echo%d." % number
        begun = time.perf_counter()
        self.writer.write(words + b"\r\n")
        while words not in self.text:
            await asyncio.sleep(0)
        return time.perf_counter() - begun

    async def leave(self) -> None:
        self.task.cancel()
        self.writer.close()


async def crowd(ports: list[int], people: int) -> list[Guest]:
    """So many, spread over the ports; a few come at a time."""
    guests = [Guest() for _ in range(people)]
    for start in range(0, people, 20):
        some = guests[start : start + 20]
        await asyncio.gather(
            *(guest.come(ports[n % len(ports)]) for n, guest in enumerate(some, start))
        )
    return guests


async def line_cpu(
    guests: list[Guest], processes: dict[str, Talker], lines: int
) -> dict[str, float]:
    """Seconds of CPU a line, by process, beyond what it takes at rest."""
    await asyncio.sleep(2)
    idle = {name: -cpu(process) for name, process in processes.items()}
    await asyncio.sleep(IDLE)
    before = {name: cpu(process) for name, process in processes.items()}
    begun = time.perf_counter()
    for number in range(lines):
        guests[0].writer.write(b"measured%d.\r\n" % number)
        await asyncio.sleep(0.01)
    last = b"measured%d." % (lines - 1)
    await asyncio.gather(*(guest.sees(last) for guest in guests))
    rounds = (
        time.perf_counter() - begun
    ) / IDLE  # so often what is used at rest is to be taken off
    return {
        name: (cpu(process) - before[name] - (before[name] + idle[name]) * rounds) / lines
        for name, process in processes.items()
    }


async def measure(
    ports: list[int], processes: dict[str, Talker], options: argparse.Namespace
) -> dict[str, float]:
    few = await crowd(ports, 2)
    trips = [await few[0].round_trip(number) for number in range(200)]
    guests = [*few, *await crowd(ports, options.people - 2)]
    used = await line_cpu(guests, processes, options.lines)
    for guest in guests:
        await guest.leave()
    return {"round trip": statistics.median(trips), **used}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--gateways", type=int, default=2)
    options = parser.parse_args()
    print(f"{options.people:,} people, load {os.getloadavg()[0]:.1f} at start\n")
    limits = ("--connections-per-address", "0", "--connections-max", "0")
    with tempfile.TemporaryDirectory() as name, ExitStack() as at_end, valkey() as engine:
        cluster = Cluster(Path(name), engine, None, at_end, limits=limits)
        alone = Talker(
            Path(name), "-m", "cletus", "run", "example_service", "--port", "0", "--no-reload",
            "--store", "alone", *UNLIMITED_HERE, *limits,
        )  # fmt: skip
        at_end.callback(alone.kill)
        one = asyncio.run(measure([alone.port], {"one process": alone}, options))
        cluster.server()
        gateways = [cluster.gateway() for _ in range(options.gateways)]
        processes = {"primary": cluster.primary, "a gateway": gateways[0]}
        ports = [gateway.port for gateway in gateways]
        many = asyncio.run(measure(ports, processes, options))
    base = one["one process"]
    print(
        f"one process: {base * 1e3:.2f} ms of CPU a line, round trip {one['round trip'] * 1e3:.2f} ms"
    )
    for name in processes:
        print(f"{name}: {many[name] * 1e3:.2f} ms of CPU a line, 1/{base / many[name]:.1f} of that")
    print(f"round trip through a gateway and Valkey: {many['round trip'] * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
