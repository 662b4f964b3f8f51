"""Evennia's ``say`` in one room, driven by logged-in clients.

    python3 -m venv /tmp/evennia && /tmp/evennia/bin/pip install evennia
    cd /tmp && /tmp/evennia/bin/evennia --init game
    python benchmarks/rivals/evennia_say.py --folder /tmp/game --bin /tmp/evennia/bin --clients 10,200

Not one of ``fanout.py``'s servers: it needs a database and accounts, it is two processes, and its
speaker hears other words than the rest, so that streams cannot be compared byte by byte. Here each
client's lines are counted, and each speaker's numbers must go up by one for everybody. Portal and
server have one core together, the load has the other. Limits on commands and logins are taken off and
the passwords' hash is MD5, so that what is measured is ``say``.
"""

from __future__ import annotations

import argparse
import os
import re
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from load import cpu_seconds, rss

PORT = 14000
SPEAKERS = 10
PASSWORD = "opensesame1"
PADDING = b"x" * 24
_LINE = re.compile(rb"s(\d+) n(\d+) t(\d+) x+")

SETTINGS = f"""
# -- of benchmarks/rivals/evennia_say.py
TELNET_INTERFACES = ["127.0.0.1"]
TELNET_PORTS = [{PORT}]
AMP_PORT = 14006
WEBSERVER_ENABLED = False
WEBSOCKET_CLIENT_ENABLED = False
MAX_CONNECTION_RATE = 100000
MAX_COMMAND_RATE = 1000000
LOGIN_THROTTLE_LIMIT = None
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""

# Who is not there stands nowhere, as Evennia itself has it when somebody leaves.
ACCOUNTS = """
import os, sys
sys.path.insert(0, os.getcwd())
os.environ["DJANGO_SETTINGS_MODULE"] = "server.conf.settings"
import django
django.setup()
import evennia
evennia._init()
from typeclasses.accounts import Account
from evennia.objects.models import ObjectDB
for number in range(int(sys.argv[1])):
    name = f"speaker{number:04d}"
    if not Account.objects.filter(username=name).exists():
        account, errors = Account.create(username=name, password=sys.argv[2])
        assert account, errors
ObjectDB.objects.filter(db_key__startswith="speaker").update(db_location=None)
"""


class Evennia:
    """A game of Evennia's, made ready and running on core 0."""

    def __init__(self, folder: Path, programs: Path, accounts: int) -> None:
        self.folder, self.programs = folder, programs
        self._environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "EVENNIA_SUPERUSER_USERNAME": "admin",
            "EVENNIA_SUPERUSER_PASSWORD": PASSWORD,
            "EVENNIA_SUPERUSER_EMAIL": "",
        }
        settings = folder / "server/conf/settings.py"
        if SETTINGS not in settings.read_text():
            settings.write_text(settings.read_text() + SETTINGS)
        self._run("evennia", "migrate")
        self.start()  # makes the room and the superuser
        self.stop()
        self._run("python", "-c", ACCOUNTS, str(accounts), PASSWORD)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            ["taskset", "-c", "0", str(self.programs / program), *arguments],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def start(self) -> None:
        self._run("evennia", "start")
        # Its first start is two: it sets itself up, and then starts again.
        deadline = time.perf_counter() + 120
        while not (self.folder / "server/server.pid").exists():
            if time.perf_counter() > deadline:
                sys.exit("Evennia does not start: see server/logs")
            time.sleep(0.1)
        time.sleep(5.0)
        files = (self.folder / f"server/{name}.pid" for name in ("portal", "server"))
        self.pids = [int(file.read_text()) for file in files]

    def stop(self) -> None:
        self._run("evennia", "stop")

    def cpu(self) -> float:
        return sum(map(cpu_seconds, self.pids))

    def rss(self) -> int:
        return sum(map(rss, self.pids))


