"""How long it takes until somebody can connect, and how much of that is importing.

    python benchmarks/startup.py [--rounds 11] [--json FILE]

Each round starts, one after the other, so that all meet the same load:

* ``import cletus``, beside importing what a bare Twisted server does;
* a process until a connection is accepted: ``cletus run`` with the README's service, the same file run
  by ``python``, a package with a store and users (``cletus run example_service``), and beside them
  Twisted's echo server (a Protocol, ``listenTCP``, ``run``).

Bytecode is cached, as it is in an installation, in a folder of the benchmark's own. Of the wall time, the
median and the quickest; and the median of the processor time, which is what the wall time would be on a
machine that does nothing else, since all of this is one thread's work.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

#: Seconds: the aims of the issue.
IMPORT_AIM, LISTEN_AIM = 0.4, 1.0

#: Between two attempts to connect.
TICK = 0.001

TIMEOUT = 60.0

ECHO = """\
import sys
from twisted.internet import protocol, reactor

class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)

factory = protocol.ServerFactory()
factory.protocol = Echo
reactor.listenTCP(int(sys.argv[1]), factory, interface="127.0.0.1")
reactor.run()
"""

BARE, CLETUS = "import twisted.internet.reactor", "import cletus"
LISTENS = ("twisted echo", "cletus run talk.py", "python talk.py", "cletus run example_service")


class Taken(NamedTuple):
    """Seconds that something took."""

    wall: float
    processor: float


class Bench:
    """Runs and times processes.

    Args:
        folder: scratch; programs, stores and bytecode go there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if name != "PYTHONDONTWRITEBYTECODE"
            },
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
            "PYTHONPATH": str(ROOT),
        }
        self._stores = 0
        block = re.search(
            r"```python\n# talk\.py\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
        )
        assert block is not None
        (folder / "talk.py").write_text(block[1])
        (folder / "echo.py").write_text(ECHO)

    def imports(self, code: str) -> Taken:
        """How long a statement takes, as Python itself measures it."""
        clocks = "(time.perf_counter(), time.process_time())"
        timed = f"import time; b = {clocks}; {code}; a = {clocks}; print(a[0] - b[0], a[1] - b[1])"
        done = subprocess.run(
            [sys.executable, "-c", timed],
            env=self._environment,
            cwd=self._folder,
            check=True,
            capture_output=True,
        )
        return Taken(*map(float, done.stdout.split()))

    def listens(self, name: str) -> Taken:
        """How long it takes from the start of a process until it accepts a connection."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *self._command(name, port)],
            env=self._environment,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not _accepts(port):
                assert process.poll() is None, f"{name} has ended"
                assert time.perf_counter() - start < TIMEOUT, f"{name} does not listen"
                time.sleep(TICK)
            return Taken(time.perf_counter() - start, _processor_time(process.pid))
        finally:
            process.terminate()
            process.wait()

    def _command(self, name: str, port: int) -> list[str]:
        if name == "twisted echo":
            return ["echo.py", str(port)]
        self._stores += 1
        options = ["--port", str(port), "--store", f"store{self._stores}"]
        if name == "python talk.py":
            return ["talk.py", *options]
        return ["-m", *name.split(), *options]


def _processor_time(pid: int) -> float:
    """Seconds that a process has used up so far, in the system and outside."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def measure(rounds: int) -> dict[str, list[Taken]]:
    """What each took, once for each round; a first round that fills the caches is left out."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        kinds: Mapping[str, Callable[[], Taken]] = {
            **{code: partial(bench.imports, code) for code in (BARE, CLETUS)},
            **{name: partial(bench.listens, name) for name in LISTENS},
        }
        found: dict[str, list[Taken]] = {name: [] for name in kinds}
        for number in range(rounds + 1):
            for name, kind in kinds.items():
                taken = kind()
                if number:
                    found[name].append(taken)
    return found


def show(found: Mapping[str, list[Taken]]) -> None:
    """The table, with each figure beside that of bare Twisted, and the aims."""
    rounds = len(found[CLETUS])
    print(
        f"load {os.getloadavg()[0]:.1f}, {rounds} rounds, Python {sys.version.split()[0]}; milliseconds\n"
    )
    print(f"{'':<32}{'median':>8}{'quickest':>10}{'processor':>11}{'x Twisted':>11}{'aim':>6}")
    for name, taken in found.items():
        processor = statistics.median(one.processor for one in taken)
        beside = {CLETUS: BARE}.get(name, LISTENS[0] if name in LISTENS[1:] else "")
        ratio = ""
        if beside:
            ratio = f"{processor / statistics.median(one.processor for one in found[beside]):.1f}"
        aim = {CLETUS: IMPORT_AIM, **dict.fromkeys(LISTENS[1:], LISTEN_AIM)}.get(name)
        walls = [one.wall for one in taken]
        print(
            f"{name:<32}{statistics.median(walls) * 1000:>8.0f}{min(walls) * 1000:>10.0f}"
            f"{processor * 1000:>11.0f}{ratio:>11}{f'{aim * 1000:.0f}' if aim else '':>6}"
        )


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=11)
    arguments.add_argument("--json", type=Path, help="write all figures into this file")
    given = arguments.parse_args()
    found = measure(given.rounds)
    show(found)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
