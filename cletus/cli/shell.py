"""``cletus shell``: the caller's terminal, or a script, on a prompt inside the running service."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Final, NoReturn

import click

from cletus.cli.locate import Running
from cletus.cli.main import HELP, refuse
from cletus.cli.remote import targeted
from cletus.errors import CletusError, ControlRefused, NoAnswer
from cletus.ops.control.client import Remote
from cletus.ops.control.messages import (
    PIECE,
    Ended,
    Finished,
    Refusal,
    Reply,
    Request,
    Resized,
    Shown,
    Typed,
)

_AS_BEFORE: Final = b"\x1b[4l\x1b[0m"
"""What the terminal is told at the end: insert no more (ECMA-48 IRM), no colours."""

_HUNG_UP: Final = 128  # what shells add to the number of a signal that ended a program


@click.command(context_settings=HELP)
@targeted
def shell(target: str, store: str | None) -> None:
    """Open a Python prompt inside the running service of TARGET.

    It knows `service`, `session`, `clients`, `events` and the classes of all stores. What is typed runs
    in the service: nobody is served while it runs. Without a terminal the standard input is run as a
    script, whose exit code is 1 if it raises.
    """
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    try:
        running = Running(target, store)
        with running.connect(None) as remote:
            code = _at_terminal(remote, running.root) if is_terminal else _script(remote, running)
    except CletusError as error:
        refuse(error)
    sys.exit(code)


# -- a script -----------------------------------------------------------------------------------


def _script(remote: Remote, running: Running) -> int:
    source = sys.stdin.buffer.read()
    remote.send(Request("shell", running.root))
    for start in range(0, len(source), PIECE):
        remote.send(Typed(source[start : start + PIECE]))
    remote.send(Finished())
    while True:
        reply = remote.receive()
        if isinstance(reply, Ended):
            return reply.code
        _show(remote, reply)


def _show(remote: Remote, reply: Reply | None) -> None:
    """Show what has come, or raise what it means."""
    if isinstance(reply, Shown):
        sys.stdout.buffer.write(reply.data)
        sys.stdout.buffer.flush()
    elif isinstance(reply, Refusal):
        raise ControlRefused(reply.error)
    else:
        raise NoAnswer(f"the service on the store {remote.folder} has gone")


# -- a terminal ---------------------------------------------------------------------------------


def _at_terminal(remote: Remote, root: str) -> int:
    columns, rows = shutil.get_terminal_size()
    colours = "NO_COLOR" not in os.environ and os.environ.get("TERM", "dumb") != "dumb"
    remote.send(Request("shell", root, True, columns, rows, colours))
    with ExitStack() as stack:
        stack.enter_context(_raw())
        stack.enter_context(_ended_by_signals())
        resized = stack.enter_context(_resizes())
        return _talk(remote, resized)


def _talk(remote: Remote, resized: int) -> int:
    """Carry keys there and text back, until the shell ends."""
    keyboard = sys.stdin.fileno()
    while True:
        ready, _, _ = select.select([remote, keyboard, resized], [], [])
        if resized in ready:
            os.read(resized, PIECE)
            remote.send(Resized(*shutil.get_terminal_size()))
        if keyboard in ready:
            keys = os.read(keyboard, PIECE)
            if not keys:  # the terminal is gone
                return 0
            remote.send(Typed(keys))
        while remote in ready or remote.has_more:
            reply = remote.receive()
            if isinstance(reply, Ended):
                return reply.code
            _show(remote, reply)
            ready = []


@contextmanager
def _raw() -> Iterator[None]:
    """The terminal hands on each key as it is; afterwards it is as before, whatever has happened."""
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    try:
        tty.setraw(keyboard, termios.TCSANOW)
        yield
    except BaseException:  # not left by the prompt, which has ended its line
        with suppress(OSError):
            os.write(sys.stdout.fileno(), b"\r\n")
        raise
    finally:
        with suppress(OSError):
            os.write(sys.stdout.fileno(), _AS_BEFORE)
        with suppress(termios.error):  # it has been closed
            termios.tcsetattr(keyboard, termios.TCSANOW, before)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A signal that asks us to end does so by an exception, so that the terminal is restored."""

    def end(number: int, _: FrameType | None) -> NoReturn:
        sys.exit(_HUNG_UP + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _resizes() -> Iterator[int]:
    """A file descriptor from which can be read when the window has got another size."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def tell(_number: int, _frame: FrameType | None) -> None:
        with suppress(BlockingIOError):  # it is full of such news
            os.write(writing, b"!")

    before = signal.signal(signal.SIGWINCH, tell)
    try:
        yield reading
    finally:
        signal.signal(signal.SIGWINCH, before)
        os.close(reading)
        os.close(writing)
