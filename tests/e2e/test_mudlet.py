"""A marked prompt in Mudlet, which no package system has: a client with its rules, after its source (4.20).

It puts a line on the screen at a newline, and at GA or EOR; text without either is not shown.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.e2e.harness import TIMEOUT, Caller, Talker, wait_until
from tests.e2e.test_character_mode import APPLICATION

IAC, SE, GA, SB, WILL, WONT, DO, DONT, EOR = 255, 240, 249, 250, 251, 252, 253, 254, 239
TTYPE, END_OF_RECORD, ECHO = 24, 25, 1
NAMES = (b"MUDLET", b"ANSI-TRUECOLOR", b"MTTS 2349", b"MTTS 2349")


class Mudlet:
    """What it answers, and the lines on its screen."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self._rest = b""
        self._line = bytearray()
        self._names = list(NAMES)
        self.lines: list[str] = []

    def types(self, line: str) -> None:
        self._socket.sendall(f"{line}\r\n".encode())

    def close(self) -> None:
        self._socket.close()

    def ends_with(self, *lines: str) -> None:
        """Wait for these lines at the end of its screen."""
        self._wait_until(lambda: self.lines[-len(lines) :] == list(lines), repr(lines))

    def has_said_its_names(self) -> None:
        """Wait until it was asked for the last one: what is typed then comes after the answer."""
        self._wait_until(lambda: not self._names, "asked for all names")

    def _wait_until(self, condition: Callable[[], bool], what: str) -> None:
        self._socket.settimeout(0.01)

        def holds() -> bool:
            with suppress(TimeoutError):
                self._receive(self._socket.recv(65536))
            return condition()

        wait_until(holds, what, lambda: repr(self.lines))

    def _receive(self, data: bytes) -> None:
        data, self._rest, position = self._rest + data, b"", 0
        while position < len(data):
            byte = data[position]
            if byte != IAC:
                self._character(byte)
                position += 1
                continue
            size = self._command(data[position:])
            if not size:
                self._rest = data[position:]
                return
            position += size

    def _character(self, byte: int) -> None:
        if byte == ord("\n"):
            self._end_line()
        elif byte != ord("\r"):
            self._line.append(byte)

    def _end_line(self) -> None:
        self.lines.append(self._line.decode())
        self._line.clear()

    def _command(self, data: bytes) -> int:
        """Handle the command that this begins with. Returns its length, or 0 if it is not whole."""
        if len(data) < 2:
            return 0
        if data[1] in (GA, EOR):
            self._end_line()
            return 2
        if data[1] == SB:
            end = data.find(bytes((IAC, SE)))
            if end >= 0 and data[2] == TTYPE:
                name = self._names.pop(0)
                self._socket.sendall(bytes((IAC, SB, TTYPE, 0)) + name + bytes((IAC, SE)))
            return end + 2 if end >= 0 else 0
        if data[1] < WILL:
            return 2
        if len(data) < 3:
            return 0
        verb, option = data[1], data[2]
        if verb in (WILL, DO):
            takes = option in ((END_OF_RECORD, ECHO) if verb == WILL else (TTYPE,))
            answer = {WILL: (DONT, DO), DO: (WONT, WILL)}[verb][takes]
            self._socket.sendall(bytes((IAC, answer, option)))
        return 3


def test_what_follows_a_prompt_is_on_the_next_line_without_an_empty_one(
    tmp_path: Path, run: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    talker = run("app.py", "--web-port=0", "--prompt-again=0.05")
    mudlet, other = Mudlet(talker.port), call(talker)
    mudlet.ends_with("Welcome.", "> ")
    other.sees("Welcome.")
    mudlet.has_said_its_names()
    mudlet.types("password")
    mudlet.ends_with("Secret: ")
    mudlet.types("opensesame")
    mudlet.ends_with("It has 10 letters.", "> ")
    before = len(mudlet.lines)
    other.types("hello")
    mudlet.ends_with("Somebody says: hello", "> ")
    mudlet.types("password")
    mudlet.ends_with("> ", "Secret: ")
    mudlet.types("opensesame")
    mudlet.ends_with("Secret: ", "It has 10 letters.", "> ")
    mudlet.types("bye")
    mudlet.ends_with("Somebody says: bye", "> ")
    assert "" not in mudlet.lines[before:]
    mudlet.close()
