"""How far one primary goes: its turns, its engine and its gateways as queues, with costs as measured.

    python benchmarks/cluster_simulation.py [--seconds 5]

People type by chance, each so often, and each line goes to their room, whose people are spread over all
gateways. The primary takes all lines that wait in one turn, as it does. A line's time is from Enter to its last
reader. ``benchmarks/cluster.py costs`` has measured the costs.
"""

from __future__ import annotations

import argparse
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

BEHIND = 0.05  # of the simulated time: who has still so much to do after that cannot follow


@dataclass(frozen=True)
class Costs:
    """Seconds of CPU, as ``benchmarks/cluster.py costs`` has measured them.

    Attributes:
        turn: of the primary, for each turn that sends something.
        line: of the primary, for each line beyond that.
        delivery: of the primary, for each person who gets it.
        told: of a gateway, for each line that is typed there.
        entry: of a gateway, for each entry that it gets.
        output: of a gateway, for each person to whom it sends what an entry has for them.
        engine_call: of the engine, for each line that a gateway tells, and for each turn.
        engine_entry: of the engine, for each entry in those.
        person: of a takeover, for each person.
    """

    turn: float = 370e-6
    line: float = 28e-6
    delivery: float = 0.8e-6
    told: float = 196e-6
    entry: float = 205e-6
    output: float = 9.7e-6
    engine_call: float = 28e-6
    engine_entry: float = 7e-6
    person: float = 170e-6


@dataclass(frozen=True)
class Town:
    """What is simulated.

    Attributes:
        people: all of them.
        pause: seconds between two lines of a person.
        room: people in each room.
        gateways: how many.
    """

    people: int
    pause: float = 20.0
    room: int = 25
    gateways: int = 2


@dataclass(frozen=True)
class Result:
    """Of one simulation.

    Attributes:
        primary, engine, gateway: the share of its time that each is at work.
        latencies: seconds of each line, in ascending order.
        breaks: who cannot follow; empty if all can.
    """

    primary: float
    engine: float
    gateway: float
    latencies: list[float]
    breaks: str

    def percentile(self, share: float) -> float:
        """So many of the lines take at most so long."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))]


class Server:
    """One process on a core of its own, which does one thing after another.

    Attributes:
        free: when it has done all that it was given.
        busy: seconds that it was at work.
    """

    def __init__(self) -> None:
        self.free = self.busy = 0.0

    def works(self, at: float, seconds: float) -> float:
        """Give it work; when that is done."""
        self.free = max(self.free, at) + seconds
        self.busy += seconds
        return self.free


def arrivals(rate: float, seconds: float, chance: random.Random) -> Iterator[float]:
    """When lines are typed: a Poisson process."""
    at = chance.expovariate(rate)
    while at < seconds:
        yield at
        at += chance.expovariate(rate)


def touched(boxes: int, balls: int) -> float:
    """How many boxes have a ball, on average, when each ball goes to any of them."""
    return boxes * (1 - (1 - 1 / boxes) ** balls)


def simulate(town: Town, costs: Costs = Costs(), *, seconds: float = 5.0, seed: int = 1) -> Result:
    """Let people talk for so long.

    Gateways are alike, so one of them stands for all, with its share of the work.
    """
    chance = random.Random(seed)
    primary, engine, gateway = Server(), Server(), Server()
    waiting: deque[tuple[float, float]] = deque()  # when typed, when at the primary
    latencies: list[float] = []

    def turn() -> None:
        """All lines that are there when it begins."""
        begin = max(primary.free, waiting[0][1])
        typed: list[float] = []
        while waiting and waiting[0][1] <= begin:
            typed.append(waiting.popleft()[0])
        lines = len(typed)
        deliveries = lines * town.room
        entries = touched(town.gateways, deliveries)
        # Somebody who gets two lines in one turn is sent them as one.
        outputs = touched(town.people, deliveries)
        worked = costs.turn + lines * costs.line + deliveries * costs.delivery
        done = primary.works(begin, worked)
        sent = engine.works(done, costs.engine_call + entries * costs.engine_entry)
        share = costs.entry * entries / town.gateways + outputs / town.gateways * costs.output
        shown = gateway.works(sent, share)
        latencies.extend(shown - at for at in typed)

    for at in arrivals(town.people / town.pause, seconds, chance):
        while waiting and max(primary.free, waiting[0][1]) <= at:
            turn()
        gateway.busy += costs.told / town.gateways
        told = costs.engine_call + costs.engine_entry
        waiting.append((at, engine.works(at + costs.told, told)))
    while waiting:
        turn()
    servers = {"primary": primary, "engine": engine, "gateways": gateway}
    end = max(seconds, *(server.free for server in servers.values()))
    slowest = max(servers, key=lambda name: servers[name].busy)
    return Result(
        *(server.busy / end for server in servers.values()),
        latencies=sorted(latencies),
        breaks=slowest if end > seconds * (1 + BEHIND) else "",
    )


TOWNS = (
    Town(10_000),
    Town(50_000, gateways=10),
    Town(100_000, gateways=20),
    Town(200_000, gateways=40),
    Town(400_000, gateways=80),
    Town(1_000_000, gateways=200),
    Town(20_000, pause=5.0, room=50, gateways=8),
    Town(50_000, pause=5.0, room=50, gateways=20),
    Town(100_000, pause=5.0, room=50, gateways=40),
)


def table(seconds: float) -> Iterator[str]:
    """The lines of a table in Markdown."""
    heads = ("people", "a line in", "rooms of", "gateways", "primary", "engine", "a gateway")
    heads += ("median", "99 of 100", "takeover")
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for town in TOWNS:
        result = simulate(town, seconds=seconds)
        shares = " | ".join(
            f"{share:.0%}" for share in (result.primary, result.engine, result.gateway)
        )
        times = f"{result.percentile(0.5) * 1e3:.1f} ms | {result.percentile(0.99) * 1e3:.1f} ms"
        if result.breaks:
            times = f"the {result.breaks} cannot follow |"
        yield (
            f"| {town.people:,} | {town.pause:g} s | {town.room} | {town.gateways} | {shares} | {times} "
            f"| {town.people * Costs().person:.1f} s |"
        )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    for line in table(parser.parse_args().seconds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
