"""All doors at gateways, of ``cletus gateway`` and of ``--workers``, with what each of them does.

Behind each is one talker. Somebody comes in by the door and talks with Ann, who is at another connection,
over a reload and over the death of the primary.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.e2e.cluster import UNLIMITED_HERE, is_primary
from tests.e2e.harness import REPOSITORY, TIMEOUT, Caller, Talker, Terminal, program, wait_until
from tests.e2e.page import Page
from tests.e2e.test_ssh import OPENSSH
from tests.e2e.test_workers import Workers
from tests.engines import Valkey, free_port, valkey

PASSWORD = "a lantern in the fog"
DOORS = ("tls", "web", "ssh")

IAC, SB, SE, WILL, WONT, DO, EOR = 255, 250, 240, 251, 252, 253, 239
ECHO, END_OF_RECORD, COMPRESS2, GMCP = 1, 25, 86, 201


def new_talker(folder: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "store", "ruff.toml")
    shutil.copytree(REPOSITORY / "example_service", folder / "example_service", ignore=ignored)


def doors() -> tuple[dict[str, int], list[str]]:
    """Free ports, and the options that name them."""
    ports = {door: free_port() for door in DOORS}
    options = [part for door in DOORS for part in (f"--{door}-port", str(ports[door]))]
    return ports, [*options, "--tls-self-signed", "--compression", "--port", "0"]


class House(Protocol):
    """The processes of one talker.

    Attributes:
        ports: of the gateway that the door of a test is at.
        ann_port: of Ann's, by telnet.
    """

    ports: dict[str, int]
    ann_port: int

    def reload(self, old: str, new: str) -> None:
        """Replace a text of its code."""

    def kill_primary(self) -> None:
        """And wait until there is another one."""


class ManyWorkers:
    """``cletus run --workers 2``."""

    def __init__(self, folder: Path, at_end: ExitStack) -> None:
        new_talker(folder)
        self.ports, options = doors()
        self._talker = Talker(
            folder, "-m", "cletus", "run", "example_service", *UNLIMITED_HERE, *options,
            "--store", "saved", "--workers", "2",
        )  # fmt: skip
        at_end.callback(self._talker.kill)
        at_end.callback(self._talker.stop)
        self._workers = Workers(self._talker, at_end)
        self.ann_port = self.ports["telnet"] = self._talker.port

    def reload(self, old: str, new: str) -> None:
        number = self._talker.reloads
        self._talker.edit("example_service/talk.py", old, new)
        self._talker.prints(" Reloaded, generation ", number + 1)

    def kill_primary(self) -> None:
        before = self._workers.primary
        os.kill(before, signal.SIGKILL)


class Gateways:
    """Two of ``cletus gateway``, a primary and a standby."""

    def __init__(self, folder: Path, at_end: ExitStack, engine: Valkey) -> None:
        new_talker(folder)
        self._folder, self._at_end = folder, at_end
        key = ("--cluster-key", "A" * 43 + "=")
        self._common = ("--cluster", engine.url, "--cluster-name", "lantern", *key)
        self._servers: list[Talker] = []
        self._stand_by()
        wait_until(lambda: is_primary(self._servers[0]), "a primary")
        self._stand_by()
        self.ports, options = doors()
        gateways = [self._gateway(*options), self._gateway("--port", "0", "--web-port", "0")]
        self.ports["telnet"], self.ann_port = [gateway.port for gateway in gateways]

    def _start(self, *command: str) -> Talker:
        talker = Talker(self._folder, *command)
        self._at_end.callback(talker.kill)
        return talker

    def _gateway(self, *options: str) -> Talker:
        code = "from cletus.cli.gateway import gateway; gateway()"
        return self._start("-c", code, *self._common, *options)

    def _stand_by(self) -> None:
        server = self._start(
            "-m", "cletus", "run", "example_service", *self._common, *UNLIMITED_HERE,
            "--store", "saved", "--cluster-lease", "2",
        )  # fmt: skip
        server.prints("Standing by until there is no primary")
        self._servers.append(server)

    def reload(self, old: str, new: str) -> None:
        primary = self._servers[0]
        number = primary.reloads
        primary.edit("example_service/talk.py", old, new)
        primary.prints(" Reloaded, generation ", number + 1)

    def kill_primary(self) -> None:
        self._servers.pop(0).kill()
        wait_until(
            lambda: is_primary(self._servers[0]), "the next", lambda: self._servers[0].output
        )
        self._stand_by()


@pytest.fixture(scope="module", params=[ManyWorkers, Gateways])
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with ExitStack() as at_end:
        more = (at_end.enter_context(valkey()),) if request.param is Gateways else ()
        yield request.param(folder, at_end, *more)


class Verbs:
    """The word for what one says, which reloads change."""

    def __init__(self) -> None:
        self.present, self._number = "You say: ", 0

    def next(self) -> tuple[str, str]:
        before = self.present
        self._number += 1
        self.present = f"You say ({self._number}): "
        return before, self.present


@pytest.fixture(scope="module")
def ann(house: House) -> Iterator[tuple[Caller, Verbs]]:
    """Somebody at a plain connection, and the word in force."""
    caller = Caller(house.ann_port)
    registers(caller, "Ann")
    yield caller, Verbs()
    caller.hang_up()


class Seat(Protocol):
    """Somebody at a door."""

    def types(self, line: str) -> None:
        """Type a line."""

    def sees(self, text: str) -> Any:
        """Wait for a text."""


def registers(seat: Seat, name: str, hidden: Callable[[], None] = lambda: None) -> None:
    """Make an account; ``hidden`` is called when the password was asked for."""
    seat.sees("What is your name")
    seat.types(name)
    seat.sees("Create it")
    seat.types("y")
    seat.sees("Choose a password")
    hidden()
    seat.types(PASSWORD)
    seat.sees("Type it again")
    seat.types(PASSWORD)
    seat.sees("Your pronouns")
    seat.types("she")
    seat.sees("This is visit number 1")


def talks_on(name: str, seat: Seat, ann: tuple[Caller, Verbs], house: House) -> None:
    """Talk with Ann, before and after a reload, and after the primary has died."""
    friend, verbs = ann

    def talk(when: str) -> None:
        seat.types(f"hello {when}")
        seat.sees(f"{verbs.present}hello {when}")
        friend.sees(f"{name} says: hello {when}")
        friend.types(f"and {name} {when}")
        seat.sees(f"Ann says: and {name} {when}")

    talk("at first")
    house.reload(*verbs.next())
    talk("after a reload")
    house.kill_primary()
    talk("after a death")


# -- telnet ------------------------------------------------------------------------------------


class Inflating:
    """A socket whose bytes are compressed from the mark of MCCP2 on."""

    MARK = bytes((IAC, SB, COMPRESS2, IAC, SE))

    def __init__(self, plain: socket.socket) -> None:
        self._plain = plain
        self._before = b""
        self._inflate: Any = None

    @property
    def is_compressed(self) -> bool:
        return self._inflate is not None

    def recv(self, size: int) -> bytes:
        data = b""
        while not data:
            piece = self._plain.recv(size)
            if not piece:
                return b""
            data = self._inflated(piece)
        return data

    def _inflated(self, piece: bytes) -> bytes:
        if self._inflate is not None:
            return bytes(self._inflate.decompress(piece))
        self._before += piece
        before, mark, rest = self._before.partition(self.MARK)
        if not mark:
            return piece
        self._inflate = zlib.decompressobj()
        shown = before[len(self._before) - len(piece) :] if len(rest) < len(piece) else b""
        return shown + mark + bytes(self._inflate.decompress(rest))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)


class Mud(Caller):
    """A program for MUDs: MCCP2, GMCP and marked prompts."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.socket = Inflating(self.socket)  # type: ignore[assignment]  # it has what a caller needs
        for option in (COMPRESS2, GMCP, END_OF_RECORD):
            self.socket.sendall(bytes((IAC, DO, option)))

    def says_what_it_takes(self) -> None:
        text = b'Core.Supports.Set ["Room 1", "Char 1"]'
        self.socket.sendall(bytes((IAC, SB, GMCP)) + text + bytes((IAC, SE)))


