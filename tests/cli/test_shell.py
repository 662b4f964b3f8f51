"""The operator's side of a shell: a script's exit code, and a terminal that is as before."""

from __future__ import annotations

import os
import signal
import socket
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pexpect
import pytest
from click.testing import CliRunner, Result

from cletus.cli import main
from cletus.ops.control.messages import (
    INPUTS,
    PIECE,
    REQUESTS,
    Complete,
    Completions,
    Ended,
    Finished,
    Interrupted,
    Lines,
    Ready,
    Refusal,
    Request,
    Shown,
    Typed,
    line_of,
)
from cletus.ops.control.socket_path import listen_in, remove_from

Answers = Callable[[Any], "list[Any]"]


class Service:
    """Listens in a folder, and answers each message as a test says.

    Attributes:
        answers: called with each message, gives the replies to it; ``None`` among them hangs up.
        heard: what came.
    """

    def __init__(self, folder: Path) -> None:
        (folder / ".lock").touch()
        self.answers: Answers = lambda _: []
        self.heard: list[Any] = []
        self.folder = folder
        self._listening = listen_in(str(folder))
        self._listening.setblocking(True)
        self._client: socket.socket | None = None
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def says(self, *messages: Any) -> None:
        """Send messages; ``None`` hangs up."""
        assert self._client is not None
        for message in messages:
            if message is None:
                self._client.shutdown(socket.SHUT_RDWR)
            else:
                self._client.sendall(line_of(message))

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        if self._client is not None:
            self._client.close()
        self._thread.join(5)
        remove_from(str(self.folder))

    def _serve(self) -> None:
        with suppress(OSError):
            self._client, _ = self._listening.accept()
            lines = Lines()
            while data := self._client.recv(2 * PIECE):
                for line in lines.receive(data):
                    decoder = INPUTS if self.heard else REQUESTS
                    message = decoder.message(line)  # type: ignore[attr-defined]  # of either type
                    self.heard.append(message)
                    self.says(*self.answers(message))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.close()


def at_the_end(*replies: Any) -> Answers:
    """These replies when a script is complete."""
    return lambda message: list(replies) if isinstance(message, Finished) else []


def run(service: Service, script: bytes) -> Result:
    """``cletus shell`` without a terminal."""
    return CliRunner().invoke(main, ["shell", str(service.folder)], input=script)


def test_a_script_is_handed_over_in_pieces_and_its_code_is_ours(service: Service) -> None:
    service.answers = at_the_end(Shown(b"one\n"), Shown("zwö\n".encode()), Ended(3))
    result = run(service, b"x" * (PIECE + 1))
    assert (result.exit_code, result.stdout) == (3, "one\nzwö\n")
    assert service.heard == [
        Request("shell", ""),
        Typed(b"x" * PIECE),
        Typed(b"x"),
        Finished(),
    ]


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ([Refusal("not for you")], "not for you"),
        ([Shown(b""), None], "the service on the store {} has gone"),
    ],
)
def test_without_an_end_it_is_one_line_and_exit_code_2(
    service: Service, replies: list[Any], words: str
) -> None:
    service.answers = at_the_end(*replies)
    result = run(service, b"1")
    expected = f"cletus: {words.format(service.folder)}\n"
    assert (result.exit_code, result.stderr) == (2, expected)


# -- a terminal ---------------------------------------------------------------------------------

UP, LEFT = "\x1b[A", "\x1b[D"


class Terminal:
    """``cletus shell`` in a process of its own, on a terminal."""

    def __init__(self, service: Service) -> None:
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "cletus", "shell", str(service.folder)],
            env={**os.environ, "TERM": "xterm", "INPUTRC": "/dev/null"},
            encoding="utf-8",
            timeout=20,
        )
        self.before = termios.tcgetattr(self.child.child_fd)

    def types(self, text: str) -> None:
        self.child.send(text)

    def sees(self, text: str) -> None:
        self.child.expect_exact(text)

    def ends(self) -> int | None:
        """Its exit code; the terminal is as it was before."""
        self.child.expect(pexpect.EOF)
        with suppress(termios.error):  # where the terminal is gone with its last process
            assert termios.tcgetattr(self.child.child_fd) == self.before
        self.child.close()
        status = self.child.exitstatus
        return None if status is None else int(status)


@pytest.fixture
def ann(service: Service) -> Iterator[Terminal]:
    """Somebody at the first prompt of a service that runs everything in an instant."""
    service.answers = lambda message: [Ready()] if isinstance(message, Request | Finished) else []
    terminal = Terminal(service)
    terminal.sees(">>> ")
    yield terminal
    terminal.child.close(force=True)


