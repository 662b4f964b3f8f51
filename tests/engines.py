"""Servers for tests (databases, IRC): real ones, started unprivileged on free ports and ended by their pid.

Where a server is not installed its tests are skipped, with what to install; with
``TEST_ENGINES=required`` in the environment, as in CI, they fail instead.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest

#: Below those that the kernel gives to whoever asks for any: nobody takes one between the pick and its use.
_PORTS = itertools.cycle(range(10_000, 32_000))
#: Tests that run at once begin at different ones.
next(itertools.islice(_PORTS, os.getpid() * 101 % 22_000, None))


def free_port() -> int:
    """A port that nothing listens on, another one each time."""
    for port in _PORTS:
        with socket.socket() as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                listening.bind(("127.0.0.1", port))
                return port
    raise AssertionError("the range has no end")


def missing(program: str, package: str) -> NoReturn:
    """Skip the test, or fail where engines are required."""
    words = f"{program} is not installed: apt-get install {package}"
    if os.environ.get("TEST_ENGINES") == "required":
        pytest.fail(words)
    pytest.skip(words)


class Postgres:
    """A PostgreSQL server of its own, without passwords.

    Args:
        folder: for its data; it belongs to the user of the server.
        programs: where ``postgres`` and ``initdb`` are.
        user: whom it runs as if we are root, which it refuses to be.
    """

    def __init__(self, folder: Path, programs: Path, user: pwd.struct_passwd | None) -> None:
        self.folder = folder
        self._programs = programs
        self._as_user = (
            []
            if user is None
            else ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self.port = free_port()
        self._run(
            "initdb",
            "-D",
            str(folder / "data"),
            "-A",
            "trust",
            "-U",
            "cletus",
            "--no-sync",
            "-E",
            "UTF8",
        )
        self.start()

    @property
    def url(self) -> str:
        """Of its database."""
        return f"postgresql://cletus@127.0.0.1:{self.port}/postgres"

    def emptied(self) -> str:
        """The URL, after the tables of Cletus have been dropped."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS cletus_documents, cletus_owner")
        return self.url

    def new_database(self) -> str:
        """The URL of a database of its own."""
        self._databases += 1
        name = f"own{self._databases}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url.removesuffix("postgres") + name

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._programs / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start it, and wait until it answers."""
        arguments = {
            "-D": str(self.folder / "data"),
            "-p": str(self.port),
            "-k": "",
            "-h": "127.0.0.1",
        }
        command = [*self._as_user, str(self._programs / "postgres")]
        for name, value in arguments.items():
            command += [name, value]
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        deadline = time.monotonic() + 60
        ready = [str(self._programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, capture_output=True, check=False).returncode:
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGQUIT) -> None:
        """End it at once, as a crash would: it does not flush or say good-bye to its clients."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server, while the block runs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres")) if os.name == "posix" else []
    path = shutil.which("postgres")
    if not found and path is None:
        missing("PostgreSQL", "postgresql")
    programs = (found[-1] if found else Path(str(path)).resolve()).parent
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="cletus-pg-") as name:
        folder = Path(name)
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        server = Postgres(folder, programs, user)
        try:
            yield server
        finally:
            server.stop()


