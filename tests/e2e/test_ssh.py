"""OpenSSH, dropbear and plink come in by SSH, and talk on through reloads."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from .harness import TIMEOUT, Talker, Terminal
from .place import PASSWORD, Place
from .test_clients import logged_in

pytestmark = pytest.mark.e2e

#: Nothing of the person who runs these tests is read, and nothing is remembered.
OPENSSH = (
    "-F",
    "/dev/null",
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "GlobalKnownHostsFile=/dev/null",
    "-o",
    "IdentitiesOnly=yes",
    "-o",
    "IdentityAgent=none",
)  # fmt: skip - a command line


@dataclass(frozen=True)
class Program:
    """One SSH program.

    Attributes:
        name: in the summary.
        program: what must be installed.
        needs: what must be installed as well, to make its keys.
        argv: its command line, given the port, the host key's fingerprint, and the file of its key.
        convert: the command that makes its form of an OpenSSH key.
    """

    name: str
    program: str
    needs: tuple[str, ...]
    argv: Callable[[int, str, Path | None], list[str]]
    convert: Callable[[Path, Path], list[str]] | None = None

    def skip_if_missing(self) -> None:
        for program in (self.program, "ssh-keygen", *self.needs):
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed")


PROGRAMS = (
    Program(
        "OpenSSH",
        "ssh",
        (),
        lambda port, _, key: [*OPENSSH, "-p", str(port), *(["-i", str(key)] if key else [])],
    ),
    Program(
        "dropbear",
        "dbclient",
        ("dropbearconvert",),
        lambda port, _, key: ["-y", "-y", "-p", str(port), *(["-i", str(key)] if key else [])],
        lambda source, target: ["dropbearconvert", "openssh", "dropbear", str(source), str(target)],
    ),
    Program(
        "plink over SSH",
        "plink",
        ("puttygen",),
        lambda port, host_key, key: [
            "-ssh",
            "-P",
            str(port),
            "-hostkey",
            host_key,
            "-no-antispoof",
            *(["-i", str(key)] if key else []),
        ],
        lambda source, target: ["puttygen", str(source), "-O", "private", "-o", str(target)],
    ),
)  # fmt: skip - a table

ids = [program.program for program in PROGRAMS]

LISTEN = (
    "--listen",
    "telnet:tcp:0:interface=127.0.0.1",
    "--listen",
    "ssh:tcp:0:interface=127.0.0.1",
)  # fmt: skip - a command line


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("ssh"), *LISTEN)
    yield place
    assert place.stop() == 0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def host_key(place: Place | Running) -> str:
    store = place.store if isinstance(place, Running) else place.log.with_name("store")
    path = store / ".ssh_host_ed25519_key"
    done = subprocess.run(
        ["ssh-keygen", "-lf", str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT,
    )
    return done.stdout.split()[1]


def new_key(program: Program, home: Path) -> tuple[Path, str]:
    """A key in the form that the program wants, and its public line."""
    path = home / "id_ed25519"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me@home", "-f", str(path)]
    subprocess.run(command, check=True, timeout=TIMEOUT)
    public = path.with_suffix(".pub").read_text().strip()
    if program.convert is None:
        return path, public
    converted = home / "id_converted"
    subprocess.run(
        program.convert(path, converted), check=True, timeout=TIMEOUT, capture_output=True
    )
    return converted, public


class Running:
    """A talker that listens on SSH, as a ``Seat`` needs it."""

    def __init__(self, talker: Talker) -> None:
        port = talker.prints(r"Listening on ssh \S+:(\d+)\n")[1]
        talker.prints("Stop with Ctrl-C")
        self.ports = {"ssh": int(port)}
        self.store = talker.folder / "saved"


class Seat(Terminal):
    """Somebody at one of the programs, in a terminal of their own."""

    def __init__(
        self,
        program: Program,
        place: Place | Running,
        home: Path,
        name: str,
        key: Path | None = None,
    ) -> None:
        argv = program.argv(place.ports["ssh"], host_key(place), key)
        super().__init__(program.program, [*argv, f"{name}@127.0.0.1"], home)

    def types(self, line: str) -> None:
        """Type a line; SSH sends what the key Enter sends."""
        self.child.send(f"{line}\r")

    def leaves(self) -> int:
        """Say goodbye; the exit code of the program."""
        self.types(".quit")
        self.child.expect(pexpect.EOF)
        self.child.close()
        return int(self.child.exitstatus)

    def close(self) -> None:
        self.child.close(force=True)


@pytest.mark.parametrize("program", PROGRAMS, ids=ids)
def test_a_password_and_then_a_key(
    program: Program, place: Place, home: Path, ran: Callable[[str], None]
) -> None:
    """The program asks for the password, and shows nothing of it; with a key nothing is asked."""
    program.skip_if_missing()
    name = {"ssh": "alfa", "dbclient": "bravo", "plink": "charlie"}[program.program]
    place.register(name)
    key, public = new_key(program, home)
    with closing(Seat(program, place, home, name)) as seat:
        seat.child.expect("[Pp]assword")
        seat.child.waitnoecho(TIMEOUT)
        seat.child.send(f"{PASSWORD}\n")
        seat.sees("Welcome")
        seat.types(f".keys add {public}")
        seat.sees("Your present password: ")
        seat.types(PASSWORD)
        seat.sees("Added SHA256:")
        assert seat.leaves() == 0
        assert PASSWORD not in seat.screen
    with closing(Seat(program, place, home, name, key)) as seat:
        seat.sees("Welcome")
        assert "assword" not in seat.screen
        seat.types("h\u00e9llo \u2615")
        seat.sees("You say: h\u00e9llo \u2615")
        assert seat.leaves() == 0
    ran(program.name)


@pytest.mark.parametrize("program", PROGRAMS, ids=ids)
def test_somebody_new_gets_an_account(program: Program, place: Place, home: Path) -> None:
    """The name before the @ is asked about; what is typed hidden is not shown."""
    program.skip_if_missing()
    name = {"ssh": "quebec", "dbclient": "romeo", "plink": "sierra"}[program.program]
    with closing(Seat(program, place, home, name)) as seat:
        seat.sees("Create it (y/n)? ")
        seat.types("y")
        for prompt in ("Choose a password: ", "again, to be sure: "):
            seat.sees(prompt)
            seat.types(PASSWORD)
        seat.sees("pronouns")
        seat.types("they")
        seat.sees("Welcome")
        assert PASSWORD not in seat.screen
        assert seat.leaves() == 0


@pytest.mark.parametrize("program", PROGRAMS, ids=ids)
def test_what_is_typed_stays_below_what_others_say(
    program: Program, place: Place, home: Path
) -> None:
    program.skip_if_missing()
    name = {"ssh": "juliett", "dbclient": "kilo", "plink": "lima"}[program.program]
    with (
        closing(logged_in(place, name + "friend")) as other,
        closing(Seat(program, place, home, "guest")) as seat,
    ):
        seat.sees("Welcome")
        seat.child.send("half a ")
        seat.sees("half a ")
        other.says("good evening")
        seat.sees("good evening")
        seat.sees("half a ")
        seat.types("line")
        other.sees("says: half a line")
        assert seat.leaves() == 0


APPLICATION = """
from cletus import Service, events

