"""A shell: Python inside of the running service. What both kinds of it have in common."""

from __future__ import annotations

import builtins
import io
import keyword
import sys
import traceback
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from rlcompleter import Completer
from types import TracebackType
from typing import IO, Any, Final, Protocol

from cletus import events
from cletus.ops.control.messages import Keys, Request
from cletus.service.service import Service

FILE: Final = "<shell>"
"""What tracebacks call that which was typed."""


class Shell(Protocol):
    """One caller's shell, as a ``Caller`` sees it."""

    def __init__(
        self, service: Service, show: Callable[[bytes], None], ended: Callable[[int], None]
    ) -> None:
        """Make it; ``show`` sends bytes, ``ended`` ends the connection."""

    def begin(self, request: Request) -> None:
        """The caller has come."""

    def take(self, keys: Keys) -> None:
        """The caller has typed."""

    def lost(self) -> None:
        """The caller has gone: let go of everything that they have made."""


class Namespace(dict[str, Any]):
    """The names of a shell: what is typed, and below that the service as it is at that moment.

    The classes of stores are looked up when they are used, so that after a reload they are the new
    ones, and so that a shell that is open keeps no old code alive.

    Args:
        service: whose.
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
        """All names that mean something, sorted."""
        stores = (store.__name__ for store in self._service.session.stores.values())
        ours = ("service", "session", "clients", "events", *stores, *self)
        return sorted({*ours, *vars(builtins), *keyword.kwlist})

    def completions(self, text: str) -> list[str]:
        """What a name, or names with dots between, may be the begin of; sorted."""
        if "." not in text:
            return [name for name in self.names() if name.startswith(text)]
        try:
            found = Completer(self).attr_matches(text)
        except Exception:  # noqa: BLE001 - a property of the application's may raise anything
            return []
        return sorted({str(name).rstrip("()") for name in found})


@contextmanager
def captured(out: IO[str], display: Callable[[object], None]) -> Generator[None]:
    """While what was typed runs: what it prints and gives is shown to whom typed it.

    There is nothing to read from: an ``input()`` would hold up the reactor.
    """
    kept = sys.stdout, sys.stdin, sys.displayhook
    sys.stdout, sys.stdin, sys.displayhook = out, io.StringIO(), display
    try:
        yield
    finally:
        sys.stdout, sys.stdin, sys.displayhook = kept


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
            except Exception as raised:  # noqa: BLE001 - it is the coroutine's to deal with
                error = raised
    finally:
        coroutine.close()


def words_of(error: BaseException) -> str:
    """Its traceback as Python shows it, from what was typed on. Nothing is kept of it anywhere."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != FILE:
        trace = trace.tb_next
    if trace is None and not isinstance(error, SyntaxError):
        trace = error.__traceback__
    return "".join(traceback.format_exception(type(error), error, trace))