def test_a_mud_client(house: House, ann: tuple[Caller, Verbs]) -> None:
    """Compressed, with messages beside the text, marked prompts, and a password that is hidden."""
    mud = Mud(house.ports["telnet"])

    def hidden() -> None:
        assert bytes((IAC, WILL, ECHO)) in mud.received
        assert bytes((IAC, WONT, ECHO)) not in mud.received

    mud.says_what_it_takes()
    registers(mud, "Mudlark", hidden)
    assert bytes((IAC, WONT, ECHO)) in mud.received
    assert b"Choose a password: " + bytes((IAC, EOR)) in mud.received
    talks_on("Mudlark", mud, ann, house)
    assert mud.socket.is_compressed  # type: ignore[attr-defined]  # it is Inflating
    wait_until(lambda: (mud.unread(), b"Room.Info" in mud.received)[1], "a message")
    mud.hang_up()


class Encrypted(Caller):
    """Somebody at telnet over TLS."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)


def test_tls(house: House, ann: tuple[Caller, Verbs]) -> None:
    seat = Encrypted(house.ports["tls"])
    registers(seat, "Tilda")
    talks_on("Tilda", seat, ann, house)
    seat.hang_up()


class Typist(Terminal):
    """Somebody at a terminal whose keys go to the service one by one."""

    def types(self, line: str) -> None:
        self.child.send(f"{line}\r")


def test_character_mode(house: House, ann: tuple[Caller, Verbs], tmp_path: Path) -> None:
    """What is typed is edited at the gateway, and a password is not shown."""
    telnet = program("inetutils-telnet", "telnet")
    seat = Typist(telnet, ["127.0.0.1", str(house.ports["telnet"])], tmp_path)
    seat.sees("What is your name")
    wait_until(lambda: not seat.child.getecho(), "character mode", lambda: seat.screen)
    seat.child.send("Kars\x7f\x7fte\x08y\r")  # Katy
    seat.sees("Kat")
    seat.sees("Create it")
    seat.types("y")
    seat.sees("Choose a password")
    seat.types(PASSWORD)
    seat.sees("Type it again")
    seat.types(PASSWORD)
    seat.sees("Your pronouns")
    seat.types("she")
    seat.sees("Welcome, Katy")
    talks_on("Katy", seat, ann, house)
    assert PASSWORD not in seat.screen
    seat.kill()


# -- other doors -------------------------------------------------------------------------------


def test_ssh(house: House, ann: tuple[Caller, Verbs], tmp_path: Path) -> None:
    """The account's password is asked for by SSH, and the gateway asks the primary whether it is right."""
    caller = Caller(house.ann_port)
    registers(caller, "Sally")
    caller.types(".quit")
    caller.sees_the_end()
    caller.hang_up()
    argv = [*OPENSSH, "-p", str(house.ports["ssh"]), "sally@127.0.0.1"]
    seat = Typist(program("ssh"), argv, tmp_path)
    seat.child.expect("[Pp]assword")
    seat.child.waitnoecho(TIMEOUT)
    seat.child.send("a wrong one\n")
    seat.child.expect("[Pp]assword")
    seat.child.waitnoecho(TIMEOUT)
    seat.child.send(f"{PASSWORD}\n")
    seat.sees("Welcome")
    talks_on("Sally", seat, ann, house)
    assert PASSWORD not in seat.screen
    seat.kill()


def test_the_page(house: House, ann: tuple[Caller, Verbs], browser: Any) -> None:
    """In Chromium; its panels come from messages."""
    context = browser.new_context()
    page = Page(context, f"http://127.0.0.1:{house.ports['web']}/", "Petra")
    talks_on("Petra", page, ann, house)
    assert not page.count(PASSWORD)
    assert page.errors == []
    context.close()
