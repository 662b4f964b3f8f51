"""How long a restart keeps lines waiting: with people, with objects, and beside a restart that drops everybody.

    python benchmarks/restart.py [--people 200] [--objects 0] [--restarts 20] [--plain]

Each person is a connection by plain telnet. The pause is what the report says; beside it is what a person sees,
the longest time between a line and its answer. ``--plain`` also stops the service and starts it again, and
measures from the signal to the first answer.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

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


def plain_restart(folder: Path, port: int, process: subprocess.Popen[bytes]) -> float:
    """Seconds from SIGTERM to the first answer of the next process."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait()
    start(folder, port)
    with socket.create_connection(("127.0.0.1", port)) as person:
        person.sendall(b"x\r\n")
        person.recv(100)
        return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--objects", type=int, default=0)
    parser.add_argument("--restarts", type=int, default=20)
    parser.add_argument("--plain", action="store_true")
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
            show("a plain restart", [plain_restart(folder, port, process)])
        command = [sys.executable, "-m", "cletus", "shutdown", "app.py"]
        subprocess.run(command, cwd=folder, capture_output=True, check=False)


if __name__ == "__main__":
    main()
