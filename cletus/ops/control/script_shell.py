"""The shell for scripts: runs the lines that it is given, one statement after another."""

from __future__ import annotations

import ast
import inspect
import io
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import CodeType
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from cletus.ops.control.messages import LINE_MAX, Finished, Keys, Request, Typed
from cletus.ops.control.shell import FILE, Namespace, captured, stepwise, words_of
from cletus.service.service import Service


class ScriptShell:
    """Runs a script when all of it has come.

    The value of a statement that is an expression is shown, as at Python's prompt; of a Deferred, what
    it fires with. The first statement that raises is the last one.

    Args:
        service: inside which it runs.
        show: takes what is shown.
        ended: takes the exit code.
    """

    def __init__(
        self, service: Service, show: Callable[[bytes], None], ended: Callable[[int], None]
    ) -> None:
        self._show = show
        self._ended = ended
        self._source = bytearray()
        self._namespace = Namespace(service)
        self._waits: list[Deferred[Any]] = []
        self._running: Deferred[None] | None = None
        self._page: io.StringIO | None = None

    def begin(self, request: Request) -> None:
        """Wait for the script."""

    def take(self, keys: Keys) -> None:
        """A piece of it, or its end."""
        if isinstance(keys, Typed) and self._running is None:
            self._source += keys.data
            if len(self._source) > LINE_MAX:
                self._source.clear()
                self._fail(f"a script may have {LINE_MAX} bytes")
        elif isinstance(keys, Finished) and self._running is None:
            self._running = Deferred.fromCoroutine(self._run())
            self._running.addErrback(self._broken_off)

    def lost(self) -> None:
        """Go on with nothing, and forget all names."""
        if self._running is not None:
            self._running.cancel()
        self._waits.clear()
        self._namespace.clear()

    async def _run(self) -> None:
        try:
            steps = _statements(bytes(self._source))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self._fail(words_of(error).rstrip())
            return
        for code in steps:
            try:
                await self._step(code)
            except CancelledError:
                raise
            except SystemExit as left:
                self._ended(left.code if isinstance(left.code, int) else int(bool(left.code)))
                return
            except BaseException as error:  # noqa: BLE001 - it is shown to whoever has written it
                self._fail(words_of(error).rstrip())
                return
        self._ended(0)

    async def _step(self, code: CodeType) -> None:
        with self._captured():
            result = eval(code, self._namespace)  # noqa: S307 - that is what a shell is for
        if inspect.iscoroutine(result):
            await Deferred.fromCoroutine(stepwise(result, self._captured))
        while self._waits:
            self._print(await self._waits.pop(0))

    @contextmanager
    def _captured(self) -> Generator[None]:
        page = self._page = io.StringIO()
        try:
            with captured(page, self._display):
                yield
        finally:
            self._page = None
            self._write(page.getvalue())

    def _display(self, value: object) -> None:
        if isinstance(value, Deferred):
            self._waits.append(value)
        else:
            self._print(value)

    def _print(self, value: object) -> None:
        if value is not None:
            self._namespace["_"] = value
            self._write(f"{value!r}\n")

    def _write(self, text: str) -> None:
        if self._page is not None:
            self._page.write(text)
        elif text:
            self._show(text.encode(errors="replace"))

    def _fail(self, words: str) -> None:
        self._write(f"{words}\n")
        self._ended(1)

    def _broken_off(self, failure: Failure) -> None:
        failure.trap(CancelledError)


def _statements(source: bytes) -> list[CodeType]:
    """Each statement compiled by itself, as the prompt does it; ``await`` is allowed everywhere."""
    tree = ast.parse(source, FILE)
    return [
        compile(
            ast.Interactive([statement]),
            FILE,
            "single",
            flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
        for statement in tree.body
    ]
