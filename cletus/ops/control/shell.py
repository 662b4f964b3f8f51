"""Python inside the running service: what an operator types, or a script, is run here.

The other end edits lines (``cletus/cli/shell.py``); this end gets whole statements, runs them in the
reactor, and sends what they print.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import io
import keyword
import sys
import traceback
from codeop import Compile
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from types import CodeType, TracebackType
from typing import IO, Any, Final

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from cletus import events
from cletus.errors import CallTimedOut
from cletus.ops.control.messages import (
    LINE_MAX,
    PIECE,
    Complete,
    Completions,
    Ended,
    Finished,
    Input,
    Interrupted,
    Ready,
    Shown,
    Typed,
)
from cletus.service.service import Service
from cletus.version import __version__

FILE: Final = "<shell>"
"""The file name of typed code in tracebacks."""


class Shell:
    """Runs the statements of one operator.

    At a terminal, the prompt is free again while a statement awaits something, and an error is shown. In
    a script each statement waits for the one before, and the first error ends it with exit code 1.

    Args:
        service: it runs inside this one.
        send: sends a message to the operator; an ``Ended`` also closes the connection.
        is_terminal: whether a person types; otherwise a script comes.
    """

    def __init__(
        self, service: Service, send: Callable[[msgspec.Struct], None], *, is_terminal: bool
    ) -> None:
        self._service = service
        self._send = send
        self._is_terminal = is_terminal
        self._names = Namespace(service)
        self._compile = Compile()  # it remembers each `from __future__ import`
        self._compile.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._source = bytearray()
        self._running: dict[Deferred[None], None] = {}
        self._followed: dict[Deferred[Any], int] = {}
        self._deferreds = 0  # that had a number
        self._values: list[Deferred[Any]] = []  # of a script's statement, to be waited for
        self._output: io.StringIO | None = None

    def begin(self) -> None:
        """Greet a person; wait for a script."""
        if self._is_terminal:
            session = self._service.session
            stores = sorted(store.__name__ for store in session.stores.values())
            names = ", ".join(["service", "session", "clients", "events", *stores])
            self.show(
                f"Cletus {__version__}, generation {session.generation}. "
                f"Nobody is served while what you type runs.\nNames: {names}. Ctrl-D leaves.\n"
            )
            self._send(Ready())

    def take(self, message: Input) -> None:
        """Handle a message of the operator."""
        if isinstance(message, Complete):
            self._send(Completions(self._names.completions(message.text)))
        elif isinstance(message, Interrupted):
            self._source.clear()
            self._cancel()
        elif not self._is_terminal and self._running:
            pass  # the script is complete, and nothing is added to it
        elif isinstance(message, Typed):
            self._source += message.data
            if len(self._source) > LINE_MAX:
                self._source.clear()
                self.show(f"a script may have at most {LINE_MAX} bytes\n")
                self._send(Ended(1))
        elif isinstance(message, Finished):
            source = bytes(self._source)
            self._source.clear()
            self._start(source)

    def lost(self) -> None:
        """The operator has gone: cancel what is awaited, and forget all names."""
        self._cancel()
        self._names.clear()

    def show(self, text: str) -> None:
        """Send this text; while a statement runs, collect it."""
        if self._output is not None:
            self._output.write(text)
            return
        data = text.encode(errors="replace")
        for start in range(0, len(data), PIECE):
            self._send(Shown(data[start : start + PIECE]))

    # -- running ----------------------------------------------------------------------------

    def _start(self, source: bytes) -> None:
        running = Deferred.fromCoroutine(self._run(source))
        self._running[running] = None
        running.addBoth(self._ran, running)
        if self._is_terminal:
            if running in self._running:
                self.show("(waiting; Ctrl-C gives up)\n")
            self._send(Ready())

    def _ran(self, result: Failure | None, running: Deferred[None]) -> None:
        self._running.pop(running)
        if result is not None:
            result.trap(CancelledError)

    def _cancel(self) -> None:
        for running in list(self._running):
            running.cancel()

    async def _run(self, source: bytes) -> None:
        """Run each statement as the prompt of Python does; all of them are compiled first."""
        try:
            for code in self._statements(source):
                await self._run_statement(code)
        except CancelledError:
            raise
        except SystemExit as left:
            self._send(Ended(left.code if isinstance(left.code, int) else int(bool(left.code))))
        except BaseException as error:  # noqa: BLE001 - it is shown to the operator
            self._fail(words_of(error))
        else:
            if not self._is_terminal:
                self._send(Ended(0))

    def _statements(self, source: bytes) -> list[CodeType]:
        tree = ast.parse(source, FILE)
        return [self._compile(ast.Interactive([node]), FILE, "single") for node in tree.body]  # type: ignore[arg-type]  # compile() takes a tree, too

    async def _run_statement(self, code: CodeType) -> None:
        with self._captured():
            result = eval(code, self._names)  # noqa: S307 - that is what a shell is for
        if inspect.iscoroutine(result):
            await Deferred.fromCoroutine(stepwise(result, self._captured))
        while self._values:
            self._display(await self._values.pop(0))

    def _fail(self, words: str) -> None:
        self.show(words)
        if not self._is_terminal:
            self._send(Ended(1))

    @contextmanager
    def _captured(self) -> Generator[None]:
        """Collect what a statement shows, and send it in one piece when the statement is over."""
        output = self._output = io.StringIO()
        try:
            with captured(output, self._display):
                yield
        finally:
            self._output = None
            self.show(output.getvalue())

    # -- values -----------------------------------------------------------------------------

    def _display(self, value: object) -> None:
        """Show the value of a statement. ``_`` is the last one, as at Python's prompt."""
        if isinstance(value, Deferred):
            if self._is_terminal:
                self._follow(value)
            else:
                self._values.append(value)
        elif value is not None:
            self._names["_"] = value
            self.show(f"{value!r}\n")

    def _follow(self, deferred: Deferred[Any]) -> None:
        """Show a Deferred by a number, and under that number what it fires with."""
        self._names["_"] = deferred
        if deferred.called:
            self.show(f"{deferred!r}\n")
            return
        if deferred not in self._followed:
            self._followed[deferred] = self._deferreds
            self._deferreds += 1
            deferred.addBoth(self._fired, deferred)
        self.show(f"<Deferred #{self._followed[deferred]}>\n")

    def _fired(self, result: Any, deferred: Deferred[Any]) -> Any:
        number = self._followed.pop(deferred)
        if isinstance(result, Failure):
            self.show(f"Deferred #{number} failed: {result.getErrorMessage()!r}\n")
        else:
            self.show(f"Deferred #{number} called back: {result!r}\n")
        return result


