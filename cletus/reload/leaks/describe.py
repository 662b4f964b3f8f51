"""Describe the holders of old code to its author."""

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
from cletus.reload.state.plain_types import is_a
from cletus.service.application import Application
from cletus.service.service import Service

#: Objects that are only on the way between a holder and what it holds.
_CONTAINERS = (dict, list, tuple, set, frozenset, CellType, MappingProxyType, CodeType)
_INVISIBLE = "something that Python does not show: a running call, or C code"


class Describer:
    """Describes holders.

    Args:
        application: whose code it is.
        call_sites: where calls of the reactor were scheduled.
        registrations: what was passed to ``atexit`` and the like.
    """

    def __init__(
        self, application: Application, call_sites: CallSites, registrations: list[Registration]
    ) -> None:
        self.application = application
        self._call_sites = call_sites
        self._registrations = registrations

    def unseen(self, old: OldCode) -> Iterator[str]:
        """Holders that the garbage collector does not see, but that can be asked."""
        parts = {id(part): part for part in old.survivors()}
        spaces = set(map(id, old.namespaces()))
        for registration in self._registrations:
            if any(registration.refers_to(part) for part in parts.values()):
                yield str(registration)
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if id(getattr(handler, "__func__", handler)) in parts:
                yield f"{_function(handler)} is the handler of {signal.Signals(number).name}"
        for variable, value in copy_context().items():
            if id(type(value)) in parts or id(value) in parts:
                yield f"the context variable {variable.name!r} is set to {_object(value)}"
        yield from self._running(spaces)

    def paths(self, paths: Iterable[Path], *, but_vague: bool) -> Iterator[str]:
        """Descriptions of paths, the shortest first; one for each holder.

        Args:
            paths: from old code outwards, the shortest first.
            but_vague: leave out those that end at something invisible.
        """
        described: set[int] = set()
        for path in paths:
            # One sentence is enough for a holder that is itself held in several ways.
            if len(path) < 2 or id(path[1]) in described:
                continue
            sentence = self.path(path)
            if not but_vague or not (sentence.endswith(_INVISIBLE) or is_a(path[-1], Context)):
                described.add(id(path[1]))
                yield sentence

    def path(self, path: Path) -> str:
        """One path from old code outwards: ``app.clock.tick is held by ..., held by ...``."""
        inner = _name(path[0])
        names = (name for name in self._holders(path) if name and name != inner)
        holders = list(dict.fromkeys(names))
        return f"{inner} is held by {', held by '.join(holders or [_INVISIBLE])}"

    # -- inside -----------------------------------------------------------------------------

    def _holders(self, path: Path) -> Iterator[str]:
        for position in range(1, len(path)):
            inner, holder = path[position - 1], path[position]
            last = position == len(path) - 1
            if is_a(holder, dict) and last:
                yield _in_namespace(holder, path[: position + 1])
            elif is_a(holder, Context):
                yield _context(holder, path)
            elif is_a(holder, ModuleType) or not _is_container(holder):
                yield self._describe(holder, inner)
            elif last:
                yield f"a {type(holder).__name__} that is held by {_INVISIBLE}"
        if len(path) > 1 and not _is_root(path[-1]) and not _is_container(path[-1]):
            yield "" if _explains_itself(path[-1]) else _INVISIBLE

    def _describe(self, holder: Any, inner: Any) -> str:
        for types, describe in _DESCRIPTIONS:
            if is_a(holder, types):
                return str(describe(self, holder, inner))
        return _object(holder)

    def _looping_call(self, obj: LoopingCall, _: Any) -> str:
        location = self._call_sites.of(obj)
        if location:
            return f"`LoopingCall` started at {location}"
        return f"`LoopingCall` of {self._located(obj.f)}"

    def _delayed_call(self, obj: DelayedCall, _: Any) -> str:
        if is_a(obj.func, LoopingCall):
            return ""
        location = self._call_sites.of(obj)
        return (
            f"`callLater` at {location}"
            if location
            else f"`callLater` of {self._located(obj.func)}"
        )

    def _suspended(self, obj: Any, _: Any) -> str:
        for prefix, noun in (("cr", "coroutine"), ("gi", "generator"), ("ag", "async generator")):
            if hasattr(obj, f"{prefix}_frame"):
                frame, code = getattr(obj, f"{prefix}_frame"), getattr(obj, f"{prefix}_code")
                line = code.co_firstlineno if frame is None else frame.f_lineno
                location = short_location(code.co_filename, line, self.application)
                return f"the {noun} `{obj.__qualname__}`, suspended at {location}"
        raise TypeError(obj)

    def _frame(self, obj: FrameType, _: Any) -> str:
        location = short_location(obj.f_code.co_filename, obj.f_lineno, self.application)
        return f"a frame of `{obj.f_code.co_name}` at {location}"

    def _running(self, spaces: set[int]) -> Iterator[str]:
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident, innermost in sys._current_frames().items():
            frame: FrameType | None = innermost
            while frame is not None:
                if id(frame.f_globals) in spaces:
                    location = short_location(
                        frame.f_code.co_filename, frame.f_lineno, self.application
                    )
                    name = names.get(ident, ident)
                    yield f"thread {name!r} is running `{frame.f_code.co_name}` at {location}"
                    break
                frame = frame.f_back

    def _located(self, function: Any) -> str:
        inner = getattr(function, "__func__", function)
        while is_a(inner, functools.partial):
            inner = inner.func
        code = getattr(inner, "__code__", None)
        if code is None:
            return _function(function)
        location = short_location(code.co_filename, code.co_firstlineno, self.application)
        return f"{_function(function)} ({location})"


