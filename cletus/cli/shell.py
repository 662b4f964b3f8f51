"""``cletus shell``: a Python prompt, or a script, inside the running service.

Lines are edited here, by the ``readline`` of Python; whole statements are run there.
"""

from __future__ import annotations

import ast
import select
import signal
import sys
import warnings
from codeop import CommandCompiler
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NoReturn

import click

from cletus.cli.main import HELP, refuse
from cletus.cli.remote import targeted
from cletus.errors import CletusError, ControlRefused, NoAnswer
from cletus.ops.control.client import ControlClient
from cletus.ops.control.messages import (
    PIECE,
    Complete,
    Completions,
    Ended,
    Finished,
    Interrupted,
    Ready,
    Refusal,
    Reply,
    Request,
    Shown,
    Typed,
)
from cletus.ops.control.running import Running
from cletus.reload.load import locate

_POLL: Final = 0.1
"""Seconds after which output that comes by itself is shown at the prompt, and the end is noticed."""

_SIGNALLED: Final = 128  # what shells add to the number of a signal that ended a program
_INDENT: Final = "    "
_CLEAR_LINE: Final = b"\r\x1b[K"


@click.command(context_settings=HELP)
@targeted
def shell(target: str, store: str | None) -> None:
    """Open a Python prompt inside the running service of TARGET.

    It knows `service`, `session`, `clients`, `events` and the classes of all stores. What is typed runs
    in the service: nobody is served while it runs. Without a terminal the standard input is run as a
    script, whose exit code is 1 if it raises.
    """
    try:
        running = Running(target, store, locate)
        with running.connect(None) as client:
            if sys.stdin.isatty() and sys.stdout.isatty():
                client.send(Request("shell", running.root, terminal=True))
                _Prompt(client).run()
            else:
                client.send(Request("shell", running.root))
                _run_script(client)
    except CletusError as error:
        refuse(error)


def _run_script(client: ControlClient) -> NoReturn:
    _send_source(client, sys.stdin.buffer.read())
    while True:
        _show(client, client.receive())


def _send_source(client: ControlClient, source: bytes) -> None:
    for start in range(0, len(source), PIECE):
        client.send(Typed(source[start : start + PIECE]))
    client.send(Finished())


def _show(client: ControlClient, reply: Reply | None) -> None:
    """Show output, and leave at the end of the shell."""
    if isinstance(reply, Shown):
        _write(reply.data)
    elif isinstance(reply, Ended):
        sys.exit(reply.code)
    elif isinstance(reply, Refusal):
        raise ControlRefused(reply.error)
    elif reply is None:
        raise NoAnswer(f"the service on the store {client.folder} has gone")


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


class _Prompt:
    """The prompt at a terminal.

    ``input()`` edits a line, and lets signal handlers run meanwhile. One that a timer calls shows what
    the service sends by itself, and raises when the service is gone; so no second thread is needed.

    Args:
        client: connected, with a shell requested.
    """

    def __init__(self, client: ControlClient) -> None:
        self._client = client
        self._compile = CommandCompiler()
        self._compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._is_ready = False  # whether the service waits for a statement
        self._prompt = ""  # the one before the line that is being edited; "" if none is
        self._names: list[str] = []

    def run(self) -> None:
        """Read and run statements until the operator leaves (Ctrl-D) or the service does."""
        self._set_up_readline()
        with _handling_signals(), _timer(self._poll):
            while True:
                try:
                    self._wait_until_ready()
                    self._run(self._read())
                except KeyboardInterrupt:
                    _write(b"\nKeyboardInterrupt\n")
                    self._client.send(Interrupted())
                except EOFError:
                    _write(b"\n")
                    return

    def _wait_until_ready(self) -> None:
        while not self._is_ready:
            reply = self._client.receive()
            _show(self._client, reply)
            self._is_ready = isinstance(reply, Ready)

    def _run(self, source: str) -> None:
        # In this order, Ctrl-C at any point between leaves nothing to be waited for in vain.
        _send_source(self._client, source.encode(errors="surrogateescape"))
        self._is_ready = False

    def _read(self) -> str:
        """Read a statement. As at Python's prompt, an empty line ends a block.

        Raises:
            EOFError: Ctrl-D.
        """
        lines: list[str] = []
        while not lines or not self._is_complete("\n".join(lines)):
            self._prompt = "... " if lines else ">>> "
            try:
                lines.append(input(self._prompt))
            except SystemExit:
                _write(b"\n")
                raise
            finally:
                self._prompt = ""
        return "\n".join(lines)

    def _is_complete(self, source: str) -> bool:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._compile(source) is not None
        except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
            return True  # the service shows the error

    def _poll(self, _number: int, _frame: FrameType | None) -> None:
        """Show what comes by itself above the line that is being edited."""
        if not self._prompt:
            return
        while self._client.has_more or select.select([self._client], [], [], 0)[0]:
            reply = self._client.receive()
            if isinstance(reply, Shown):
                self._show_above(reply.data)
                continue
            if not isinstance(reply, Ready | Completions):
                _write(b"\n")
                self._prompt = ""
            _show(self._client, reply)

    def _show_above(self, data: bytes) -> None:
        line = b""
        with suppress(ImportError):
            import readline  # noqa: PLC0415 - see _set_up_readline

            line = readline.get_line_buffer().encode(errors="surrogateescape")
        newline = b"" if data.endswith(b"\n") else b"\n"
        _write(_CLEAR_LINE + data + newline + self._prompt.encode() + line)

    # -- completion -------------------------------------------------------------------------

    def _set_up_readline(self) -> None:
        """Edit lines with history, and complete names with Tab."""
        try:
            import readline  # noqa: PLC0415 - only for a terminal; some Pythons are built without it
        except ImportError:
            return
        is_libedit = "libedit" in (readline.__doc__ or "")  # as on macOS
        readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")
        readline.set_completer(self._complete)

    def _complete(self, text: str, state: int) -> str | None:
        """The completion of this number, for readline."""
        if state == 0:
            self._names = self._ask_for_names(text) if text else [_INDENT]
        return self._names[state] if state < len(self._names) else None

    def _ask_for_names(self, text: str) -> list[str]:
        prompt, self._prompt = self._prompt, ""  # the timer waits
        try:
            self._client.send(Complete(text))
            while isinstance(reply := self._client.receive(), Shown | Ready):
                _show(self._client, reply)
            return reply.names if isinstance(reply, Completions) else []
        finally:
            self._prompt = prompt


@contextmanager
def _timer(handler: signal._HANDLER) -> Iterator[None]:
    """Call this handler all the time, also while ``input()`` waits."""
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, _POLL, _POLL)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _handling_signals() -> Iterator[None]:
    """Turn a signal that ends us into an exception, so that readline restores the terminal."""

    def end(number: int, _: FrameType | None) -> NoReturn:
        sys.exit(_SIGNALLED + number)

    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
