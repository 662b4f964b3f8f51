"""The holders of old code, in words that their author understands."""

from __future__ import annotations

import functools
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context, copy_context
from types import (
    AsyncGeneratorType,
    CellType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MappingProxyType,
    MethodType,
    ModuleType,
    TracebackType,
)
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from cletus.client.attributes import ApplicationAttributes
from cletus.reload.effects.registrations import CallSites, Registration, short_location
from cletus.reload.leaks.old_code import OldCode
from cletus.reload.leaks.search import Path
from cletus.service.application import Application

#: What only stands between a holder and what it holds.
_PLUMBING = (dict, list, tuple, set, frozenset, CellType, MappingProxyType, CodeType)
_UNSEEN = "something that Python does not tell: a running call, or C code"


class Describer:
    """Describes holders.

    Args:
        application: whose old code it is.
        places: where calls were asked for.
        registrations: what was given to where nobody can see it.
    """

    def __init__(
        self, application: Application, places: CallSites, registrations: list[Registration]
    ) -> None:
        self.application = application
        self._places = places
        self._registrations = registrations

    def unseen(self, old: OldCode) -> Iterator[str]:
        """Holders that the garbage collector does not see, but that tell themselves."""
        parts = {id(part): part for part in old.survivors()}
        spaces = set(map(id, old.namespaces()))
        for one in self._registrations:
            if any(one.refers_to(part) for part in parts.values()):
                yield f"{one}"
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if id(getattr(handler, "__func__", handler)) in parts:
                yield f"{_function(handler)} is the handler of {signal.Signals(number).name}"
        for variable, value in copy_context().items():
            if id(type(value)) in parts or id(value) in parts:
                yield f"the context variable {variable.name!r} is set to {_object(value)}"
        yield from self._running(spaces)

    def paths(self, paths: Iterable[Path], *, but_vague: bool) -> Iterator[str]:
        """Those of these paths that tell something new, the shortest first.

        Args:
            paths: from old code outwards, the shortest first.
            but_vague: leave out those that end where nobody can see any further.
        """
        told: set[int] = set()
        for path in paths:
            # A holder that is itself held in several ways is worth one sentence.
            if len(path) < 2 or id(path[1]) in told:
                continue
            words = self.path(path)
            if not but_vague or not (words.endswith(_UNSEEN) or isinstance(path[-1], Context)):
                told.add(id(path[1]))
                yield words

    def path(self, path: Path) -> str:
        """One path from old code outwards: ``app.clock.tick is held by ..., held by ...``."""
        words = [one for one in self._words(path) if one]
        inner = _name(path[0])
        holders = list(dict.fromkeys(one for one in words if one != inner))
        return f"{inner} is held by {', held by '.join(holders or [_UNSEEN])}"

    # -- inside -----------------------------------------------------------------------------

    def _words(self, path: Path) -> Iterator[str]:
        for position in range(1, len(path)):
            inner, one = path[position - 1], path[position]
            last = position == len(path) - 1
            if isinstance(one, dict) and last:
                yield _in_namespace(one, path[: position + 1])
            elif isinstance(one, Context):
                yield _context(one, path)
            elif isinstance(one, ModuleType) or not _is_plumbing(one):
                yield self._word(one, inner)
            elif last:
                yield f"a {type(one).__name__} that is held by {_UNSEEN}"
        if len(path) > 1 and not _is_root(path[-1]) and not _is_plumbing(path[-1]):
            yield _UNSEEN if not _is_telling(path[-1]) else ""

    def _word(self, one: Any, inner: Any) -> str:
        for kind, describe in _KINDS:
            if isinstance(one, kind):
                return str(describe(self, one, inner))
        return _object(one)

    def _looping_call(self, one: LoopingCall, _: Any) -> str:
        place = self._places.of(one)
        if place:
            return f"`LoopingCall` started at {place}"
        return f"`LoopingCall` of {self._placed(one.f)}"

    def _delayed_call(self, one: DelayedCall, _: Any) -> str:
        if isinstance(one.func, LoopingCall):
            return ""
        place = self._places.of(one)
        return f"`callLater` at {place}" if place else f"`callLater` of {self._placed(one.func)}"

    def _suspended(self, one: Any, _: Any) -> str:
        for prefix, kind in (("cr", "coroutine"), ("gi", "generator"), ("ag", "async generator")):
            if hasattr(one, f"{prefix}_frame"):
                frame, code = getattr(one, f"{prefix}_frame"), getattr(one, f"{prefix}_code")
                line = code.co_firstlineno if frame is None else frame.f_lineno
                place = short_location(code.co_filename, line, self.application)
                return f"the {kind} `{one.__qualname__}`, suspended at {place}"
        raise TypeError(one)

    def _frame(self, one: FrameType, _: Any) -> str:
        place = short_location(one.f_code.co_filename, one.f_lineno, self.application)
        return f"a frame of `{one.f_code.co_name}` at {place}"

    def _running(self, spaces: set[int]) -> Iterator[str]:
        names = {one.ident: one.name for one in threading.enumerate()}
        for ident, innermost in sys._current_frames().items():
            frame: FrameType | None = innermost
            while frame is not None:
                if id(frame.f_globals) in spaces:
                    place = short_location(
                        frame.f_code.co_filename, frame.f_lineno, self.application
                    )
                    name = names.get(ident, ident)
                    yield f"thread {name!r} is running `{frame.f_code.co_name}` at {place}"
                    break
                frame = frame.f_back

    def _placed(self, function: Any) -> str:
        inner = getattr(function, "__func__", function)
        while isinstance(inner, functools.partial):
            inner = inner.func
        code = getattr(inner, "__code__", None)
        if code is None:
            return _function(function)
        place = short_location(code.co_filename, code.co_firstlineno, self.application)
        return f"{_function(function)} ({place})"