def _function(obj: Any) -> str:
    module = getattr(obj, "__module__", None)
    return f"{module}.{getattr(obj, '__qualname__', repr(obj))}" if module else _object(obj)


def _name(obj: Any) -> str:
    """The name of a part of old code."""
    if is_a(obj, dict):
        return str(obj.get("__name__", "a namespace"))
    if is_a(obj, ModuleType):
        return str(obj.__name__)
    return _function(obj) if hasattr(obj, "__qualname__") else str(getattr(obj, "module", "it"))


def _object(obj: Any) -> str:
    cls = type(obj)
    if is_a(obj, type):
        return f"the class {obj.__module__}.{obj.__qualname__}"
    if is_a(obj, Service):
        return "the service"
    if is_a(obj, ApplicationAttributes):
        return repr(obj)
    module = "" if cls.__module__ == "builtins" else f"{cls.__module__}."
    return f"a `{module}{cls.__qualname__}`"


def _in_namespace(namespace: dict[str, Any], path: Path) -> str:
    """The name under which a module holds the next object inwards."""
    inner = path[-2]
    module = namespace.get("__name__")
    names = [name for name, value in namespace.items() if value is inner]
    if not is_a(module, str) or not names:
        return f"a dict that is held by {_INVISIBLE}"
    return f"`{names[0]}` of the module {module}"


def _is_container(obj: Any) -> bool:
    # The nodes of a context (a hash array mapped trie) are objects, too.
    return is_a(obj, _CONTAINERS) or type(obj).__name__.startswith("hamt")


def _is_root(obj: Any) -> bool:
    return is_a(obj, (ModuleType, ApplicationAttributes, threading.Thread))


def _explains_itself(obj: Any) -> bool:
    """Whether its description says what holds it."""
    return is_a(obj, Context) or type(obj).__module__.startswith("twisted.internet")


def _failure(_: Describer, obj: Failure, __: Any) -> str:
    return f"a stored `Failure` of {obj.type.__name__ if obj.type else 'nothing'}"


def _exception(_: Describer, obj: BaseException, __: Any) -> str:
    return f"the stored exception {obj!r} with its traceback"


def _context(context: Context, path: Path) -> str:
    held = set(map(id, path))
    names = [variable.name for variable, value in context.items() if id(value) in held]
    return f"the context variable {names[0]!r}" if names else "the context of a call"


def _cache(_: Describer, obj: Any, __: Any) -> str:
    return f"the `lru_cache` of {_function(obj)}"


def _logger(_: Describer, obj: logging.Logger, __: Any) -> str:
    return f"the logger {obj.name!r}"


def _thread(_: Describer, obj: threading.Thread, __: Any) -> str:
    return f"the thread {obj.name!r}"


def _closure(_: Describer, obj: FunctionType, __: Any) -> str:
    if hasattr(obj, "registry") and hasattr(obj, "dispatch"):
        return f"`singledispatch` of {_function(obj)}"
    return _function(obj)


def _method(_: Describer, obj: MethodType, __: Any) -> str:
    return f"the bound method {_function(obj)}"


def _module(_: Describer, obj: ModuleType, __: Any) -> str:
    return f"the module {obj.__name__}"


def _nothing(_: Describer, __: Any, ___: Any) -> str:
    return ""


def _deferred(_: Describer, obj: Deferred[Any], __: Any) -> str:
    return "a `Deferred` that has not fired" if not obj.called else "a `Deferred`"


def _type(_: Describer, obj: type, __: Any) -> str:
    return _object(obj)


#: How objects of these types are described; the first that fits counts.
_DESCRIPTIONS: tuple[tuple[Any, Callable[[Any, Any, Any], str]], ...] = (
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
