"""The caller's side of a shell: a script's exit code, and a terminal that is as before."""

from __future__ import annotations

import os
import pty
import signal
import sys
import termios
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cletus.cli import main, shell
from cletus.ops.control.messages import (
    PIECE,
    Ended,
    Finished,
    Refusal,
    Request,
    Resized,
    Shown,
    Typed,
)


class Remote:
    """A service that says what a test has it say.

    Attributes:
        replies: what it says, in order; then the connection ends.
        heard: what it was told.
    """

    folder = "/srv/store"

    def __init__(self) -> None:
        self.replies: list[Any] = []
        self.heard: list[Any] = []
        self._readable, self._writable = os.pipe()
        os.write(self._writable, b"!")

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def fileno(self) -> int:
        return self._readable

    @property
    def has_more(self) -> bool:
        return bool(self.replies)

    def send(self, message: Any) -> None:
        self.heard.append(message)

    def receive(self) -> Any:
        return self.replies.pop(0) if self.replies else None

    def close(self) -> None:
        os.close(self._readable)
        os.close(self._writable)


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    remote = Remote()

    class Running:
        root = "/srv/talk"

        def __init__(self, *_: object) -> None:
            pass

        def connect(self, timeout: float | None) -> Remote:
            assert timeout is None
            return remote

    monkeypatch.setattr(shell, "Running", Running)
    yield remote
    remote.close()


def run(script: bytes) -> Result:
    """``cletus shell`` without a terminal."""
    return CliRunner().invoke(main, ["shell", "talk"], input=script)


def test_a_script_is_handed_over_in_pieces_and_its_code_is_ours(remote: Remote) -> None:
    remote.replies = [Shown(b"one\n"), Shown("zwö\n".encode()), Ended(3)]
    result = run(b"x" * (PIECE + 1))
    assert (result.exit_code, result.stdout) == (3, "one\nzwö\n")
    assert remote.heard == [
        Request("shell", "/srv/talk"),
        Typed(b"x" * PIECE),
        Typed(b"x"),
        Finished(),
    ]


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ([Refusal("not for you")], "not for you"),
        ([Shown(b"")], "the service on the store /srv/store has gone"),
    ],
)
def test_without_an_end_it_is_one_line_and_exit_code_2(
    remote: Remote, replies: list[Any], words: str
) -> None:
    remote.replies = replies
    result = run(b"1")
    assert (result.exit_code, result.stderr) == (2, f"cletus: {words}\n")


# -- a terminal ---------------------------------------------------------------------------------


class Tty:
    """The standard streams of a process at a terminal.

    Attributes:
        keyboard: where a test types, and reads what is shown.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.keyboard, self._side = pty.openpty()
        self._streams = [os.fdopen(os.dup(self._side), mode) for mode in ("r", "w")]
        self.before = termios.tcgetattr(self._side)

    def runs(self, remote: Remote) -> int:
        """``cletus shell`` here; its exit code. Not before the test, since pytest sets the streams then."""
        with self._monkeypatch.context() as patch:
            for name, stream in zip(("stdin", "stdout"), self._streams, strict=True):
                patch.setattr(sys, name, stream)
            return shell._at_terminal(remote, "/srv/talk")  # type: ignore[arg-type]  # a double

    @property
    def mode(self) -> list[Any]:
        """How the terminal is set."""
        return termios.tcgetattr(self._side)

    def close(self) -> None:
        for stream in self._streams:
            stream.close()
        os.close(self.keyboard)
        os.close(self._side)


@pytest.fixture
def tty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tty]:
    tty = Tty(monkeypatch)
    yield tty
    tty.close()


def test_what_comes_is_shown_and_the_terminal_is_as_before(
    remote: Remote, tty: Tty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "101")
    monkeypatch.setenv("LINES", "33")
    remote.replies = [Shown(b">>> "), Ended(0)]
    handlers = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGWINCH)]
    assert tty.runs(remote) == 0
    assert remote.heard == [Request("shell", "/srv/talk", True, 101, 33, True)]
    assert os.read(tty.keyboard, 1000) == b">>> \x1b[4l\x1b[0m"
    assert tty.mode == tty.before
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGWINCH)] == handlers


@pytest.mark.parametrize("variable", [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_declined(
    remote: Remote, tty: Tty, monkeypatch: pytest.MonkeyPatch, variable: tuple[str, str]
) -> None:
    monkeypatch.setenv(*variable)
    remote.replies = [Ended(0)]
    tty.runs(remote)
    assert not remote.heard[0].colours


def test_keys_and_sizes_are_handed_on(tty: Tty) -> None:
    class Listening(Remote):
        def receive(self) -> Any:
            if self.replies:
                return self.replies.pop()
            os.read(self._readable, 1)  # it says nothing for now
            os.write(tty.keyboard, "ü\x03".encode())
            return Shown(b"")

        def send(self, message: Any) -> None:
            super().send(message)
            if isinstance(message, Typed):
                os.kill(os.getpid(), signal.SIGWINCH)
            elif isinstance(message, Resized):
                self.replies = [Ended(5)]
                os.write(self._writable, b"!")

    listening = Listening()
    assert tty.runs(listening) == 5
    assert [type(one) for one in listening.heard] == [Request, Typed, Resized]
    assert listening.heard[1] == Typed("ü\x03".encode()), "Ctrl-C is a key like any other"
    listening.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_the_terminal_is_as_before(tty: Tty, number: signal.Signals) -> None:
    class Ending(Remote):
        def receive(self) -> Any:
            os.kill(os.getpid(), number)
            return Shown(b"")

    ending = Ending()
    with pytest.raises(SystemExit) as left:
        tty.runs(ending)
    assert left.value.code == 128 + number
    assert tty.mode == tty.before
    assert os.read(tty.keyboard, 1000).startswith(b"\r\n")
    ending.close()


def test_a_terminal_that_is_gone_is_the_end(tty: Tty) -> None:
    end_of_file = os.open("/dev/null", os.O_RDONLY)
    try:

        class Closing(Remote):
            def receive(self) -> Any:
                os.read(self._readable, 1)
                os.dup2(end_of_file, sys.stdin.fileno())
                return Shown(b"")

        closing = Closing()
        assert tty.runs(closing) == 0
        closing.close()
    finally:
        os.close(end_of_file)
