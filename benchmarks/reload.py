"""What a reload costs: the pause, and the time from a save to the new code.

    python benchmarks/reload.py [--plot docs/reload-pause.svg] [--objects 0,1000,10000,100000] [--items 2]
        [--modules 20]

For each number of active objects (8 fields each: text, numbers, a list, a dict, a reference), with an
application of 20 modules of 300 lines (if there are more, of one function) and 1,000 connections in
memory:

* the pause: the longest time in which no line is answered, measured from outside as the gap between
  two turns of a busy reactor; and the share of each phase, from the report;
* the floor, in the same run: importing the same modules fresh from text that is already compiled,
  plus copying the same dictionaries;
* the time from the save of a file to the first line that the new code answers (this includes the
  quiet time, which is set to 0.05 s here and printed);
* the pause of an edit that adds a field to every object, and of the same edit if the last object
  refuses it;
* memory after 10 and after 100 reloads.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from twisted.internet import reactor, task
from twisted.internet.defer import Deferred

from cletus.reload.code.modules import Staging
from cletus.reload.load import load
from cletus.service.construction import Rebuild, constructing
from cletus.service.session import Generation
from cletus.testing import MemoryTransport

MODULES = 20
CLIENTS = 1_000
QUIET = 0.05
ROUNDS = 7
REFUSALS = 3

CORE = """
from cletus import Service
service = Service()
"""
THINGS = """
from bench_app.core import service
from cletus.storage import Field, Store

class Item:
    def __init__(self, name):
        self.name, self.worth, self.tags = name, 1, []

class Thing(Store):
    service = service
    name = Field("a thing")
    text = Field("")
    count = Field(0)
    weight = Field(1.5)
    worn = Field(False)
    tags = Field(list)
    marks = Field(dict)
    other = Field(session=True)
"""
#: To be added to it: the number of the field, since one that comes back has the values that it had; and
#: the number of calls after which its default raises.
ADDED = """
    turn{number} = Field(lambda: 1 / next(turns))

turns = iter(range({calls}, -1, -1))
"""
TALK = """
from bench_app.core import service
from bench_app import {others}
from cletus import events
VERSION = 0

@service.listen(events.Receive)
def receive(event):
    event.client.write(str(VERSION))
"""


def filler(number: int, functions: int) -> str:
    """A module such as people write: 30 functions are about 300 lines."""
    functions = "\n".join(
        textwrap.dedent(f'''
        def command_{number}_{n}(user, text, *, loud=False):
            """Says something in the way of number {n}."""
            words = [word.strip() for word in text.split() if word]
            if not words:
                return None
            if loud:
                words = [word.upper() for word in words]
            return " ".join(words) + " {n}"
        ''')
        for n in range(functions)
    )
    return f"import dataclasses\n{functions}\n"


def others(modules: int) -> list[str]:
    """The names of the modules beside the four that have something to do."""
    return [f"part{n}" for n in range(modules - 4)]


def write_application(folder: Path, modules: int) -> Path:
    """An application of so many modules; the path of the one that is edited."""
    package = folder / "bench_app"
    package.mkdir()
    names = others(modules)
    functions = 30 if modules <= MODULES else 1
    files = {name: filler(n, functions) for n, name in enumerate(names)}
    files |= {"core": CORE, "things": THINGS, "talk": TALK.format(others=", ".join(names))}
    files["__init__"] = "from bench_app import core, things, talk\n"
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    return package / "talk.py"


def populate(service, count: int, items: int = 0) -> None:
    """So many active objects, each referring to another one, and with some objects of its own."""
    thing = service.session.current.stores["thing"]
    made = [
        thing(f"t{n}", text=f"text {n}", count=n, tags=["a", n], marks={"n": n})
        for n in range(count)
    ]
    for one, other in zip(made, reversed(made), strict=True):
        one.other = other
    if items:
        for one in made:
            one.tags = [sys.modules[thing.__module__].Item("a thing") for _ in range(items)]


def memory() -> float:
    """Resident memory of this process, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def floor(service) -> float:
    """Milliseconds to import the same modules fresh and to copy the same dictionaries."""
    finder = service.reloader._finder
    objects = list(service.session.current.stores["thing"].manager.active().values())
    objects += [item for one in objects for item in one.tags if type(item).__name__ == "Item"]
    gc.disable()
    start = time.perf_counter()
    copies = [dict(vars(one)) for one in objects]
    copied = time.perf_counter() - start
    staging = Staging(finder, finder.sources)
    service.session.staged = Generation(-1)
    with constructing(Rebuild(service)):
        start = time.perf_counter()
        staging.run()
        imported = time.perf_counter() - start
    staging.rollback()
    service.session.staged = None
    gc.enable()
    del copies
    return (copied + imported) * 1000


