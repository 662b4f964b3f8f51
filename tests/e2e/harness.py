"""What the end-to-end tests drive: services as processes, and the people who call them.

Nothing here sleeps for a fixed time: everything waits for a condition, with a timeout that a healthy
run never comes near. Each process is known by its own id and is gone when its test is over.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pexpect
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

#: Seconds after which something that must happen is taken not to happen any more. On a machine that others
#: use as well, Python alone takes 20 to start.
TIMEOUT = 120.0

#: RFC 854: text, a doubled 255 (one of data), or a command.
_TELNET = re.compile(
    rb"(?P<text>[^\xff]+)|\xff(?P<iac>\xff)"
    rb"|\xff\xfa(?:[^\xff]|\xff[^\xf0])*\xff\xf0|\xff[\xfb-\xfe].|\xff[\xf1-\xf9\xef]",
    re.DOTALL,
)

#: Between two looks at a condition that cannot tell us itself.
_LOOK_EVERY = 0.01


def wait_until(condition: Callable[[], object], what: str, seen: Callable[[], str] = str) -> None:
    """Return as soon as the condition holds.

    Args:
        condition: asked again and again.
        what: what is waited for, for the message.
        seen: what there is instead, for the message.
    """
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not after {TIMEOUT:g} s. Seen:\n{seen()}", pytrace=True)
        time.sleep(_LOOK_EVERY)


class Talker:
    """A service that runs as a process of its own.

    Args:
        folder: the process's working folder, which its application is in.
        command: what Python is called with: ``["-m", "cletus", "run", "app.py"]``.
        python: by default the one that runs the tests.

    Attributes:
        folder: as given.
        process: the process, as ``subprocess`` knows it.
    """

    def __init__(self, folder: Path, *command: str, python: str = sys.executable) -> None:
        self.folder = folder
        self._begin = 0
        self._output = folder / f"output-{time.monotonic_ns()}.txt"
        environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONFAULTHANDLER": "1",
        }
        environment.pop("PYTHONPATH", None)
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [python, *command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        """All that the process has printed and logged so far, or since ``forget_output()``."""
        return self._output.read_bytes()[self._begin :].decode(errors="replace")

    def forget_output(self) -> None:
        """Look only at what it prints from now on."""
        self._begin = self._output.stat().st_size

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended yet."""
        return self.process.poll() is None

    @cached_property
    def port(self) -> int:
        """The port that it says it listens on; waits until it says so."""
        found = self.prints(r"Listening on telnet \S+:(\d+)\n")
        self.prints("Stop with Ctrl-C")
        return int(found[1])

    def prints(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Wait until it has printed what matches the pattern so many times; the last match."""

        def has_printed() -> bool:
            found[:] = re.finditer(pattern, self.output)
            return len(found) >= times or not self.is_running

        found: list[re.Match[str]] = []
        wait_until(has_printed, f"printing {pattern!r}", lambda: self.output)
        found[:] = re.finditer(pattern, self.output)
        assert len(found) >= times, f"it ended without printing {pattern!r}:\n{self.output}"
        return found[-1]

    @property
    def reloads(self) -> int:
        """How many reloads were committed so far."""
        return self.output.count(" Reloaded, generation ")

    def write(self, file: str, text: str) -> None:
        """Write one of its files, as an editor does: beside, and then renamed over."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + "~")
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that one of its files must have."""
        text = (self.folder / file).read_text(encoding="utf-8")
        assert old in text, f"{file} has no {old!r}"
        self.write(file, text.replace(old, new))

    @contextmanager
    def held(self) -> Iterator[None]:
        """It stands still meanwhile, so that all that is saved inside is one edit, however slow the saving is."""
        self.gets(signal.SIGSTOP)
        try:
            yield
        finally:
            self.gets(signal.SIGCONT)

    def gets(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.process.pid, number)

    def ends(self) -> int:
        """Wait for its end; the exit code."""
        try:
            return self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.gets(signal.SIGABRT)  # it says where each of its threads is
            self.process.wait(TIMEOUT)
            pytest.fail(f"it does not end. Its output:\n{self.output}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and wait for that; the exit code."""
        self.gets(number)
        return self.ends()

    def kill(self) -> None:
        """End it, whatever it is doing."""
        if self.is_running:
            self.process.kill()
        self.process.wait()


class Caller:
    """Somebody at the other end of a plain socket.

    Args:
        port: of the service on this machine.

    Attributes:
        received: all bytes so far, telnet's own among them.
        socket: the connection itself.
    """

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.received = bytearray()
        self._text = bytearray()
        self._parsed = 0
        self._read = 0

    @property
    def screen(self) -> str:
        """All text that has come so far."""
        return self._text.decode(errors="replace")

    def types(self, *lines: str) -> None:
        """Send lines, each with its end, in one piece."""
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def sees(self, text: str) -> str:
        """Wait for a text; what came up to its end since the last call."""
        wanted = text.encode()
        deadline = time.monotonic() + TIMEOUT
        while (found := self._text.find(wanted, self._read)) < 0:
            rest = deadline - time.monotonic()
            if rest <= 0 or not self._receive(rest):
                pytest.fail(f"{text!r} has not come. Seen:\n{self._unread()}")
        end = found + len(wanted)
        passed, self._read = self._text[self._read : end], end
        return passed.decode(errors="replace")

    def unread(self) -> str:
        """What has come since the last text that was waited for; does not wait."""
        while self._receive(0.0):
            pass
        return self._unread()

    def sees_the_end(self) -> str:
        """Wait until the service has closed the connection; what came before that."""
        deadline = time.monotonic() + TIMEOUT
        while (rest := deadline - time.monotonic()) > 0:
            if not self._receive(rest):
                break
        else:
            pytest.fail("the connection was not closed")
        return self._unread()

    def logs_in(self, name: str, password: str = "opensesame") -> None:
        """Come in to the talker of these tests as somebody new."""
        self.sees("What is your name? ")
        self.types(name)
        self.sees("Choose a password: ")
        self.types(password)
        self.sees(f"Welcome, {name}!")
        self.sees("Do come in.\r\n")

    def hang_up(self) -> None:
        """Close the connection. Doing it twice is harmless."""
        self.socket.close()

    def _receive(self, timeout: float) -> bool:
        """Take what comes within this time; false if nothing does, or the connection is closed."""
        self.socket.settimeout(timeout)
        try:
            data = self.socket.recv(65536)
        except (TimeoutError, BlockingIOError):
            return False
        self.received += data
        # Whole pieces only: a command that has not come to its end waits for the rest.
        for piece in _TELNET.finditer(self.received, self._parsed):
            self._text += piece["text"] or piece["iac"] or b""
            self._parsed = piece.end()
        return bool(data)

    def _unread(self) -> str:
        return self._text[self._read :].decode(errors="replace")


class Terminal:
    """A real program that people call with, in a terminal of its own.

    Args:
        program: its name or path.
        arguments: what it is called with.
        home: its home folder, where it may leave files.

    Attributes:
        child: the program under pexpect.
    """

    def __init__(self, program: str, arguments: list[str], home: Path) -> None:
        self._screen = Record()
        environment: Any = {
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
        }
        self.child = pexpect.spawn(
            program,
            arguments,
            encoding="utf-8",
            dimensions=(40, 120),
            timeout=TIMEOUT,
            env=environment,
        )
        self.child.logfile_read = self._screen
        self.child.delaybeforesend = None

    @property
    def screen(self) -> str:
        """All that ever was on the screen, typed characters included."""
        return "".join(self._screen.pieces)

    def sees(self, text: str) -> None:
        """Wait for a text."""
        self.child.expect_exact(text)

    def types(self, line: str) -> None:
        """Type a line."""
        self.child.sendline(line)

    def logs_in(self, name: str, password: str = "opensesame") -> None:
        """Come in to the talker of these tests as somebody new."""
        self.sees("What is your name? ")
        self.types(name)
        self.types_hidden("Choose a password: ", password)
        self.sees(f"Welcome, {name}!")
        self.sees("Do come in.")

    def types_hidden(self, prompt: str, line: str) -> None:
        """Answer a prompt whose answer the terminal has stopped showing."""
        self.sees(prompt)
        self.child.waitnoecho(TIMEOUT)
        self.types(line)

    def sees_the_end(self) -> None:
        """Wait until the program has ended by itself."""
        self.child.expect(pexpect.EOF)

    def kill(self) -> None:
        """End the program, whatever it is doing."""
        self.child.close(force=True)


class Record:
    """Where pexpect writes what it reads."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def write(self, text: str) -> None:
        self.pieces.append(text)

    def flush(self) -> None:
        """Nothing is held back."""


def program(*names: str) -> str:
    """The path of the first of these programs that is installed; the test skips without one."""
    search = os.environ.get("PATH", "") + ":/usr/games"
    for name in names:
        path = shutil.which(name, path=search)
        if path is not None:
            return path
    pytest.skip(f"not installed: {' or '.join(names)}")
