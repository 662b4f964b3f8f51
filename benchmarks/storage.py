"""What storage costs, side by side with what it is built on and with what one might use instead.

    python benchmarks/storage.py                   # as root: on a journaled ext4 in an image file
    python benchmarks/storage.py --folder /srv/x   # on whatever that folder is on
    python benchmarks/storage.py --json            # the figures alone, for machines

Contenders take turns within each round, so that a busy neighbour disturbs all of them alike; a
figure is the median of the rounds. `benchmarks/README.md` has a run and says what it shows.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.python.filepath import FilePath

from cletus.storage import Field, Store, Writer, save_all
from cletus.storage.backends.json_files import JsonFiles
from cletus.storage.backends.syscalls import Syscalls

reactor: Any = installed
ROUNDS = 9
ONE_BY_ONE = 50
GROUP = 1000
FILES = 10_000
KEYS = 100_000
TICK = 0.002
SECONDS = 5.0

FIELDS: dict[str, Any] = {
    "name": "Bob the Builder",
    "email": "bob@example.org",
    "score": 1234,
    "level": 7,
    "room": "great-hall",
    "bio": "He came one night with the rain, sat down by the fire and has not left since.",
    "seen": 1790000000.25,
    "muted": False,
    "tags": ["builder", "regular", "wizard"],
    "friends": {"alice": 3, "carol": 1},
}
"""The object that is measured: ten fields, a document of some 385 bytes."""


class Home:
    """As much of a session as stores need."""

    freezing = False

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.stores: dict[str, type[Store]] = {}

    def register(self, store_cls: type[Store]) -> None:
        self.stores[store_cls.__name__.lower()] = store_cls

    def find(self, name: str) -> type[Store] | None:
        return self.stores.get(name)


def open_store(folder: Path, sync: Any = "full") -> tuple[Writer, type[Any]]:
    """A backend in this folder, and a store class of the measured object on it."""
    writer = Writer(JsonFiles(folder, sync=sync), reactor, deferToThread)
    writer.open()
    declared = {name: Field(value) for name, value in FIELDS.items()}
    return writer, type("User", (Store,), {"session": Home(writer), **declared})


def rate(call: Callable[[], object], count: int) -> float:
    """How many a second, when one call does so many."""
    gc.collect()
    began = time.perf_counter()
    call()
    return count / (time.perf_counter() - began)


def take_turns(
    contenders: dict[str, Callable[[], object]], count: int, rounds: int = ROUNDS
) -> dict[str, float]:
    """Each contender once a round, in an order that turns; the median of its rates."""
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    for number in range(rounds):
        for name in order[number % len(order) :] + order[: number % len(order)]:
            rates[name].append(rate(contenders[name], count))
    return {name: statistics.median(found) for name, found in rates.items()}


# -- saving ----------------------------------------------------------------------------------------


NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def bare_save(folder: str, key: str, data: bytes) -> None:
    """The system calls of a durable save and nothing else: no check, no error handled."""
    fd = os.open(f"{folder}/.{key}.tmp", NEW, 0o600)
    os.write(fd, data)
    os.fsync(fd)
    os.close(fd)
    os.rename(f"{folder}/.{key}.tmp", f"{folder}/{key}.json")
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def bare_group(folder: str, keys: list[str], data: bytes) -> None:
    """The same for many, with shared flushes."""
    for key in keys:
        fd = os.open(f"{folder}/.{key}.tmp", NEW, 0o600)
        os.write(fd, data)
        os.close(fd)
    fd = os.open(folder, os.O_RDONLY)
    Syscalls().syncfs(fd)
    for key in keys:
        os.rename(f"{folder}/.{key}.tmp", f"{folder}/{key}.json")
    os.fsync(fd)
    os.close(fd)


class Sqlite:
    """One table of documents, every row its own durable transaction."""

    def __init__(self, path: Path, journal: str) -> None:
        self.base = sqlite3.connect(path, isolation_level=None)
        self.base.execute(f"PRAGMA journal_mode={journal}")
        self.base.execute("PRAGMA synchronous=FULL")
        self.base.execute("CREATE TABLE document (key TEXT PRIMARY KEY, data BLOB)")

    def save(self, key: str, data: bytes) -> None:
        self.base.execute("INSERT OR REPLACE INTO document VALUES (?, ?)", (key, data))

    def group(self, keys: list[str], data: bytes) -> None:
        with self.base:
            self.base.execute("BEGIN")
            for key in keys:
                self.save(key, data)


def measure_saves(folder: Path) -> dict[str, Any]:
    writer, user = open_store(folder / "store")
    users = [user(f"u{number}") for number in range(GROUP)]
    save_all(users)
    data = users[0].to_json().encode()
    few, keys = users[:ONE_BY_ONE], [one.key for one in users]
    (folder / "bare").mkdir()
    (folder / "content").mkdir()
    bare = str(folder / "bare")
    wal, rollback = Sqlite(folder / "wal", "WAL"), Sqlite(folder / "rollback", "DELETE")
    content = FilePath(str(folder / "content"))
    bare_group(bare, keys, data)  # everybody has as many documents to begin with
    wal.group(keys, data)
    rollback.group(keys, data)
    for key in keys:
        content.child(key).setContent(data)
    one_by_one = take_turns(
        {
            "save()": lambda: [one.save() for one in few],
            "bare system calls": lambda: [bare_save(bare, one.key, data) for one in few],
            "sqlite3 WAL, FULL": lambda: [wal.save(one.key, data) for one in few],
            "sqlite3 rollback journal, FULL": lambda: [rollback.save(one.key, data) for one in few],
            "FilePath.setContent (not flushed)": lambda: [
                content.child(one.key).setContent(data) for one in few
            ],
        },
        ONE_BY_ONE,
        rounds=40,  # short turns: a disk has its moods
    )
    together = take_turns(
        {
            "save_all()": lambda: save_all(users),
            "bare system calls, shared flushes": lambda: bare_group(bare, keys, data),
            "sqlite3 WAL, FULL, one transaction": lambda: wal.group(keys, data),
            "FilePath.setContent (not flushed)": lambda: [
                content.child(key).setContent(data) for key in keys
            ],
        },
        GROUP,
    )
    writer.close()
    return {"document": len(data), "saves": one_by_one, "groups": together}


def measure_save_without_flush(folder: Path) -> dict[str, float]:
    """What Cletus itself costs: on a file system in memory nothing else takes time."""
    writer, user = open_store(folder / "store")
    users = [user(f"u{number}") for number in range(GROUP)]
    save_all(users)
    data = users[0].to_json().encode()
    (folder / "bare").mkdir()
    bare = str(folder / "bare")
    found = take_turns(
        {
            "save()": lambda: [one.save() for one in users],
            "bare system calls": lambda: [bare_save(bare, one.key, data) for one in users],
            "to_json() alone": lambda: [one.to_json() for one in users],
        },
        GROUP,
    )
    writer.close()
    return found


# -- loading and listing ---------------------------------------------------------------------------


def bare_loads(paths: list[str]) -> None:
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        json.loads(os.read(fd, 1 << 16))
        os.close(fd)


def usual_loads(paths: list[str]) -> None:
    for path in paths:
        with open(path, encoding="utf-8") as file:
            json.load(file)


def measure_loads(folder: Path, remount: Callable[[], None] | None) -> dict[str, Any]:
    writer, user = open_store(folder / "store", "rename")
    users = [user(f"u{number}", score=number) for number in range(FILES)]
    save_all(users)
    paths = [f"{folder}/store/user/{one.key}.json" for one in users]
    rates = take_turns(
        {
            "load()": lambda: [one.load() for one in users],
            "manager.saved()": user.manager.saved,
            "os.open, os.read, json.loads": lambda: bare_loads(paths),
            "open(), json.load": lambda: usual_loads(paths),
        },
        FILES,
    )
    writer.close()
    found: dict[str, Any] = {"rates": rates, "warm start": start(folder)}
    if remount is not None:
        remount()
        found["cold start"] = start(folder)
    return found


def start(folder: Path) -> float:
    """Seconds to open the folder and load everything in it."""
    began = time.perf_counter()
    writer, user = open_store(folder / "store", "rename")
    assert len(user.manager.saved()) == FILES
    writer.close()
    return time.perf_counter() - began


def measure_listing(folder: Path) -> dict[str, float]:
    """Seconds, with as many keys as a very large talker has."""
    writer, user = open_store(folder / "store", "rename")
    writer.write_many([])
    users = [user(f"u{number}") for number in range(KEYS)]
    failures = save_all(users)
    assert not failures
    found = {}
    for name in ("active", "keys", "saved"):
        call = getattr(user.manager, name)
        times = []
        for _ in range(3):
            gc.collect()
            began = time.perf_counter()
            assert len(call()) == KEYS
            times.append(time.perf_counter() - began)
        found[name] = statistics.median(times)
    writer.close()
    return found


# -- memory ----------------------------------------------------------------------------------------


class Plain:
    """An ordinary object with the same attributes."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.name = FIELDS["name"]
        self.email = FIELDS["email"]
        self.score = FIELDS["score"]
        self.level = FIELDS["level"]
        self.room = FIELDS["room"]
        self.bio = FIELDS["bio"]
        self.seen = FIELDS["seen"]
        self.muted = FIELDS["muted"]
        self.tags = list(FIELDS["tags"])
        self.friends = dict(FIELDS["friends"])


