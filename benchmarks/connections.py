"""Many connections: how fast they come, what each costs in memory, and the latency among all of them.

    python benchmarks/connections.py [--clients 5000] [--servers cletus,twisted]
    python benchmarks/connections.py --people 500

The server runs on one core, the load on the other. Twenty messages a second in all, each delivered to
everybody; the latency is that from the sending to each receiving.

With ``--people`` it is the memory of the example service instead: for each who is asked for a name, and
for each who has made an account and stands in a room.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fanout import Server, free_port, raise_limit, steady
from load import Crowd, cpu_seconds, rss

WARM_UP = 40  # what Python and argon2 keep once and for all is there after these
LETTERS = "abdefghkprstuxyz"  # which look like no others: such names would be refused
WITHOUT_LIMITS = (
    "--connections-per-address=0",
    "--users-strangers-per-address=0",
    "--users-accounts-per-hour=0",
    "--users-login-time=0",
    "--line-rate=0",
    "--screen-lines-per-account=0",
    "--screen-lines-per-address=0",
    "--screen-lines-of-newcomers=0",
    "--screen-lines-per-room=0",
    "--no-reload",
)


@contextmanager
def example(port: int) -> Iterator[int]:
    """The example service on core 0; the number of its process."""
    with (
        tempfile.TemporaryDirectory() as store,
        open("/tmp/bench-example.log", "wb") as log,
        subprocess.Popen(
            [
                *("taskset", "-c", "0", sys.executable, "-m", "cletus", "run", "example_service"),
                *(f"--port={port}", f"--store={store}", *WITHOUT_LIMITS),
            ],
            cwd=Path(__file__).parents[1],
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            until(connect(port, 30.0), b"name").close()
            yield process.pid
        finally:
            process.terminate()
            process.wait(60)


def connect(port: int, seconds: float = 0.0) -> socket.socket:
    """Connect; try again for so long."""
    deadline = time.perf_counter() + seconds
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except OSError:
            if time.perf_counter() > deadline:
                raise
            time.sleep(0.05)


def until(one: socket.socket, text: bytes) -> socket.socket:
    """Read until this has come; so far as it is read, it is thrown away."""
    found = b""
    while text not in found:
        try:
            data = one.recv(65536)
        except TimeoutError:
            data = b""
        if not data:
            sys.exit(f"{text!r} has not come: see /tmp/bench-example.log; but {found[-500:]!r}")
        found = (found + data)[-65536:]
    return one


def log_in(one: socket.socket, number: int) -> None:
    """Make an account; what the room says to those who are in already stays in their sockets."""
    size = len(LETTERS)
    name = "N" + "".join(LETTERS[number // size**place % size] for place in range(3))
    one.sendall(f"{name}\r\ny\r\nlantern light\r\nlantern light\r\n\r\n".encode())
    until(one, b"Type .help")


def people(count: int) -> None:
    """Print what each costs who is connected, and who is logged in."""
    port = free_port()
    with example(port) as pid:
        inside = [until(connect(port), b"name") for _ in range(WARM_UP)]
        for number, one in enumerate(inside):
            log_in(one, number)
        empty = rss(pid)
        crowd = [until(connect(port), b"name") for _ in range(count)]
        connected = (rss(pid) - empty) / count / 1024
        start = time.perf_counter()
        for number, one in enumerate(crowd, WARM_UP):
            log_in(one, number)
        seconds = time.perf_counter() - start
        logged_in = (rss(pid) - empty) / count / 1024
        print(f"example service, {count} people, one after another; empty {empty / 2**20:.0f} MiB")
        print(f"connected {connected:.1f} KiB each, logged in {logged_in:.1f} KiB each")
        print(f"{count / seconds:.1f} accounts a second (argon2id, one after another)", flush=True)
        for one in inside + crowd:
            one.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=5000)
    parser.add_argument("--servers", default="cletus,twisted,asyncio")
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--people", type=int, default=0)
    arguments = parser.parse_args()
    raise_limit()
    os.sched_setaffinity(0, {1})
    if arguments.people:
        print(f"load {os.getloadavg()[0]:.1f}")
        people(arguments.people)
        return
    print(f"load {os.getloadavg()[0]:.1f}, {arguments.rate:g} messages/s to everybody")
    print(
        f"{'server':<11}{'clients':>8}{'connects/s':>12}{'KiB/client':>12}{'p50 ms':>8}{'p99 ms':>8}"
        f"{'CPU':>6}"
    )
    for name in arguments.servers.split(","):
        server = Server(name)
        try:
            empty = rss(server.pid)
            crowd = Crowd(server.port)
            seconds = crowd.connect(arguments.clients)
            crowd.synchronise()
            memory = (rss(server.pid) - empty) / arguments.clients / 1024
            before = cpu_seconds(server.pid)
            latencies = sorted(steady(crowd, arguments.rate, arguments.seconds))
            cpu = (cpu_seconds(server.pid) - before) / arguments.seconds
            crowd.close()
        finally:
            server.stop()
        p50, p99 = (latencies[int(len(latencies) * share)] * 1000 for share in (0.5, 0.99))
        print(
            f"{name:<11}{arguments.clients:>8}{arguments.clients / seconds:>12,.0f}{memory:>12.1f}"
            f"{p50:>8.0f}{p99:>8.0f}{cpu:>6.0%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
