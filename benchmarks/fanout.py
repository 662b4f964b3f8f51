"""Fan-out: what one line to everybody costs, beside rivals that do the same in the same run.

    python benchmarks/fanout.py [--clients 10,200,1000] [--servers telnet,web,ssh,twisted] [--seconds 5]

The server runs on one core, the load on the other (``taskset``). Two measurements each:

* flat out: ten speakers, each says its next line when it has heard its own; deliveries a second, and
  deliveries per second of the server's processor time.
* steady: so many lines a second in all, sent by the clock; latency from the sending to each receiving.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from load import Crowd, Result, SshCrowd, WebCrowd, cpu_seconds, rss

HERE = Path(__file__).resolve().parent
SERVERS = {
    "telnet": "cletus_chat.py",
    "web": "cletus_chat.py",
    "ssh": "cletus_chat.py",
    "twisted": "twisted_chat.py",
    "conch": "conch_chat.py",
    "asyncio": "asyncio_chat.py",
    "telnetlib3": "telnetlib3_chat.py",
    "miniboa": "miniboa_chat.py",
}
CROWDS = {"web": WebCrowd, "ssh": SshCrowd}
SPEAKERS = 10
PADDING = b"x" * 24  # with its speaker, number and time a line has some fifty bytes


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def raise_limit() -> None:
    """As many file descriptors as the system allows, for this process and the servers."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Server:
    """One of the servers, on a core of its own."""

    def __init__(self, name: str, core: int = 0) -> None:
        self.port = free_port()
        script = HERE / "rivals" / SERVERS[name]
        with open(f"/tmp/bench-{name}.log", "wb") as log:
            self._process = subprocess.Popen(
                ["taskset", "-c", str(core), sys.executable, str(script), str(self.port), name],
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.pid = self._process.pid
        deadline = time.perf_counter() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                if time.perf_counter() > deadline or self._process.poll() is not None:
                    self.stop()
                    raise RuntimeError(
                        f"{name} does not start: see /tmp/bench-{name}.log"
                    ) from None
                time.sleep(0.05)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


def flat_out(crowd: Crowd, server: Server, result: Result, seconds: float) -> None:
    """Each speaker says its next line when it has heard its own."""
    numbers = list(crowd.sockets)[:SPEAKERS]
    said = dict.fromkeys(range(len(numbers)), 0)
    before, start = cpu_seconds(server.pid), time.perf_counter()
    first = crowd.lines
    for speaker, number in enumerate(numbers):
        crowd.say(number, speaker, 0, PADDING)
        said[speaker] = 1
    end = start + seconds
    while time.perf_counter() < end:
        crowd.receive(0.1)
        total = sum(said.values())
        if not crowd.everybody_has(first + total - len(numbers)):
            continue  # nobody runs ahead of the slowest by more than a round
        for speaker, number in enumerate(numbers):
            if crowd.heard(speaker) == said[speaker] - 1:
                crowd.say(number, speaker, said[speaker], PADDING)
                said[speaker] += 1
    total = first + sum(said.values())
    while not crowd.everybody_has(total):
        crowd.receive(0.1)
    result.seconds = time.perf_counter() - start
    result.cpu = cpu_seconds(server.pid) - before
    result.sent = total - first
    result.deliveries = result.sent * result.clients


def steady(crowd: Crowd, rate: float, seconds: float) -> list[float]:
    """So many lines a second in all; the latency of each delivery that was looked at."""
    numbers = list(crowd.sockets)[:SPEAKERS]
    said = [crowd.heard(speaker) + 1 for speaker in range(len(numbers))]
    crowd.latencies.clear()
    first = crowd.lines
    start = time.perf_counter()
    count = 0
    while count < rate * seconds:
        due = start + count / rate
        while (now := time.perf_counter()) < due:
            crowd.receive(min(0.05, due - now))
        speaker = count % len(numbers)
        crowd.say(numbers[speaker], speaker, said[speaker], PADDING)
        said[speaker] += 1
        count += 1
    deadline = time.perf_counter() + 60
    while not crowd.everybody_has(first + count):
        crowd.receive(0.1)
        if time.perf_counter() > deadline:
            sys.exit("lines are missing")
    return list(crowd.latencies)


def measure(name: str, clients: int, seconds: float, rate: float) -> Result:
    server = Server(name)
    result = Result(clients)
    try:
        empty = rss(server.pid)
        crowd = CROWDS.get(name, Crowd)(server.port)
        result.connects_a_second = clients / crowd.connect(clients)
        crowd.synchronise()
        result.connected_rss = (rss(server.pid) - empty) // clients
        flat_out(crowd, server, result, seconds)
        result.latencies = steady(crowd, rate, seconds)
        crowd.close()
    finally:
        server.stop()
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", default="10,200,1000")
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rate", type=float, default=20.0)
    arguments = parser.parse_args()
    raise_limit()
    os.sched_setaffinity(0, {1} if os.cpu_count() == 2 else set(range(1, os.cpu_count() or 2)))
    print(f"load {os.getloadavg()[0]:.1f}, {SPEAKERS} speakers, steady {arguments.rate:g} lines/s")
    print(
        f"{'server':<11}{'clients':>8}{'deliv/s':>10}{'deliv/CPU s':>13}{'p50 ms':>8}{'p99 ms':>8}"
        f"{'KiB/client':>12}{'connects/s':>12}"
    )
    for clients in map(int, arguments.clients.split(",")):
        for name in arguments.servers.split(","):
            result = measure(name, clients, arguments.seconds, arguments.rate)
            print(
                f"{name:<11}{clients:>8}{result.per_second:>10,.0f}{result.per_cpu_second:>13,.0f}"
                f"{result.percentile(0.5):>8.1f}{result.percentile(0.99):>8.1f}"
                f"{result.connected_rss / 1024:>12.1f}{result.connects_a_second:>12,.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
