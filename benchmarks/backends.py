"""The places for documents side by side: a folder of files, SQLite and PostgreSQL, in one run.

    python benchmarks/backends.py [--objects 100000] [--rounds 7] [--folder /srv/x]

Contenders take turns within each round, so that a busy neighbour disturbs all of them alike; a figure is
the median of the rounds. PostgreSQL is started for the benchmark where Debian's package is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/engines.py starts the server

from storage import FIELDS, ONE_BY_ONE, Home, machine, table, take_turns

from cletus.settings.settings import Settings
from cletus.storage import Field, Store, Writer, backend_for, save_all
from tests.engines import Postgres, postgres

GROUP = 1000
FOUND = 100  # objects that have the value that is searched for


def open_store(url: str) -> tuple[Writer, type[Any]]:
    """A backend, and a store class of the measured object on it."""
    writer = Writer(backend_for(Settings(store=url)), Clock(), _not_used)
    writer.open()
    declared = {name: Field(value, index=name == "room") for name, value in FIELDS.items()}
    return writer, type("User", (Store,), {"session": Home(writer), **declared})


def _not_used(*_arguments: Any) -> Any:
    raise AssertionError("nothing is saved in the background here")


@contextlib.contextmanager
def server() -> Iterator[Postgres | None]:
    """A PostgreSQL server, if there is one to be started."""
    if not any(Path("/usr/lib/postgresql").glob("*/bin/postgres")) and not shutil.which("postgres"):
        print("without PostgreSQL: apt-get install postgresql")
        yield None
        return
    with postgres() as started:
        yield started


def turns(
    stores: dict[str, type[Any]], act: Callable[[type[Any]], object], count: int, rounds: int
) -> dict[str, float]:
    """The same act on each store."""
    contenders = {name: lambda store=store: act(store) for name, store in stores.items()}
    return take_turns(contenders, count, rounds)


def measure(urls: dict[str, str], objects: int, rounds: int) -> dict[str, dict[str, float]]:
    """Rates a second by what is done and by backend."""
    opened = {name: open_store(url) for name, url in urls.items()}
    stores = {name: store for name, (_, store) in opened.items()}
    for store in stores.values():
        for start in range(0, objects, GROUP):
            users = [
                store(f"u{n}", room=f"room{n % (objects // FOUND)}")
                for n in range(start, start + GROUP)
            ]
            assert save_all(users) == []
            for user in users[ONE_BY_ONE if start == 0 else 0 :]:
                store.manager.remove_active(user)
    group = {name: [store(f"g{n}") for n in range(GROUP)] for name, store in stores.items()}

    def saves(store: type[Any]) -> None:
        for n in range(ONE_BY_ONE):
            store.manager.get_active(f"u{n}").save()

    def groups(store: type[Any]) -> None:
        name = next(name for name, each in stores.items() if each is store)
        assert save_all(group[name]) == []

    def loads(store: type[Any]) -> None:
        for n in range(GROUP):
            store.manager._fetch(f"u{n + ONE_BY_ONE}")

    def found(store: type[Any]) -> None:
        assert len(store.manager.find(room="room3")) >= FOUND - 1

    results = {
        "saves a second, one by one": turns(stores, saves, ONE_BY_ONE, rounds * 4),
        f"saves a second, {GROUP:,} together": turns(stores, groups, GROUP, rounds),
        "loads a second": turns(stores, loads, GROUP, rounds),
        f"find() a second, {FOUND} of {objects:,} by index": turns(
            {name: store for name, store in stores.items() if name != "folder"}, found, 1, rounds
        ),
    }
    for writer, _ in opened.values():
        writer.close()
    return results


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--folder", help="measure in this folder instead of the one for temporary files"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name, server() as engine:
        urls = {"folder": f"{name}/store", "sqlite": f"sqlite://{name}/talker.db"}
        if engine is not None:
            urls["postgresql"] = engine.url
        print(f"{machine()}; {options.objects:,} objects in {os.path.dirname(name)}\n")
        for title, rates in measure(urls, options.objects, options.rounds).items():
            table(title, rates, next(iter(rates)))


if __name__ == "__main__":
    main()
