"""Several processes against one: CPU a line, round trip, fan-out, takeover, ``.who``; ratios of one run.

    python benchmarks/cluster.py [--people 1000] [--crowd 10000] [PART ...]

The parts are ``line``, ``example``, ``trip``, ``workers``, ``takeover``, ``names`` and ``costs``; without any,
all of them. Needs redis-server or valkey-server. What the people receive is counted and thrown away in the
kernel, so that they take little of the processor.
"""

from __future__ import annotations

import argparse
import os
import select
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the processes are started as the tests do it

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from cletus.cluster.address import Address
from cletus.cluster.bus import frames_for
from cletus.cluster.valkey import ValkeyBus
from cletus.doors.accept_limit import raise_limit
from cletus.testing import StepClock, staged
from tests.e2e.cluster import UNLIMITED, UNLIMITED_HERE, is_primary
from tests.e2e.harness import REPOSITORY, Talker
from tests.engines import Valkey, valkey
from tests.example.conftest import Lantern

reactor: Any = _reactor  # zope's interfaces are unknown to mypy
CHAT = Path(__file__).parent / "rivals" / "cluster_chat.py"
NO_LIMITS = (*UNLIMITED, "--connections-per-address", "0", "--connections-max", "0")
WAIT = 60.0
IDLE = 4.0  # seconds for which the processes are watched at rest
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # the disk is not what is measured
LEASE = 2.0
SESSION = 6.0  # seconds after which each object's state has been on the bus
SPEAKERS = 20
AHEAD = 4  # lines that each of them types before the first has reached everybody
LINE = b"!" + b"x" * 48 + b"\r\n"


# -- processes ---------------------------------------------------------------------------------


def family(pid: int) -> list[int]:
    """A process and its children."""
    pids = [pid]
    for parent in pids:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        pids.extend(map(int, children.split()))
    return pids


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def role(pid: int) -> str:
    """What a process of ``--workers`` is."""
    command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    if b"cletus.cli.workers" not in command:
        return "primary"
    return "a gateway" if b"gateway" in command else "parent"


class Rig:
    """Processes of one service on this machine.

    Args:
        at_end: ends them.
        engine: the bus.
        target: the application; ``None``: the example.
    """

    def __init__(self, at_end: ExitStack, engine: Valkey | None, target: Path | None) -> None:
        self._at_end = at_end
        self.folder = Path(
            at_end.enter_context(
                tempfile.TemporaryDirectory(dir=MEMORY, ignore_cleanup_errors=True)
            )
        )
        self._engine = engine
        self._target = "example_service" if target is None else str(target)
        if target is None:
            shutil.copytree(
                REPOSITORY / "example_service",
                self.folder / "example_service",
                ignore=shutil.ignore_patterns("__pycache__", "store"),
            )
        else:
            shutil.copy(target, self.folder / target.name)
            self._target = target.name

    def alone(self, *options: str) -> Talker:
        """One process, or a parent with workers."""
        more = UNLIMITED_HERE if self._target == "example_service" else ()
        return self._start(
            "-m", "cletus", "run", self._target, "--port", "0", "--no-reload", "--store", "saved",
            *more, *NO_LIMITS, *options,
        )  # fmt: skip

    def server(self) -> Talker:
        """One that can be the primary."""
        return self.alone(*self._cluster(), "--cluster-lease", str(LEASE))

    def gateway(self) -> Talker:
        """A gateway; wait until it listens."""
        command = "from cletus.cli.gateway import gateway; gateway()"
        gateway = self._start("-c", command, *self._cluster(), *NO_LIMITS, "--port", "0")
        assert gateway.port
        return gateway

    def _cluster(self) -> tuple[str, ...]:
        assert self._engine is not None
        return ("--cluster", self._engine.url, "--cluster-name", "talk")

    def _start(self, *command: str) -> Talker:
        talker = Talker(self.folder, *command)
        self._at_end.callback(talker.kill)
        return talker


# -- people ------------------------------------------------------------------------------------