def bytes_each(make: Callable[[str], Any], count: int = 20_000) -> float:
    """Memory of one, held in a dict by key as managers hold theirs."""
    keys = [f"u{number}" for number in range(count)]
    gc.collect()
    tracemalloc.start()
    held = {key: make(key) for key in keys}
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(held) == count
    return size / count


def measure_memory(folder: Path) -> dict[str, float]:
    writer, user = open_store(folder / "store", "rename")

    def apart(key: str) -> Any:
        made = user(key)
        user.manager.remove_active(made)  # the dict that it is measured in is one already
        return made

    found = {"store object": bytes_each(apart), "plain object": bytes_each(Plain)}
    writer.close()
    return found


# -- the reactor -----------------------------------------------------------------------------------


class Ticks:
    """How late a call that should come every 2 ms does come. ``act`` is done in each."""

    def __init__(self, act: Callable[[], None] | None = None) -> None:
        self.late: list[float] = []
        self._act = act
        self._due = time.perf_counter()
        self._call: Any = None
        self._tick()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.late.append(now - self._due)
        self._due = now + TICK
        if self._act is not None:
            self._act()
        self._call = reactor.callLater(max(0, self._due - time.perf_counter()), self._tick)

    def end(self) -> dict[str, float]:
        self._call.cancel()
        return spread(self.late)