def _function(one: Any) -> str:
    module = getattr(one, "__module__", None)
    return f"{module}.{getattr(one, '__qualname__', repr(one))}" if module else _object(one)


def _name(one: Any) -> str:
    """What a part of old code is called."""
    if isinstance(one, dict):
        return str(one.get("__name__", "a namespace"))
    if isinstance(one, ModuleType):
        return one.__name__
    return _function(one) if hasattr(one, "__qualname__") else str(getattr(one, "module", "it"))


def _object(one: Any) -> str:
    kind = type(one)
    if isinstance(one, type):
        return f"the class {one.__module__}.{one.__qualname__}"
    if isinstance(one, ApplicationAttributes):
        return repr(one)
    name = kind.__qualname__ if kind.__module__ == "builtins" else _qualified(kind)
    return f"a `{name}`"


def _qualified(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _in_namespace(namespace: dict[str, Any], path: Path) -> str:
    """Under which name a module holds the next thing inwards."""
    inner = path[-2]
    module = namespace.get("__name__")
    names = [name for name, value in namespace.items() if value is inner]
    if not isinstance(module, str) or not names:
        return f"a dict that is held by {_UNSEEN}"
    return f"`{names[0]}` of the module {module}"


def _is_plumbing(one: Any) -> bool:
    # The parts of a context have no name of their own in Python.
    return isinstance(one, _PLUMBING) or type(one).__name__.startswith("hamt")


def _is_root(one: Any) -> bool:
    return isinstance(one, ModuleType | ApplicationAttributes | threading.Thread)


def _is_telling(one: Any) -> bool:
    """Whether somebody who reads its name knows what holds it."""
    return isinstance(one, Context) or type(one).__module__.startswith("twisted.internet")


def _failure(_: Describer, one: Failure, __: Any) -> str:
    return f"a stored `Failure` of {one.type.__name__ if one.type else 'nothing'}"


def _exception(_: Describer, one: BaseException, __: Any) -> str:
    return f"the stored exception {one!r} with its traceback"


def _context(context: Context, path: Path) -> str:
    held = set(map(id, path))
    names = [variable.name for variable, value in context.items() if id(value) in held]
    return f"the context variable {names[0]!r}" if names else "the context of a call"


def _cache(_: Describer, one: Any, __: Any) -> str:
    return f"the `lru_cache` of {_function(one)}"


def _logger(_: Describer, one: logging.Logger, __: Any) -> str:
    return f"the logger {one.name!r}"


def _thread(_: Describer, one: threading.Thread, __: Any) -> str:
    return f"the thread {one.name!r}"


def _closure(_: Describer, one: FunctionType, __: Any) -> str:
    if hasattr(one, "registry") and hasattr(one, "dispatch"):
        return f"`singledispatch` of {_function(one)}"
    return _function(one)


def _method(_: Describer, one: MethodType, __: Any) -> str:
    return f"the bound method {_function(one)}"


def _module(_: Describer, one: ModuleType, __: Any) -> str:
    return f"the module {one.__name__}"


def _nothing(_: Describer, __: Any, ___: Any) -> str:
    return ""


def _deferred(_: Describer, one: Deferred[Any], __: Any) -> str:
    return "a `Deferred` that has not fired" if not one.called else "a `Deferred`"


def _type(_: Describer, one: type, __: Any) -> str:
    return _object(one)


#: How each kind is described; the first that fits counts.
_KINDS: tuple[tuple[Any, Callable[[Any, Any, Any], str]], ...] = (
    (LoopingCall, Describer._looping_call),
    (DelayedCall, Describer._delayed_call),
    ((CoroutineType, GeneratorType, AsyncGeneratorType), Describer._suspended),
    (FrameType, Describer._frame),
    (TracebackType, _nothing),
    (Failure, _failure),
    (BaseException, _exception),
    (functools._lru_cache_wrapper, _cache),
    (logging.Logger, _logger),
    (threading.Thread, _thread),
    (FunctionType, _closure),
    (MethodType, _method),
    (ModuleType, _module),
    (Deferred, _deferred),
    (type, _type),
)