class Crowd:
    """People who are connected, and how many bytes each has received."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._buffer = bytearray(1 << 18)
        self.counts: dict[int, int] = {}
        self.total = 0
        self.line = LINE

    def connect(
        self, ports: Sequence[int], greetings: Sequence[bytes], patience: float = 1.0
    ) -> None:
        """Connect these people, a few at a time, and wait until nothing has come for ``patience``."""
        for number, greeting in enumerate(greetings):
            person = socket.create_connection(("127.0.0.1", ports[number % len(ports)]))
            person.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            person.setblocking(False)
            self._sockets[person.fileno()] = person
            self._poll.register(person.fileno(), select.EPOLLIN)
            self.counts[person.fileno()] = 0
            person.send(greeting)
            if number % 20 == 19:
                self.settle(0.02)
        self._speakers = list(self._sockets.values())[:SPEAKERS]
        self.settle(patience)

    def settle(self, quiet: float) -> None:
        """Wait until nothing has come for so many seconds."""
        at = time.perf_counter()
        while time.perf_counter() < at + quiet:
            if self.drain(0.02):
                at = time.perf_counter()

    def drain(self, timeout: float) -> int:
        """Take what has come; MSG_TRUNC has the kernel throw it away (tcp(7))."""
        ready = self._poll.poll(timeout)
        buffer, counts, flags = self._buffer, self.counts, socket.MSG_TRUNC
        for number, _ in ready:
            size = self._sockets[number].recv_into(buffer, 0, flags)
            if not size:
                sys.exit("the server has hung up")
            counts[number] += size
            self.total += size
        return len(ready)

    def begin(self) -> None:
        """Count from zero."""
        self.counts = dict.fromkeys(self.counts, 0)
        self.total = 0

    def has(self, total: int) -> bool:
        """Wait until so many bytes have come in all."""
        end = time.perf_counter() + WAIT
        while self.total < total:
            if time.perf_counter() > end:
                sys.exit(f"{self.total:,} of {total:,} bytes have come")
            self.drain(0.1)
        return self.total == total

    def says(self, speaker: int, times: int = 1) -> None:
        """Somebody types the line."""
        self._speakers[speaker].send(self.line * times)

    def close(self) -> None:
        """All hang up."""
        for person in self._sockets.values():
            person.close()
        self._poll.close()


class Probe:
    """Somebody who types a line and waits for it, in a blocking socket."""

    def __init__(self, port: int, name: bytes) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._number = 0
        self._socket.sendall(name + b"\r\n")
        time.sleep(0.5)
        self.trip()

    def trip(self) -> float:
        """Seconds from a line to its echo."""
        self._number += 1
        word = b"echo%d." % self._number
        text = b""
        begun = time.perf_counter()
        self._socket.sendall(word + b"\r\n")
        while word not in text:
            text = text[-64:] + self._socket.recv(1 << 16)
        return time.perf_counter() - begun


# -- the parts ---------------------------------------------------------------------------------


def line_cpu(
    crowd: Crowd, pids: dict[str, int], lines: int, *, burst: int = 1, pause: float = 0.02
) -> dict[str, float]:
    """Seconds of CPU for each line to everybody, by process, beyond what it takes at rest.

    Args:
        crowd: who say and hear the lines.
        pids: by name.
        lines: how many.
        burst: how many are typed at once.
        pause: seconds between that and the next.
    """
    crowd.settle(1.0)
    before = {name: cpu(pid) for name, pid in pids.items()}
    time.sleep(IDLE)
    rest = {name: (cpu(pid) - before[name]) / IDLE for name, pid in pids.items()}
    crowd.begin()
    before = {name: cpu(pid) for name, pid in pids.items()}
    begun = time.perf_counter()
    for _ in range(lines // burst):
        crowd.says(0, burst)
        due = time.perf_counter() + pause
        while (left := due - time.perf_counter()) > 0:
            crowd.drain(left)
    crowd.settle(0.5)
    seconds = time.perf_counter() - begun
    assert min(crowd.counts.values()) >= len(LINE) * lines, "not everybody has heard all"
    return {
        name: (cpu(pid) - before[name] - rest[name] * seconds) / lines for name, pid in pids.items()
    }


def flat_out(crowd: Crowd, pids: dict[str, int], seconds: float) -> tuple[float, dict[str, float]]:
    """Deliveries a second, and seconds of CPU for each by process; ``SPEAKERS`` speak as fast as they may."""
    people = len(crowd.counts)
    crowd.settle(0.5)
    crowd.begin()
    crowd.says(0)
    crowd.settle(0.5)
    size = crowd.total // people
    assert crowd.total == size * people, "not everybody has heard it"
    crowd.begin()
    before = {name: cpu(pid) for name, pid in pids.items()}
    begun = time.perf_counter()
    rounds = 0
    while time.perf_counter() < begun + seconds:
        for speaker in range(SPEAKERS):
            crowd.says(speaker)
        rounds += 1
        crowd.has((rounds - AHEAD + 1) * SPEAKERS * size * people)
    crowd.has(rounds * SPEAKERS * size * people)
    took = time.perf_counter() - begun
    deliveries = rounds * SPEAKERS * people
    assert set(crowd.counts.values()) == {rounds * SPEAKERS * size}, "not everybody has heard all"
    return deliveries / took, {
        name: (cpu(pid) - before[name]) / deliveries for name, pid in pids.items()
    }


def greetings(count: int) -> list[bytes]:
    """Names of people."""
    return [b"p%d\r\n" % number for number in range(count)]


@dataclass(frozen=True)
class Scene:
    """An application, and who is in it.

    Attributes:
        title: for people.
        target: the application; ``None``: the example.
        names: what each types first.
        line: what is said to all.
    """

    title: str
    target: Path | None
    names: Sequence[bytes]
    line: bytes = LINE

    def crowd(self, ports: Sequence[int]) -> Crowd:
        """All of them, who have come in."""
        crowd = Crowd()
        crowd.connect(ports, self.names, 5.0 if self.target is None else 1.0)
        crowd.line = self.line
        return crowd


def chat(people: int) -> Scene:
    """A chat in which each line goes to everybody."""
    return Scene("service.write_all()", CHAT, greetings(people))


def show_line(options: argparse.Namespace) -> None:
    """What a line to a thousand costs the primary in a plain chat."""
    _show_line(chat(options.people), options)


def show_example(options: argparse.Namespace) -> None:
    """The same in the example, which does more for each line."""
    everybody = [b"guest\r\n"] * options.people
    _show_line(Scene("the example, all in one room", None, everybody, LINE[1:]), options)


def _show_line(scene: Scene, options: argparse.Namespace) -> None:
    with ExitStack() as at_end:
        alone = Rig(at_end, None, scene.target).alone()
        crowd = scene.crowd([alone.port])
        used = line_cpu(crowd, {"one process": alone.process.pid}, options.lines)
        crowd.close()
    with ExitStack() as at_end:
        crowd, pids = clustered(at_end, scene, options.gateways)
        used |= line_cpu(crowd, pids, options.lines)
        crowd.close()
    base = used["one process"]
    print(f"CPU of a line to {options.people:,} people, milliseconds: {scene.title}")
    for name, seconds in used.items():
        print(f"  {name:<12}{seconds * 1e3:8.3f}{_share(seconds, base):>10}")
    print(flush=True)


def clustered(at_end: ExitStack, scene: Scene, gateways: int) -> tuple[Crowd, dict[str, int]]:
    """A primary with gateways and people, and the pids by name."""
    engine = at_end.enter_context(valkey())
    rig = Rig(at_end, engine, scene.target)
    server = rig.server()
    server.prints("Listening on gateways")
    doors = [rig.gateway() for _ in range(gateways)]
    pids = {"primary": server.process.pid, "engine": engine.pid}
    pids |= {f"gateway {number}": door.process.pid for number, door in enumerate(doors, 1)}
    return scene.crowd([door.port for door in doors]), pids


def engine_costs(engine: Valkey) -> tuple[float, float]:
    """Seconds of the engine's CPU for a turn, and for each gateway's entry in it, when it has much to do."""
    used: dict[int, float] = {}

    def open_bus() -> ValkeyBus:
        bus = ValkeyBus(Address.of(engine.url), reactor, name="talk")
        bus.open()
        return bus

    async def measure() -> None:
        bus, names = open_bus(), [f"gateway{number}" for number in range(11)]
        epoch = await bus.claim(WAIT)
        for name in names:
            open_bus().read(frames_for(name), lambda _: None)
        for gateways in (1, len(names)):
            entries = dict.fromkeys(names[:gateways], bytes(300))
            before = cpu(engine.pid)
            for _ in range(100):
                await gatherResults([bus.turn(epoch, entries) for _ in range(20)])
            used[gateways] = (cpu(engine.pid) - before) / 2000

    Deferred.fromCoroutine(measure()).addErrback(Failure.printTraceback).addBoth(
        lambda _: reactor.callLater(0, reactor.stop)
    )
    reactor.run()
    entry = (used[11] - used[1]) / 10
    return used[1] - entry, entry


def show_costs(options: argparse.Namespace) -> None:
    """The costs that ``cluster_simulation.py`` has at its top."""
    few, many, gateways = 20, options.people, 4
    often = 0.003  # seconds between two lines: processes at rest take more for each, since caches are cold
    lines = 5 * options.lines
    with ExitStack() as at_end:
        crowd, pids = clustered(at_end, chat(few), gateways)
        seldom = line_cpu(crowd, pids, options.lines)
        paced = line_cpu(crowd, pids, lines, pause=often)
        burst = line_cpu(crowd, pids, lines, burst=20, pause=20 * often)
    with ExitStack() as at_end:
        crowd, pids = clustered(at_end, chat(many), gateways)
        crowded = line_cpu(crowd, pids, options.lines)

    def each(name: str) -> float:
        return (crowded[name] - seldom[name]) / (many - few)

    delivery, output = each("primary"), each("gateway 2") * gateways
    turn = (paced["primary"] - burst["primary"]) * 20 / 19
    with valkey() as engine:
        engine_call, engine_entry = engine_costs(engine)
    costs = {
        "turn": turn,
        "line": paced["primary"] - turn - few * delivery,
        "delivery": delivery,
        "told": paced["gateway 1"] - paced["gateway 2"],
        "entry": paced["gateway 2"] - few / gateways * output,
        "output": output,
        "engine_call": engine_call,
        "engine_entry": engine_entry,
    }
    print("costs, microseconds of CPU")
    for name, seconds in costs.items():
        print(f"  {name:<14}{seconds * 1e6:8.1f}")
    print(flush=True)


def _share(seconds: float, base: float) -> str:
    return "" if seconds == base else f"1/{base / seconds:.1f}"


def show_trip(_: argparse.Namespace) -> None:
    """The time from a line to its echo, at rest."""
    with ExitStack() as at_end, valkey() as engine:
        trips = {"one process": _trips(Rig(at_end, None, CHAT).alone().port)}
        trips["--workers 2"] = _trips(Rig(at_end, None, CHAT).alone("--workers", "2").port)
        rig = Rig(at_end, engine, CHAT)
        rig.server().prints("Listening on gateways")
        trips["a gateway and Valkey"] = _trips(rig.gateway().port)
    print("round trip of a line at rest, milliseconds: median, 99 of 100")
    for name, seconds in trips.items():
        ordered = sorted(seconds)
        middle, late = statistics.median(ordered), ordered[len(ordered) * 99 // 100]
        print(f"  {name:<22}{middle * 1e3:8.2f}{late * 1e3:8.2f}")
    print(flush=True)


def _trips(port: int) -> list[float]:
    probe = Probe(port, b"probe")
    time.sleep(1)
    trips = []
    for _ in range(500):
        trips.append(probe.trip())
        time.sleep(0.002)  # it is at rest, then
    return trips


def show_workers(options: argparse.Namespace) -> None:
    """What two workers carry, against one process: lines one by one, and as many as they take."""
    results = {}
    for title, more in (("one process", ()), ("--workers 2", ("--workers", "2"))):
        with ExitStack() as at_end:
            talker = Rig(at_end, None, CHAT).alone(*more)
            crowd = chat(options.people).crowd([talker.port])
            pids = {f"{role(pid)} {pid}": pid for pid in family(talker.process.pid)}
            paced = line_cpu(crowd, pids, options.lines)
            each = {name: seconds / options.people for name, seconds in paced.items()}
            results[title] = each, *flat_out(crowd, pids, options.seconds)
            crowd.close()
            talker.stop()
    (one, one_rate, one_flat), (two, two_rate, two_flat) = results.values()
    print(f"fan-out to {options.people:,} people, microseconds of CPU a delivery")
    _show_workers("lines one by one", one, two)
    _show_workers(f"flat out, {SPEAKERS * AHEAD} lines on their way", one_flat, two_flat)
    print(
        f"  flat out, this machine's {os.cpu_count()} cores shared with all those people: "
        f"{one_rate:,.0f} and {two_rate:,.0f} deliveries a second, {two_rate / one_rate:.2f} times\n",
        flush=True,
    )


def _show_workers(title: str, one: dict[str, float], two: dict[str, float]) -> None:
    alone, together, busiest = sum(one.values()), sum(two.values()), max(two.values())
    parts = ", ".join(
        f"{name.rpartition(' ')[0]} {seconds * 1e6:.2f}" for name, seconds in sorted(two.items())
    )
    print(f"  {title}: one process {alone * 1e6:.2f}; {parts}")
    print(
        f"    so two cores carry {2 * alone / together:.2f} times as many, "
        f"and a core for each process {alone / busiest:.2f} times"
    )


def show_takeover(options: argparse.Namespace) -> None:
    """How long people wait when the primary is killed, and when it hands over."""
    with ExitStack() as at_end, valkey() as engine:
        rig = Rig(at_end, engine, CHAT)
        first = rig.server()
        first.prints("Listening on gateways")
        ports = [rig.gateway().port for _ in range(options.gateways)]
        crowd = Crowd()
        crowd.connect(ports, greetings(options.crowd))
        probe = Probe(ports[0], b"probe")
        second = rig.server()
        second.prints("Standing by")
        time.sleep(SESSION)
        first.kill()
        takeover = probe.trip()
        present = everybody_hears(crowd)
        third = rig.server()
        third.prints("Standing by")
        time.sleep(SESSION)
        second.gets(signal.SIGTERM)
        longest = 0.0
        while not is_primary(third):
            longest = max(longest, probe.trip())
        longest = max(longest, probe.trip())
        present = min(present, everybody_hears(crowd))
        crowd.close()
    print(f"{present:,} people, the wait of a person for an answer")
    print(
        f"  the primary is killed    {takeover:6.2f} s, the lease of {LEASE:g} s and {takeover - LEASE:.2f} s"
    )
    print(f"  it hands over            {longest:6.2f} s\n", flush=True)


def everybody_hears(crowd: Crowd) -> int:
    """How many hear one line to all."""
    crowd.settle(1.0)
    crowd.begin()
    crowd.says(0)
    crowd.settle(1.0)
    return sum(count >= len(LINE) for count in crowd.counts.values())


def show_names(options: argparse.Namespace) -> None:
    """What commands of the example take when many are online, in memory and without gateways."""
    clock = StepClock()
    with staged("example_service", REPOSITORY, clock) as service:
        lantern = Lantern(service, clock)
        ann = lantern.person("Ann")
        lantern.person("Bob")
        guest = service.session.current.stores["guest"]
        for number in range(options.crowd):
            guest(f"g{number}").link_lost = True  # online, and without a connection
        print(f"{options.crowd + 2:,} online, milliseconds for a line")
        for line in (".who", ".who g99", ".tell bob psst", f".tell g{options.crowd - 1} psst"):
            seconds = []
            for _ in range(11):
                begun = time.perf_counter()
                answer = lantern.types(ann, line)
                seconds.append(time.perf_counter() - begun)
                clock.advance(10)  # nobody tells so much at once
            assert "online" in answer or "You tell" in answer, answer
            print(f"  {line:<20}{statistics.median(seconds) * 1e3:8.2f}")
    print(flush=True)


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "line": show_line,
    "example": show_example,
    "trip": show_trip,
    "workers": show_workers,
    "takeover": show_takeover,
    "names": show_names,
    "costs": show_costs,
}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART")
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--crowd", type=int, default=10_000)
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--gateways", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    raise_limit(1 << 20)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at start\n", flush=True)
    for name in options.parts or PARTS:
        PARTS[name](options)


if __name__ == "__main__":
    main()
