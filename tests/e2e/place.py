"""The example service as a process of its own, with its ports."""

from __future__ import annotations

import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.e2e.harness import TIMEOUT

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "lantern-s3cret"

_LISTENING = re.compile(rb"Listening on (\w+) [^\n]*:(\d+)\n")


class Place:
    """``cletus run example_service`` on free ports, until ``stop``.

    Args:
        folder: for the stores and the log.
        options: of the command line, besides the usual.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.log = folder / "log"
        command = [
            sys.executable,
            "-m",
            "cletus",
            "run",
            "example_service",
            "--port",
            "0",
            "--store",
            str(folder / "store"),
            "--no-reload",
            "--users-accounts-per-hour",
            "0",
            "--screen-lines-of-newcomers",
            "0",
            "--users-strangers-per-address",
            "0",
            *options,
        ]  # fmt: skip - a command line
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "PYTHONFAULTHANDLER": "1"},
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self.ports = self._listen()

    def _listen(self) -> dict[str, int]:
        text = b""
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            deadline = time.monotonic() + TIMEOUT
            while b"Stop with" not in text:
                if not selector.select(deadline - time.monotonic()):
                    raise AssertionError(f"it does not start: {self.log.read_text()}")
                piece = os.read(self.process.stdout.fileno(), 4096)
                assert piece, self.log.read_text()
                text += piece
        return {name.decode(): int(port) for name, port in _LISTENING.findall(text)}

    def stop(self) -> int:
        """End it as Ctrl-C does; returns its exit code."""
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # it says where each of its threads is
            self.process.wait(TIMEOUT)
            raise AssertionError(f"it does not stop:\n{self.log.read_text()[-8000:]}") from None
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()

    def visitor(self) -> Visitor:
        """Somebody new, on a bare socket."""
        return Visitor(self.ports["telnet"])

    def register(self, name: str) -> None:
        """Make an account with ``PASSWORD``, and leave."""
        visitor = self.visitor()
        for prompt, answer in (
            ("name", name),
            ("(y/n)", "y"),
            ("assword", PASSWORD),
            ("again", PASSWORD),
            ("pronouns", "they"),
            ("Welcome", ".quit"),
        ):  # fmt: skip - a conversation
            visitor.sees(prompt)
            visitor.says(answer)
        visitor.sees("Goodbye")
        visitor.close()


class Visitor:
    """A connection of the test's own."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.received = b""

    def says(self, line: str) -> None:
        """Send a line."""
        self.socket.sendall(line.encode() + b"\r\n")

    def sees(self, text: str) -> bytes:
        """Read until this has come; what was read is forgotten up to there and returned."""
        wanted = text.encode()
        while wanted not in self.received:
            data = self.socket.recv(65536)
            assert data, f"hung up before {text!r}: {self.received!r}"
            self.received += data
        before, _, self.received = self.received.partition(wanted)
        return before

    def close(self) -> None:
        """Hang up."""
        self.socket.close()