def spread(seconds: list[float]) -> dict[str, float]:
    """Percentiles in milliseconds."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {
        "p50": ordered[last // 2] * 1000,
        "p99": ordered[round(last * 0.99)] * 1000,
        "max": ordered[last] * 1000,
    }


def after(seconds: float) -> Deferred[None]:
    deferred: Deferred[None] = Deferred()
    reactor.callLater(seconds, deferred.callback, None)
    return deferred


async def measure_reactor(folder: Path) -> dict[str, Any]:
    """A tick every 2 ms; in each tick one object is saved: 500 a second."""
    writer, user = open_store(folder / "store")
    users = [user(f"u{number}") for number in range(FILES)]
    save_all(users)
    turn = itertools.cycle(users[:2000])
    durable: list[float] = []

    def soon() -> None:
        one = next(turn)
        one.score += 1
        began = time.perf_counter()
        one.save_soon().addCallback(lambda _: durable.append(time.perf_counter() - began))

    def now() -> None:
        one = next(turn)
        one.score += 1
        one.save()

    found: dict[str, Any] = {}
    gc.collect()
    gc.freeze()  # ten thousand objects of the benchmark are not what is measured
    for name, act in (("nothing saved", None), ("save_soon()", soon), ("save()", now)):
        ticks = Ticks(act)
        await after(SECONDS)
        found[name] = ticks.end()
        await writer.flush()
    found["durable after"] = spread(durable)
    ticks = Ticks()
    await after(0.2)
    began = time.perf_counter()
    encoding = [encode_some(users[at : at + 20]) for at in range(0, FILES, 20)]
    for part in encoding:
        await part
    found["10,000 encoded, seconds"] = time.perf_counter() - began
    await writer.flush()
    found["10,000 by save_soon, seconds"] = time.perf_counter() - began
    found["10,000 by save_soon"] = ticks.end()
    began = time.perf_counter()
    assert save_all(users) == []
    found["10,000 by save_all, seconds"] = time.perf_counter() - began
    writer.close()
    return found


async def encode_some(users: list[Any]) -> None:
    """A slice of many saves, with the reactor let in between slices."""
    await after(0)
    for one in users:
        one.save_soon()


# -- the whole -------------------------------------------------------------------------------------


class Image:
    """A journaled ext4 in an image file, mounted."""

    def __init__(self, work: Path, size: str = "2G") -> None:
        self._file, self.folder = work / "disk", work / "mounted"
        self.folder.mkdir()
        run("truncate", "-s", size, self._file)
        run("mkfs.ext4", "-q", "-F", self._file)
        self.mount()

    def mount(self) -> None:
        run("mount", "-o", "loop", self._file, self.folder)

    def unmount(self) -> None:
        run("umount", self.folder)

    def remount(self) -> None:
        """Forget everything that the kernel has cached of it."""
        self.unmount()
        fd = os.open(self._file, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
        self.mount()


def run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


@contextlib.contextmanager
def disk(given: str | None) -> Iterator[tuple[Path, str, Callable[[], None] | None]]:
    """Where to measure, what that is, and how to forget its cache."""
    work = Path(tempfile.mkdtemp(prefix="cletus-benchmark-", dir=given))
    image = None
    try:
        if given is None and os.geteuid() == 0:
            with contextlib.suppress(OSError, subprocess.CalledProcessError):
                image = Image(work)
        if image is None:
            yield work, f"{given or tempfile.gettempdir()}, whatever that is on", None
        else:
            yield (
                image.folder,
                "ext4 with a journal, in an image file on the root disk",
                image.remount,
            )
    finally:
        if image is not None:
            image.unmount()
        shutil.rmtree(work)


def measure(given: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"machine": machine()}
    fresh = itertools.count()

    def folder(base: Path) -> Path:
        made = base / f"run{next(fresh)}"
        made.mkdir()
        return made

    with disk(given) as (base, words, remount):
        found["disk"] = words
        found |= measure_saves(folder(base))
        found["reactor"] = in_reactor(measure_reactor(folder(base)))
        found["loads"] = measure_loads(folder(base), remount)
        found["listing"] = measure_listing(folder(base))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        found["in memory"] = measure_save_without_flush(Path(memory))
        found["bytes"] = measure_memory(folder(Path(memory)))
    return found


def in_reactor(coroutine: Any) -> Any:
    """Run this in the reactor, which can be started once in a process."""
    outcome: list[Any] = []

    def begin() -> None:
        done = Deferred.fromCoroutine(coroutine)
        done.addBoth(outcome.append).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    if hasattr(outcome[0], "raiseException"):
        outcome[0].raiseException()
    return outcome[0]


def machine() -> str:
    load = os.getloadavg()[0]
    python = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return f"{os.cpu_count()} cores, Linux {platform.release()}, {python}, load {load:.1f} at start"


def aims(found: dict[str, Any]) -> Iterator[tuple[str, float, str, float]]:
    """Each aim of the issue: what, how it came out, at least or at most, the aim."""
    saves, groups, loads = found["saves"], found["groups"], found["loads"]["rates"]
    late, listing, size = found["reactor"], found["listing"], found["bytes"]
    yield "save() / bare system calls", saves["save()"] / saves["bare system calls"], ">=", 0.9
    yield "save_all() / save()", groups["save_all()"] / saves["save()"], ">=", 5
    yield "tick lateness p99, 500 save_soon() a second, ms", late["save_soon()"]["p99"], "<=", 5
    yield "load() / bare read + json.loads", loads["load()"] / loads[BARE_LOAD], ">=", 0.6
    yield (
        "store object / plain object, bytes",
        size["store object"] / size["plain object"],
        "<=",
        1.5,
    )
    yield "10,000 by save_soon() durable, s", late["10,000 by save_soon, seconds"], "<=", 1.5
    yield "tick lateness p99 meanwhile, ms", late["10,000 by save_soon"]["p99"], "<=", 10
    yield "10,000 by save_all() durable, s", late["10,000 by save_all, seconds"], "<=", 1.5
    yield "start with 10,000 files, warm, s", found["loads"]["warm start"], "<=", 0.3
    if "cold start" in found["loads"]:
        yield "start with 10,000 files, cold, s", found["loads"]["cold start"], "<=", 2
    yield "100,000 keys listed, s", listing["keys"], "<=", 0.1


BARE_LOAD = "os.open, os.read, json.loads"


def show(found: dict[str, Any]) -> None:
    print(f"{found['machine']}\n{found['disk']}\na document has {found['document']} bytes\n")
    for title, key, first in (
        ("saves a second, one by one", "saves", "save()"),
        (f"saves a second, {GROUP:,} together", "groups", "save_all()"),
        ("saves a second, on a file system in memory", "in memory", "save()"),
    ):
        table(title, found[key], first)
    table(f"loads a second, {FILES:,} files, warm", found["loads"]["rates"], "load()")
    print(f"{KEYS:,} keys, milliseconds")
    for name, seconds in found["listing"].items():
        print(f"  {name + '()':40}{seconds * 1000:10,.1f}")
    print("\nbytes of an object of ten fields")
    for name, size in found["bytes"].items():
        print(f"  {name:40}{size:10,.0f}")
    print("\nlateness of a 2 ms tick while 500 objects a second are saved, milliseconds")
    for name, value in found["reactor"].items():
        words = as_words(value)
        print(f"  {name:40}{words}")
    print("\naims")
    for what, is_, relation, aim in aims(found):
        kept = is_ >= aim if relation == ">=" else is_ <= aim
        print(f"  {'met   ' if kept else 'MISSED'} {what:50}{is_:8.2f} {relation} {aim}")


def as_words(value: float | dict[str, float]) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return "   ".join(f"{part} {number:6.2f}" for part, number in value.items())


def table(title: str, rates: dict[str, float], first: str) -> None:
    print(f"{title:52}     {first} is")
    for name, found in rates.items():
        times = "" if name == first else f"{rates[first] / found:10.2f} times"
        print(f"  {name:40}{found:10,.0f}{times}")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", help="measure in this folder instead of an image")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    found = measure(options.folder)
    if options.json:
        json.dump({**found, "aims": list(aims(found))}, sys.stdout, indent=2)
    else:
        show(found)


if __name__ == "__main__":
    main()