def typed(service: Service) -> list[str]:
    """The statements that have come."""
    return [message.data.decode() for message in service.heard if isinstance(message, Typed)]


def test_a_statement_is_run_and_the_prompt_comes_again(ann: Terminal, service: Service) -> None:
    service.answers = lambda message: (
        [Shown("zwö\n".encode()), Ready()] if isinstance(message, Finished) else []
    )
    ann.types("1 + 1\r")
    ann.sees("zwö\r\n")
    ann.sees(">>> ")
    ann.types("\x04")
    assert ann.ends() == 0
    assert service.heard == [Request("shell", "", terminal=True), Typed(b"1 + 1"), Finished()]


def test_blocks_end_with_an_empty_line_and_errors_are_left_to_the_service(
    ann: Terminal, service: Service
) -> None:
    ann.types("for n in range(2):\r")
    ann.sees("... ")
    ann.types("    n\r")
    ann.sees("... ")
    ann.types("\r")
    ann.sees(">>> ")
    for line in ("x = = 1", "await x", "'naïve €'"):
        ann.types(f"{line}\r")
        ann.sees(">>> ")
    ann.types("\x04")
    assert ann.ends() == 0
    assert typed(service) == ["for n in range(2):\n    n\n", "x = = 1", "await x", "'naïve €'"]


def test_lines_are_edited_and_the_line_before_comes_back(ann: Terminal, service: Service) -> None:
    for keys in ("'für'\r", UP + "\x7fx'\r", "ac" + LEFT + "b\r", "gone\x15d\r"):
        ann.types(keys)
        ann.sees("\n")
        ann.sees(">>> ")
    ann.types("\x04")
    assert ann.ends() == 0
    assert typed(service) == ["'für'", "'fürx'", "abc", "d"]


def test_tab_completes_and_indents(ann: Terminal, service: Service) -> None:
    service.answers = lambda message: (
        [Completions(["service.rollback"])] if isinstance(message, Complete) else [Ready()]
    )
    ann.types("len(service.rolb\x7f\t")
    ann.sees("lback")
    ann.types(")\r")
    ann.sees(">>> ")
    ann.types("if x:\r")
    ann.sees("... ")
    ann.types("\ty\r")
    ann.sees("... ")
    ann.types("\r")
    ann.sees(">>> ")
    ann.types("\x04")
    assert ann.ends() == 0
    assert Complete("service.rol") in service.heard
    assert typed(service) == ["len(service.rollback)", "if x:\n    y\n"]


def test_ctrl_c_forgets_the_line_and_gives_up_waiting(ann: Terminal, service: Service) -> None:
    ann.types("def f():\r")
    ann.sees("... ")
    ann.types("  x\x03")
    ann.sees("KeyboardInterrupt")
    ann.sees(">>> ")
    ann.types("1\r")
    ann.sees(">>> ")
    ann.types("\x04")
    assert ann.ends() == 0
    assert service.heard[1:] == [Interrupted(), Typed(b"1"), Finished()]


def test_what_comes_by_itself_is_shown_above_the_line(ann: Terminal, service: Service) -> None:
    ann.types("x = 'ü'")
    ann.sees("x = 'ü'")
    service.says(Shown(b"Deferred #0 called back: 1\n"))
    ann.sees("Deferred #0 called back: 1\r\n>>> x = 'ü'")
    ann.types("\r")
    ann.sees(">>> ")
    ann.types("\x04")
    assert ann.ends() == 0
    assert typed(service) == ["x = 'ü'"]


def test_the_service_ends_the_shell(ann: Terminal, service: Service) -> None:
    ann.types("half a li")
    ann.sees("half a li")
    service.says(Shown(b"The service stops.\n"), Ended(0), None)
    ann.sees("The service stops.")
    assert ann.ends() == 0


def test_the_service_may_die(ann: Terminal, service: Service) -> None:
    service.says(None)
    ann.sees(f"cletus: the service on the store {service.folder} has gone")
    assert ann.ends() == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_ends_it_and_the_terminal_is_as_before(
    ann: Terminal, number: signal.Signals
) -> None:
    ann.child.kill(number)
    assert ann.ends() == 128 + number


def test_a_terminal_that_is_gone_is_the_end(ann: Terminal) -> None:
    ann.child.close(force=False)  # which takes the terminal away, sends signals, and waits
    assert not ann.child.isalive()