class Namespace(dict[str, Any]):
    """The global names of a shell: those that were assigned, and below them the service as it is now.

    Store classes are looked up when they are used: after a reload they are the new ones, and an open
    shell keeps no old code alive.
    """

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service

    def __missing__(self, name: str) -> Any:
        service = self._service
        if name == "service":
            return service
        if name == "session":
            return service.session
        if name == "clients":
            return service.clients
        if name == "events":
            return events
        store = service.session.stores.get(name.lower())
        if store is None or store.__name__ != name:
            raise KeyError(name)
        return store

    def names(self) -> list[str]:
        """All defined names and keywords, sorted."""
        stores = (store.__name__ for store in self._service.session.stores.values())
        ours = ("service", "session", "clients", "events", *stores, *self)
        return sorted({*ours, *vars(builtins), *keyword.kwlist})

    def completions(self, text: str) -> list[str]:
        """The names that begin with this text, which may be dotted; sorted."""
        if "." not in text:
            return [name for name in self.names() if name.startswith(text)]
        from rlcompleter import Completer  # noqa: PLC0415 - it loads readline, which a service does not need

        try:
            matches = Completer(self).attr_matches(text)
        except (Exception, CallTimedOut):  # noqa: BLE001 - a property of the application may raise anything
            return []
        return sorted({str(name).rstrip("()") for name in matches})


@contextmanager
def captured(out: IO[str], display: Callable[[object], None]) -> Generator[None]:
    """Redirect what a statement prints and returns.

    Its standard input is empty: an ``input()`` would block the reactor.
    """
    before = sys.stdout, sys.stdin, sys.displayhook
    sys.stdout, sys.stdin, sys.displayhook = out, io.StringIO(), display
    try:
        yield
    finally:
        sys.stdout, sys.stdin, sys.displayhook = before


def stepwise(
    coroutine: Coroutine[Any, Any, Any], capture: Callable[[], Any]
) -> Generator[Any, Any, Any]:
    """A coroutine as a generator for ``Deferred.fromCoroutine``, each of whose steps is captured."""
    value: Any = None
    error: BaseException | None = None
    try:
        while True:
            try:
                with capture():
                    waits = coroutine.send(value) if error is None else coroutine.throw(error)
            except StopIteration as end:
                return end.value
            value = error = None
            try:
                value = yield waits
            except Exception as raised:  # noqa: BLE001 - the coroutine handles it
                error = raised
    finally:
        coroutine.close()


def words_of(error: BaseException) -> str:
    """The traceback as Python prints it, beginning with the typed code. No reference to it is kept."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != FILE:
        trace = trace.tb_next
    if trace is None and not isinstance(error, SyntaxError):
        trace = error.__traceback__
    return "".join(traceback.format_exception(type(error), error, trace))