class Pauses:
    """The longest gap between two turns of a reactor that always has something to do."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = time.perf_counter()
        self._loop = task.LoopingCall(self._turn)
        self._loop.start(0)

    def _turn(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last)
        self._last = now

    def take(self) -> float:
        """Milliseconds; the measurement starts anew."""
        longest, self.longest = self.longest, 0.0
        return longest * 1000

    def stop(self) -> None:
        self._loop.stop()


async def until(condition) -> None:
    """Wait for a condition, looking at every turn."""
    while not condition():
        turn: Deferred[None] = Deferred()
        reactor.callLater(0, turn.callback, None)
        await turn


async def measure_refusal(service, things: Path, count: int, pauses: Pauses) -> dict[str, float]:
    """Milliseconds of the pause of an edit that the last object refuses, and of one that all accept."""
    rows: dict[str, list[float]] = {"refused": [], "added": []}
    for number in range(REFUSALS):
        for name, calls in (("refused", count - 1), ("added", count + 1)):
            things.write_text(THINGS + ADDED.format(number=number, calls=calls))
            await until(lambda: True)
            pauses.take()
            report = await service.reload()
            assert report.ok is (name == "added"), str(report)
            rows[name].append(pauses.take())
        things.write_text(THINGS)  # the field goes
        assert (await service.reload()).ok
    return {name: statistics.median(values) for name, values in rows.items()}


async def measure(service, edited: Path, count: int, items: int, modules: int) -> dict[str, float]:
    """Edit the file several times and look at what happens."""
    populate(service, count, items)
    transports = [MemoryTransport() for _ in range(CLIENTS)]
    clients = [service.connections.connected(one, door="memory") for one in transports]
    gc.collect()
    pauses = Pauses()
    rows = []
    text = TALK.format(others=", ".join(others(modules)))
    for version in range(1, ROUNDS + 1):
        floor_ms = floor(service)
        generation = service.session.generation
        await until(lambda: True)
        pauses.take()
        edited.write_text(text.replace("VERSION = 0", f"VERSION = {version * 1000 + count % 997}"))
        saved = time.perf_counter()
        await until(lambda g=generation: service.session.generation > g)
        clients[0].line_received("hello")
        answered = time.perf_counter() - saved
        await until(lambda: "retire" in service.last_reload.phases)
        report = service.last_reload
        assert report.ok, str(report)
        rows.append(
            {
                "floor": floor_ms,
                "pause": pauses.take(),
                "save to new code": answered * 1000,
                **{name: seconds * 1000 for name, seconds in report.phases.items()},
            }
        )
    refusal = (
        await measure_refusal(service, edited.parent / "things.py", count, pauses) if count else {}
    )
    pauses.stop()
    for client in clients:
        client.disconnected("done")
    manager = service.session.current.stores["thing"].manager
    for obj in manager.active().values():
        manager.remove_active(obj)
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]} | refusal


async def measure_memory(service) -> tuple[float, float]:
    """MiB after 10 and after 100 reloads, with 1,000 objects."""
    populate(service, 1_000)
    after_ten = 0.0
    for n in range(1, 101):
        await service.reload()
        if n == 10:
            after_ten = memory()
    return after_ten, memory()


def show(rows: dict[int, dict[str, float]]) -> None:
    """The table, in milliseconds."""
    names = ["pause", "floor", "stage", "convert", "commit", "retire", "save to new code"]
    print(f"{'objects':>8} " + " ".join(f"{name:>8}" for name in names) + "   pause/floor")
    for count, row in rows.items():
        values = " ".join(f"{row[name]:>{max(8, len(name))}.1f}" for name in names)
        print(f"{count:>8} {values}   {row['pause'] / row['floor']:.1f}")
    for count, row in rows.items():
        if "added" in row:
            print(
                f"a field is added to {count:,} objects: {row['added']:.1f} ms; refused by the last of "
                f"them: {row['refused']:.1f}"
            )


def plot(rows: dict[int, dict[str, float]], path: Path) -> None:
    """The pause and its phases over the number of objects, as a drawing."""
    phases = {"stage": "#4e79a7", "convert": "#f28e2b", "commit": "#e15759"}
    width, height, left, bottom = 640, 320, 60, 40
    highest = max(max(row["pause"], row["floor"]) for row in rows.values()) * 1.1
    step = (width - left - 20) / len(rows)
    scale = (height - bottom - 30) / highest
    base = height - bottom
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            'font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="18">Pause of a reload in ms, by phase; the line is the bare floor</text>',
    ]
    for n, (count, row) in enumerate(rows.items()):
        x, y = left + n * step + step * 0.2, float(base)
        for phase, colour in phases.items():
            tall = row[phase] * scale
            y -= tall
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{step * 0.6:.1f}" height="{tall:.1f}" fill="{colour}"/>'
            )
        line = base - row["floor"] * scale
        parts.append(
            f'<line x1="{x - 6:.1f}" x2="{x + step * 0.6 + 6:.1f}" y1="{line:.1f}" y2="{line:.1f}" '
            'stroke="black" stroke-width="2"/>'
        )
        parts.append(f'<text x="{x:.1f}" y="{y - 4:.1f}">{row["pause"]:.0f}</text>')
        parts.append(f'<text x="{x:.1f}" y="{base + 16}">{count:,} objects</text>')
    for n, (phase, colour) in enumerate(phases.items()):
        parts.append(
            f'<rect x="{left + n * 90}" y="{height - 14}" width="10" height="10" fill="{colour}"/>'
        )
        parts.append(f'<text x="{left + n * 90 + 14}" y="{height - 5}">{phase}</text>')
    path.write_text("\n".join([*parts, "</svg>", ""]))


async def run(options: argparse.Namespace) -> None:
    """All of it, in one process and one run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        edited = write_application(folder, options.modules)
        gc.collect()
        gc.freeze()  # as `cletus run` does before it loads an application
        service = load("bench_app", folder)
        service.configure(store="memory:", reload_debounce=QUIET, output_max=0)
        await service.start(reactor, doors=())
        rows = {}
        for count in options.objects:
            rows[count] = await measure(service, edited, count, options.items, options.modules)
        load_average = os.getloadavg()[0]
        print(
            f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {load_average:.1f}; ",
            end="",
        )
        print(f"{options.modules:,} modules, {CLIENTS} connections, medians of {ROUNDS}, ms")
        show(rows)
        ten, hundred = await measure_memory(service)
        print(f"memory: {ten:.1f} MiB after 10 reloads, {hundred:.1f} MiB after 100")
        print(f"        ({(hundred / ten - 1) * 100:+.1f} %)")
        if options.plot:
            plot(rows, options.plot)
        await service.stop()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", type=Path)
    parser.add_argument(
        "--objects",
        type=lambda text: [int(one) for one in text.split(",")],
        default=[0, 1_000, 10_000, 100_000],
    )
    parser.add_argument("--modules", type=int, default=MODULES)
    parser.add_argument("--items", type=int, default=0, help="objects that each object has")
    options = parser.parse_args()
    task.react(lambda _reactor: Deferred.fromCoroutine(run(options)))


if __name__ == "__main__":
    main()
