"""Listeners and timers that cannot be called as they will be, or that a reload would lose."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any

from cletus.check.dialogues import takes
from cletus.check.finding import Finding, Place, error, warning
from cletus.check.source_map import of_function
from cletus.check.target import Subject
from cletus.service.listeners import Listener
from cletus.service.service import Service
from cletus.service.timers import Timer

#: Methods of a service that make timers; ``later`` is the old name of ``call_later``.
_TIMERS = frozenset({"call_later", "every", "later"})


def check_listeners(subject: Subject) -> Iterator[Finding]:
    """Every function that the application's modules have registered for an event."""
    seen = set()
    for listener in subject.service.session.current.listeners:
        function = listener.function
        if not subject.application.owns(getattr(function, "__module__", None)):
            continue
        yield from _listener(listener)
        key = (listener.event, function, listener.package)
        if key in seen:
            what = f"{listener.place} is registered for the same event twice, so it is called twice"
            yield warning("listener-twice", what, "register it once", of_function(function))
        seen.add(key)


def check_timers(subject: Subject) -> Iterator[Finding]:
    """Every timer that the import has asked for, and every call that asks for one later."""
    for timer in subject.service.session.current.timers:
        if subject.application.owns(getattr(timer.target, "__module__", None)):
            yield from _timer(timer)
    for module, namespace in subject.namespaces():
        for node, inner in _calls_in_functions(subject.texts.tree(module)):
            if _asks(node.func, namespace, subject.service):
                yield from _nameless(node, inner, subject.texts.file(module))


def _listener(listener: Listener) -> Iterator[Finding]:
    place = of_function(listener.function)
    if not isinstance(listener.event, type):
        what = f"{listener.place} listens to {listener.event!r}, which is no class of events"
        yield error("listener-event", what, "listen to a class: events.Receive", place)
    if not takes(listener.function, 1):
        yield error(
            "listener-signature",
            f"{listener.place} is called with the event, and its signature is "
            f"{inspect.signature(listener.function)}",
            "have it take one argument: def receive(event)",
            place,
        )
    yield from _generator(listener.place, listener.function)


def _timer(timer: Timer) -> Iterator[Finding]:
    try:
        inspect.signature(timer.target).bind(*timer.args, **timer.kwargs)
    except TypeError as wrong:
        yield error(
            "timer-signature",
            f"{timer.place} cannot be called as its timer will call it: {wrong}",
            "give service.every() or service.call_later() the arguments that it takes",
            of_function(timer.target),
        )
    except ValueError:
        pass  # Python does not know the signature of everything in C
    yield from _generator(timer.place, timer.target)


def _generator(name: str, function: Any) -> Iterator[Finding]:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        what = f"{name} has a yield in it, so calling it does nothing at all"
        todo = "write async def and await, or decorate it with inlineCallbacks"
        yield error("generator", what, todo, of_function(function))


def _calls_in_functions(tree: ast.Module) -> Iterator[tuple[ast.Call, frozenset[str]]]:
    """Every call that stands in a function, with the names of the functions defined in that one."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        inner = frozenset(
            one.name
            for one in ast.walk(function)
            if one is not function and isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        )
        for statement in function.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue  # it has its own turn
            for node in ast.walk(statement):
                if isinstance(node, ast.Call):
                    yield node, inner


def _asks(call: ast.expr, namespace: dict[str, Any], service: Service) -> bool:
    """Whether this is ``service.call_later`` or ``service.every``, of the service for certain."""
    if not isinstance(call, ast.Attribute) or call.attr not in _TIMERS:
        return False
    owner = call.value
    if isinstance(owner, ast.Name):
        return namespace.get(owner.id) is service
    return isinstance(owner, ast.Attribute) and owner.attr == "service"


def _nameless(node: ast.Call, inner: frozenset[str], file: str) -> Iterator[Finding]:
    target = node.args[1] if len(node.args) > 1 else None
    if isinstance(target, ast.Lambda):
        what = "a lambda"
    elif isinstance(target, ast.Name) and target.id in inner:
        what = f"the inner function {target.id!r}"
    else:
        return
    yield warning(
        "timer-target",
        f"a timer is to call {what}, which a reload cannot find in the new code: it cancels the timer",
        "give it a function at the top level of the module, or a method of a store object, and pass "
        "what it needs as arguments",
        Place(file, node.lineno),
    )
