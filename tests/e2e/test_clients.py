"""Real programs log in to the example service, talk, and leave."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest
from pexpect.popen_spawn import PopenSpawn

from .clients import CLIENTS, RealClient
from .harness import TIMEOUT, Record, wait_until
from .place import PASSWORD, Place

pytestmark = pytest.mark.e2e

SAID = "h\u00e9llo \u2615 w\u00f6rld"

# Names that nobody could take for each other: the service refuses those.
NAMES = [
    "alfa",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliett",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
    "quebec",
    "romeo",
    "sierra",
    "tango",
    "uniform",
    "victor",
    "whiskey",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(
        tmp_path_factory.mktemp("clients"),
        "--tls-self-signed",
        "--tls-port",
        "0",
        "--compression",
        "--name",
        "The Lantern",
    )
    yield place
    assert place.stop() == 0


class Seat:
    """Somebody at one of the programs."""

    def __init__(self, client: RealClient, place: Place, folder: Path) -> None:
        self._client = client
        path = client.path
        if path is None:
            pytest.skip(f"{client.program} is not installed")
        argv = client.argv(place.ports["telnet"], place.ports["tls"])
        environ: Any = {
            **os.environ,
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }  # fmt: skip - a dict
        common = {
            "timeout": TIMEOUT,
            "encoding": "utf-8",
            "codec_errors": "replace",
            "cwd": str(folder),
            "env": environ,
        }  # fmt: skip - a dict
        self._screen = Record()
        self._drawn = pyte.Screen(100, 30)
        if client.tty:
            self._program: Any = pexpect.spawn(path, argv, dimensions=(30, 100), **common)
        else:
            self._program = PopenSpawn([path, *argv], **common)
        self._program.logfile_read = self._screen

    def sees(self, text: str) -> None:
        if self._client.draws:
            self._sees_drawn(text)
        else:
            self._program.expect(text)

    def _sees_drawn(self, text: str) -> None:
        """For programs that draw only what differs from what is on the screen already."""
        deadline = time.monotonic() + TIMEOUT
        while not any(text in row for row in self._drawn.display):
            assert time.monotonic() < deadline, "\n".join(self._drawn.display)
            with suppress(pexpect.TIMEOUT):
                pyte.Stream(self._drawn).feed(self._program.read_nonblocking(65536, 0.2))

    def types(self, line: str) -> None:
        self._program.send(line + self._client.end)

    @property
    def screen(self) -> str:
        return "".join(self._screen.pieces)

    def types_when_it_is_up(self, line: str) -> None:
        """For programs with a command line of their own: what is typed before that may be thrown away."""
        self._program.expect(r"\S")
        self.hides_what_is_typed()
        self._program.send(line)

    def hides_what_is_typed(self) -> None:
        """Wait until its terminal does not echo: the program may show a prompt before it sees to that."""
        if self._client.tty:
            wait_until(lambda: not self._program.getecho(), "no echo", lambda: self.screen)

    def close(self) -> None:
        """Leave the program; one that does not end by itself is ended."""
        if isinstance(self._program, PopenSpawn):
            self._program.proc.kill()
            self._program.proc.wait(TIMEOUT)
            self._program.proc.stdin.close()
            self._program._read_thread.join(TIMEOUT)
            self._program.proc.stdout.close()
        else:
            if self._client.leaves:
                self._program.send(self._client.leaves)
            self._program.close(force=True)


@pytest.mark.parametrize("client", CLIENTS, ids=[client.name for client in CLIENTS])
def test_it_logs_in_talks_and_leaves(
    client: RealClient, place: Place, tmp_path: Path, ran: Callable[[str], None]
) -> None:
    """And, where it can, it hides the password and shows what is not ASCII."""
    name = NAMES[CLIENTS.index(client)]
    seat = Seat(client, place, tmp_path)
    place.register(name)
    with closing(seat), closing(logged_in(place, name + "friend")) as other:
        if client.first is not None:
            seat.types_when_it_is_up(client.first(place.ports["telnet"]))
        said = SAID if client.unicode else "hello world"
        if client.blind:
            for line in (name, PASSWORD, said):
                seat.types(line)
        else:
            talk(seat, other, name, said)
        other.sees(said)
        if client.blind:
            seat.types("")
            seat.sees("You say: h")
        seat.types(".quit")
        other.sees("leaves")
        if client.hears_the_end:
            seat.sees("Goodbye")
    assert PASSWORD not in seat.screen or not client.hides
    ran(client.name)


def talk(seat: Seat, other: Any, name: str, said: str) -> None:
    seat.sees("What is your name")
    seat.types(name)
    seat.sees("assword")
    seat.hides_what_is_typed()
    seat.types(PASSWORD)
    seat.sees("Welcome")
    seat.types(said)
    seat.sees("You say: h")  # how a screen shows the rest is not for us to say
    other.says("good evening")
    seat.sees("good evening")


def logged_in(place: Place, name: str) -> Any:
    place.register(name)
    other = place.visitor()
    other.sees("name")
    other.says(name)
    other.sees("assword")
    other.says(PASSWORD)
    other.sees("Welcome")
    return other


def test_expect_logs_in_by_its_own_script(place: Place, ran: Callable[[str], None]) -> None:
    """The oldest way to automate telnet: a pty around the telnet program, of unknown size."""
    from shutil import which

    if which("expect") is None or which("inetutils-telnet") is None:
        pytest.skip("expect is not installed")
    place.register("expecting")
    script = (
        f"set timeout {TIMEOUT}; spawn inetutils-telnet 127.0.0.1 {place.ports['telnet']};"
        ' expect "name"; send "expecting\\r"; expect "assword"; send "' + PASSWORD + '\\r";'
        ' expect "Welcome"; send "hello\\r"; expect "You say: hello"; send ".quit\\r";'
        ' expect "Goodbye"; expect eof; exit 7'
    )
    done = subprocess.run(
        ["expect", "-c", script], capture_output=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 7, done.stdout
    assert PASSWORD.encode() not in done.stdout
    ran("expect")


def test_the_fingerprint_is_that_of_a_well_behaved_server(
    place: Place, tmp_path: Path, ran: Callable[[str], None]
) -> None:
    """telnetlib3's conformance check: nothing loops, and it is told what the service is."""
    path = RealClient("", "telnetlib3-fingerprint", lambda port, tls: []).path
    if path is None:
        pytest.skip("telnetlib3-fingerprint is not installed")
    done = subprocess.run(
        [path, "127.0.0.1", str(place.ports["telnet"]), "--save-json", str(tmp_path / "found")],
        capture_output=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
    )  # fmt: skip - a command line
    assert (tmp_path / "found").exists(), (done.stdout, done.stderr)
    found = json.loads((tmp_path / "found").read_text())
    assert "Lantern" in json.dumps(found), "what the service is (MSSP)"
    ran("telnetlib3-fingerprint")
