"""How long a restart keeps lines waiting: with people, with objects, and beside a restart that drops everybody.

    python benchmarks/restart.py [--people 200] [--objects 0] [--restarts 20] [--plain]
                                 [--evennia GAME --bin VENV/bin]

Each person is a connection by plain telnet. The pause is what the report says; beside it is what a person sees,
the longest time between a line and its answer. ``--plain`` also stops the service and starts it again, and
measures from the signal to the first answer. ``--evennia`` reloads a game of Evennia's, whose connections are
in another process (``rivals/evennia_say.py`` says how to make one): the longest time without an answer, and how
many lines have none.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "rivals"))

from evennia_say import Evennia, Player

APP = """
from cletus import Service, events
from cletus.storage import Field, Store
service = Service()
service.configure(connections_per_address=0, line_rate=0)

class Thing(Store):
    service = service
    name = Field("")
    numbers = Field(list, session=True)

@service.listen(events.PostStart)
def start(event):
    for number in range({objects}):
        Thing(f"thing{{number}}", name=f"the {{number}}th", numbers=[number])

@service.listen(events.Receive)
def receive(event):
    event.client.write(event.data)
"""


class Watch:
    """Somebody who types a line again and again, and notes the longest wait for its answer."""

    def __init__(self, port: int) -> None:
        self.longest = 0.0
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        lines = self._socket.makefile("rb")
        number = 0
        while not self._ended.wait(0.001):
            number += 1
            typed = time.monotonic()
            self._socket.sendall(b"%d\r\n" % number)
            answer = lines.readline()
            if not answer.endswith(b"%d\r\n" % number):
                raise SystemExit(f"the answer to {number} was {answer!r}")
            self.longest = max(self.longest, time.monotonic() - typed)

    def take_longest(self) -> float:
        longest, self.longest = self.longest, 0.0
        return longest

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    options = [
        f"--port={port}",
        "--web-port=0",
        "--no-reload",
        "--no-restart-rehearsal",
        "--restart-timeout=30",
    ]
    command = [sys.executable, "-m", "cletus", "run", "app.py", *options]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=(folder / "log").open("ab")
    )
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process
        except OSError:
            time.sleep(0.01)


def restart(folder: Path) -> dict[str, float]:
    """The report of one restart."""
    command = [sys.executable, "-m", "cletus", "restart", "app.py", "--json"]
    while True:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.stdout:
            report: dict[str, float] = json.loads(done.stdout)
            if report["outcome"] != "taken over":
                raise SystemExit(report["text"])
            return report
        time.sleep(0.05)  # the control socket of the new process is not open yet


def show(name: str, seconds: list[float]) -> None:
    middle = statistics.median(seconds)
    print(
        f"{name:30} median {1000 * middle:6.0f} ms, {1000 * min(seconds):.0f} to {1000 * max(seconds):.0f}"
    )


def plain_restart(
    folder: Path, port: int, process: subprocess.Popen[bytes]
) -> tuple[float, subprocess.Popen[bytes]]:
    """Seconds from SIGTERM to the first answer of the next process, and that process."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait()
    process = start(folder, port)
    with socket.create_connection(("127.0.0.1", port)) as person:
        person.sendall(b"x\r\n")
        person.recv(100)
        return time.monotonic() - began, process


def evennia_reload(game: Evennia, player: Player) -> tuple[float, int]:
    """The longest time without an answer over a reload of Evennia's, in seconds, and the lines without one."""
    reload = subprocess.Popen(
        [str(game.programs / "evennia"), "reload"],
        cwd=game.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    sent, answered, buffer, longest = 0, 0, b"", 0.0
    last = began = time.monotonic()
    while (now := time.monotonic()) < began + _EVENNIA_WAIT + 3.0:
        if now < began + _EVENNIA_WAIT:
            sent += 1
            player.socket.sendall(b"say number %d of reload\r\n" % sent)
        if select.select([player.socket], [], [], 0.02)[0]:
            buffer += player.socket.recv(65536)
            count = len(_NUMBERED.findall(buffer))
            if count:
                longest, last = max(longest, time.monotonic() - last), time.monotonic()
                answered += count
                buffer = buffer[buffer.rindex(b" of reload") + 1 :]
            time.sleep(0.02)
    reload.wait()
    return longest, sent - answered


_NUMBERED = re.compile(rb"number (\d+) of reload")

_EVENNIA_WAIT = 15.0
"""Seconds in which lines are typed; a reload of Evennia's is over within them."""


def beside_evennia(folder: Path, programs: Path, people: int, reloads: int) -> None:
    game = Evennia(folder.resolve(), programs.resolve(), people)
    game.start()
    try:
        players = [Player(number) for number in range(people)]
        seen = [evennia_reload(game, players[0]) for _ in range(reloads)]
    finally:
        game.stop()
    show("Evennia's reload", [seconds for seconds, _ in seen])
    print(f"{'':30} lines without an answer: {', '.join(str(lost) for _, lost in seen)}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--objects", type=int, default=0)
    parser.add_argument("--restarts", type=int, default=20)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--evennia", type=Path, help="what `evennia --init` made")
    parser.add_argument("--bin", type=Path, help="where the program evennia is")
    arguments = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "app.py").write_text(APP.format(objects=arguments.objects))
        process = start(folder, port)
        people = [
            socket.create_connection(("127.0.0.1", port)) for _ in range(arguments.people - 1)
        ]
        watch = Watch(port)
        pauses, waits = [], []
        for _ in range(arguments.restarts):
            watch.take_longest()
            report = restart(folder)
            time.sleep(0.2)
            pauses.append(report["pause"])
            waits.append(watch.take_longest())
        watch.end()
        print(
            f"{arguments.people} people, {arguments.objects} objects, {arguments.restarts} restarts"
        )
        print(f"load {os.getloadavg()[0]:.1f}")
        show("pause", pauses)
        show("longest wait of a person", waits)
        for person in people:
            person.close()
        if arguments.plain:
            plain = []
            for _ in range(5):
                seconds, process = plain_restart(folder, port, process)
                plain.append(seconds)
            show("a plain restart", plain)
        command = [sys.executable, "-m", "cletus", "shutdown", "app.py"]
        subprocess.run(command, cwd=folder, capture_output=True, check=False)
    if arguments.evennia:
        beside_evennia(arguments.evennia, arguments.bin, arguments.people, 3)


if __name__ == "__main__":
    main()