service = Service()
VERSION = 1

@service.listen(events.Connect)
def connected(event):
    event.client.user = None
    event.client.prompt("> ")

@service.listen(events.Resize)
def resized(event):
    event.client.write(f"{event.columns} by {event.rows}")

@service.listen(events.Receive)
def received(event):
    if event.data == ".quit":
        event.client.close()
    else:
        service.write_all(f"{event.client.claim.name} says {event.data} to v{VERSION}")
"""


def test_nobody_is_dropped_by_good_and_broken_edits(
    start: Callable[..., Talker], home: Path
) -> None:
    """What is half typed stays on the screen; an application without accounts lets everybody in."""
    PROGRAMS[0].skip_if_missing()
    (home / "app.py").write_text(APPLICATION)
    talker = start("-m", "cletus", "run", "app.py", *LISTEN, "--store", "saved")
    place = Running(talker)
    programs = [program for program in PROGRAMS if shutil.which(program.program)]
    with ExitStack() as stack:
        seats = [
            stack.enter_context(closing(Seat(program, place, home, name)))
            for program, name in zip(programs, ("alfa", "bravo", "charlie"), strict=False)
        ]
        for seat in seats:
            seat.sees("> ")
            seat.child.send("one ")
            seat.sees("one ")
        talker.edit("app.py", "VERSION = 1", "VERSION = 2")
        talker.prints("Reloaded, generation 1")
        talker.edit("app.py", "VERSION = 2", "VERSION = ")
        talker.prints("SyntaxError")
        for seat, name in zip(seats, ("alfa", "bravo", "charlie"), strict=False):
            seat.types("line")
            for other in seats:
                other.sees(f"{name} says one line to v2")
        seats[0].child.setwinsize(40, 60)
        seats[0].sees("60 by 40")
        for seat in seats:
            assert seat.leaves() == 0
    assert talker.stop() == 0
    assert "Traceback" not in talker.output.replace("SyntaxError", "")


def ssh(place: Place, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    PROGRAMS[0].skip_if_missing()
    command = ["ssh", *OPENSSH, "-p", str(place.ports["ssh"]), *arguments]
    return subprocess.run(
        command, input=typed, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


def test_a_command_is_told_that_there_is_none(place: Place) -> None:
    done = ssh(place, "guest@127.0.0.1", "uptime")
    assert done.returncode == 1
    assert "nothing to run here" in done.stdout


def test_without_a_terminal_lines_come_plain(place: Place) -> None:
    """``ssh -T`` is for scripts: no escape sequence, no carriage return, and what is asked is answered."""
    done = ssh(place, "-T", "guest@127.0.0.1", typed="hello\n.quit\n")
    assert done.returncode == 0, done.stderr
    assert "You say: hello\n" in done.stdout
    assert "\r" not in done.stdout
    assert "\x1b" not in done.stdout


def test_files_are_not_transferred(place: Place, home: Path) -> None:
    if shutil.which("sftp") is None:
        pytest.skip("sftp is not installed")
    command = ["sftp", *OPENSSH, "-P", str(place.ports["ssh"]), "guest@127.0.0.1"]
    done = subprocess.run(command, input="", capture_output=True, timeout=TIMEOUT, check=False)
    assert done.returncode != 0


def test_a_port_is_not_forwarded(place: Place) -> None:
    done = ssh(
        place, "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", "-N", "guest@127.0.0.1"
    )
    assert done.returncode == 255


def test_the_log_has_no_traceback(place: Place) -> None:
    """After all of the tests above."""
    text = place.log.read_text()
    assert "Traceback" not in text
    assert PASSWORD not in text