class Valkey:
    """A Valkey or Redis server of its own; its memory is kept in a file, as deploy/ has it.

    Args:
        program: ``valkey-server`` or ``redis-server``.
        folder: for its data; it belongs to the user of the server.
        user: whom it runs as if we are root.
        options: further ones.
    """

    def __init__(
        self,
        program: str,
        folder: Path,
        user: pwd.struct_passwd | None,
        options: Mapping[str, str],
    ) -> None:
        self.port = free_port()
        self.folder = folder
        switched = (
            ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            if user is not None
            else []
        )
        given = {
            "port": str(self.port), "bind": "127.0.0.1", "dir": str(folder), "save": "",
            "appendonly": "yes", "appendfsync": "everysec", "unixsocket": str(folder / "socket"),
            "unixsocketperm": "777", **options,
        }  # fmt: skip
        self._command = [*switched, program]
        for name, value in given.items():
            self._command += [f"--{name}", value]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def pid(self) -> int:
        """Of its process, which runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        """For the setting ``cluster``."""
        return f"valkey://127.0.0.1:{self.port}"

    @property
    def socket(self) -> Path:
        """Its Unix socket."""
        return self.folder / "socket"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd="/")
        deadline = time.monotonic() + 60
        while True:
            try:
                if self.ask("PING")[:1] in (b"+", b"-"):
                    return
            except OSError:
                pass
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.01)

    def ask(self, command: str) -> bytes:
        """Send a command over a connection of its own; the answer as it comes, if it is short."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(65536)

    def send_signal(self, number: int) -> None:
        """``SIGSTOP`` and ``SIGCONT``, for example."""
        assert self._process is not None
        self._process.send_signal(number)

    def forget(self) -> None:
        """Remove what it has kept in files; it is not running."""
        for path in self.folder.glob("appendonlydir/*"):
            path.unlink()

    def stop(self, number: int = signal.SIGKILL) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None


@contextmanager
def valkey(**options: str) -> Iterator[Valkey]:
    """A server, while the block runs; ``VALKEY_SERVER`` in the environment names the program."""
    names = [os.environ.get("VALKEY_SERVER", "valkey-server"), "valkey-server", "redis-server"]
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        missing("valkey-server or redis-server", "redis-server")
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="cletus-valkey-") as name:
        folder = Path(name)
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        server = Valkey(str(program), folder, user, options)
        try:
            yield server
        finally:
            server.stop()


class Ngircd:
    """An IRC server of its own, with a self-signed certificate for ``localhost``.

    Args:
        folder: for its files; it belongs to the user of the server.
        program: the path of ``ngircd``.
        user: whom it runs as if we are root.
    """

    def __init__(self, folder: Path, program: str, user: pwd.struct_passwd | None) -> None:
        self._folder = folder
        self._command = [program, "-n", "-f", str(folder / "ngircd.conf")]
        if user is not None:
            who = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            self._command = ["setpriv", *who, *self._command]
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self.tls_port = free_port(), free_port()
        certificate = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        files = ["-keyout", str(folder / "key.pem"), "-out", str(self.trusted / "server.pem")]
        self.trusted.mkdir()
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *certificate, *files],
            check=True,
            capture_output=True,
        )
        (folder / "ngircd.conf").write_text(
            f"[Global]\nName = irc.test.invalid\nInfo = test\nPorts = {self.port}\n"
            "Listen = 127.0.0.1\nPassword = sesame\nMotdPhrase = hello\n"
            "[Limits]\nMaxConnectionsIP = 0\nMaxPenaltyTime = 0\n"
            "[Options]\nDNS = no\nIdent = no\nPAM = no\n"
            f"[SSL]\nCertFile = {self.trusted}/server.pem\nKeyFile = {folder}/key.pem\n"
            f"Ports = {self.tls_port}\n"
        )
        for path in (folder, *folder.rglob("*")):
            if user is not None:
                os.chown(path, user.pw_uid, user.pw_gid)
        self.start()

    @property
    def trusted(self) -> Path:
        """A folder with its certificate."""
        return self._folder / "trusted"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd="/")
        deadline = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port)):
                    return
            except ConnectionRefusedError:
                assert self._process.poll() is None, (self._folder / "log").read_text()
                assert time.monotonic() < deadline, (self._folder / "log").read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        """End it; its clients are disconnected."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None


@contextmanager
def ngircd() -> Iterator[Ngircd]:
    """An IRC server, while the block runs."""
    program = shutil.which("ngircd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        missing("ngIRCd", "ngircd")
    user = pwd.getpwnam("irc") if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="cletus-irc-") as name:
        server = Ngircd(Path(name), str(program), user)
        try:
            yield server
        finally:
            server.stop()