class Player:
    """One logged-in client, and the numbers it has heard."""

    def __init__(self, number: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", PORT))
        self._buffer = b""
        self._last: dict[bytes, int] = {}
        self.lines = 0
        self.socket.sendall(b"connect speaker%04d %s\r\n" % (number, PASSWORD.encode()))
        self.socket.settimeout(120)
        # The look around that comes of itself is over when a word of ours has come back.
        self._until(b"You become")
        self.socket.sendall(b"say ready\r\n")
        self._until(b'You say, "')
        self.socket.setblocking(False)

    def _until(self, text: bytes) -> None:
        found = b""
        while text not in found:
            data = self.socket.recv(65536)
            if not data:
                sys.exit("Evennia has hung up")
            found += data

    def say(self, speaker: int, number: int) -> None:
        now = time.perf_counter_ns()
        self.socket.send(b"say s%d n%d t%d %s\r\n" % (speaker, number, now, PADDING))

    def receive(self, latencies: list[float]) -> None:
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        if not data:
            sys.exit("Evennia has hung up")
        self._buffer += data
        end = 0
        # What follows a line's padding shows that all of it has come.
        for match in _LINE.finditer(self._buffer):
            if match.end() == len(self._buffer):
                break
            end = match.end()
            speaker, number = match[1], int(match[2])
            if number != self._last.get(speaker, -1) + 1:
                sys.exit(f"speaker {speaker.decode()}: {number} after {self._last.get(speaker)}")
            self._last[speaker] = number
            self.lines += 1
            latencies.append(time.perf_counter() - int(match[3]) / 1e9)
        self._buffer = self._buffer[end:][-200:]


class Room:
    """All players together."""

    def __init__(self, count: int) -> None:
        self.latencies: list[float] = []
        self._poll = select.epoll()
        self._by_number: dict[int, Player] = {}
        self.players: list[Player] = []
        for number in range(count):
            one = Player(number)
            self.players.append(one)
            self._by_number[one.socket.fileno()] = one
            self._poll.register(one.socket.fileno(), select.EPOLLIN)
            self.receive(0.0)
        self.said = [0] * min(SPEAKERS, count)

    def receive(self, timeout: float) -> None:
        for number, _ in self._poll.poll(timeout):
            self._by_number[number].receive(self.latencies)

    def say(self, speaker: int) -> None:
        self.players[speaker].say(speaker, self.said[speaker])
        self.said[speaker] += 1

    def hear_all(self) -> None:
        """Until everybody has everything that was said."""
        wanted, deadline = sum(self.said), time.perf_counter() + 120
        while min(player.lines for player in self.players) < wanted:
            self.receive(0.1)
            if time.perf_counter() > deadline:
                sys.exit("lines are missing")

    def close(self) -> None:
        for player in self.players:
            player.socket.close()


def measure(game: Evennia, count: int, seconds: float, rate: float) -> None:
    empty, start = game.rss(), time.perf_counter()
    room = Room(count)
    logins = count / (time.perf_counter() - start)
    memory = (game.rss() - empty) / count / 1024
    for _ in range(20):
        room.receive(0.1)
    cpu, start = game.cpu(), time.perf_counter()
    while time.perf_counter() < start + seconds:
        for speaker in range(len(room.said)):
            room.say(speaker)
        room.hear_all()
    took, cpu = time.perf_counter() - start, game.cpu() - cpu
    deliveries = sum(room.said) * count
    latencies = steady(room, rate, seconds)
    room.close()
    p50, p99 = (latencies[int(len(latencies) * share)] * 1000 for share in (0.5, 0.99))
    print(
        f"evennia    {count:>8}{deliveries / took:>10,.0f}{deliveries / cpu:>13,.0f}{p50:>8.1f}"
        f"{p99:>8.1f}{memory:>12.1f}{logins:>12,.1f}  ({rate:g} lines/s, load {os.getloadavg()[0]:.1f})",
        flush=True,
    )


def steady(room: Room, rate: float, seconds: float) -> list[float]:
    room.latencies.clear()
    start = time.perf_counter()
    for count in range(int(rate * seconds)):
        while (now := time.perf_counter()) < start + count / rate:
            room.receive(min(0.05, start + count / rate - now))
        room.say(count % len(room.said))
    room.hear_all()
    return sorted(room.latencies)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True, help="what `evennia --init` made")
    parser.add_argument("--bin", type=Path, required=True, help="where the program evennia is")
    parser.add_argument("--clients", default="10,200")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=20.0)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {1})
    counts = [int(count) for count in arguments.clients.split(",")]
    game = Evennia(arguments.folder.resolve(), arguments.bin.resolve(), max(counts))
    print(
        f"{'server':<11}{'clients':>8}{'deliv/s':>10}{'deliv/CPU s':>13}{'p50 ms':>8}{'p99 ms':>8}"
        f"{'KiB/client':>12}{'logins/s':>12}"
    )
    for count in counts:
        game.start()
        try:
            measure(game, count, arguments.seconds, arguments.rate)
        finally:
            game.stop()


if __name__ == "__main__":
    main()
