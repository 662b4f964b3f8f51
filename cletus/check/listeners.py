"""Listeners and timers: each takes the arguments of its calls, and survives a reload."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any, TypeGuard

from cletus.check.dialogues import takes
from cletus.check.finding import Finding, Location, error, warning
from cletus.check.source_map import of_function
from cletus.check.target import Target
from cletus.service.listeners import Listener
from cletus.service.service import Service
from cletus.service.timers import Timer

#: Methods of a service that create timers; ``later`` is the old name of ``call_later``.
_TIMERS = frozenset({"call_later", "every", "later"})


def check_listeners(target: Target) -> Iterator[Finding]:
    """Check the functions that the application's modules have registered for events."""
    seen = set()
    for listener in target.service.session.current.listeners:
        function = listener.function
        if not target.application.owns(getattr(function, "__module__", None)):
            continue
        yield from _listener(listener)
        yield from _repeated(listener, target)
        key = (listener.event, function, listener.package)
        if key in seen:
            message = f"{listener.function_name} is registered for the same event twice, so it is called twice"
            yield warning("listener-twice", message, "register it once", of_function(function))
        seen.add(key)


def check_timers(target: Target) -> Iterator[Finding]:
    """Check the timers that the import has created, and the calls in functions that create more."""
    for timer in target.service.session.current.timers:
        if target.application.owns(getattr(timer.target, "__module__", None)):
            yield from _timer(timer)
    for module, namespace in target.namespaces():
        for node, inner in _calls_in_functions(target.source_map.tree(module)):
            if _makes_timer(node.func, namespace, target.service):
                yield from _nameless(node, inner, target.source_map.file(module))


def _listener(listener: Listener) -> Iterator[Finding]:
    location = of_function(listener.function)
    if not isinstance(listener.event, type):
        message = f"{listener.function_name} listens to {listener.event!r}, which is not a class of events"
        yield error("listener-event", message, "listen to a class: events.Receive", location)
    if not takes(listener.function, 1):
        yield error(
            "listener-signature",
            f"{listener.function_name} is called with the event, and its signature is "
            f"{inspect.signature(listener.function)}",
            "give it one parameter: def receive(event)",
            location,
        )
    yield from _generator(listener.function_name, listener.function)


def _repeated(listener: Listener, target: Target) -> Iterator[Finding]:
    """A conversation that adds to something before it asks: a reload starts it again, and it adds again."""
    function = listener.function
    if listener.on_reload != "restart" or not inspect.iscoroutinefunction(function):
        return
    file, line = target.source_map.file(function.__module__), of_function(function).line
    for node in ast.walk(target.source_map.tree(function.__module__)):
        first = min(map(_line, [node, *getattr(node, "decorator_list", ())]))
        if not isinstance(node, ast.AsyncFunctionDef) or first != line:
            continue
        asks = [inner.lineno for inner in ast.walk(node) if _is_question(inner)]
        changes = [
            inner.lineno
            for inner in ast.walk(node)
            if isinstance(inner, ast.AugAssign) and not isinstance(inner.target, ast.Name)
        ]
        if changes and asks and min(changes) < max(asks):
            yield warning(
                "listener-repeats",
                f"{listener.function_name} changes a value before it asks: a reload starts it again "
                "from its top, and so changes the value again",
                'ask first, write it as a Dialogue, or register it with on_reload="continue"',
                Location(file, min(changes)),
            )


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def _is_question(node: ast.AST) -> TypeGuard[ast.Await]:
    return (
        isinstance(node, ast.Await)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr == "ask"
    )


def _timer(timer: Timer) -> Iterator[Finding]:
    try:
        inspect.signature(timer.target).bind(*timer.args, **timer.kwargs)
    except TypeError as wrong:
        yield error(
            "timer-signature",
            f"{timer.target_name} cannot be called as its timer will call it: {wrong}",
            "pass the arguments that it takes to service.every() or service.call_later()",
            of_function(timer.target),
        )
    except ValueError:
        pass  # some functions in C have no known signature
    yield from _generator(timer.target_name, timer.target)


def _generator(name: str, function: Any) -> Iterator[Finding]:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        message = f"{name} contains a yield, so calling it does nothing"
        todo = "write async def and await, or decorate it with inlineCallbacks"
        yield error("generator", message, todo, of_function(function))


def _calls_in_functions(tree: ast.Module) -> Iterator[tuple[ast.Call, frozenset[str]]]:
    """Every call in a function, with the names of the functions that are defined in that function."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        inner = frozenset(
            node.name
            for node in ast.walk(function)
            if node is not function and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        )
        for statement in function.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue  # the outer loop visits it
            for node in ast.walk(statement):
                if isinstance(node, ast.Call):
                    yield node, inner


def _makes_timer(call: ast.expr, namespace: dict[str, Any], service: Service) -> bool:
    """Whether this is certainly ``service.call_later`` or ``service.every``."""
    if not isinstance(call, ast.Attribute) or call.attr not in _TIMERS:
        return False
    owner = call.value
    if isinstance(owner, ast.Name):
        return namespace.get(owner.id) is service
    return isinstance(owner, ast.Attribute) and owner.attr == "service"


def _nameless(node: ast.Call, inner: frozenset[str], file: str) -> Iterator[Finding]:
    target = node.args[1] if len(node.args) > 1 else None
    if isinstance(target, ast.Lambda):
        called = "a lambda"
    elif isinstance(target, ast.Name) and target.id in inner:
        called = f"the inner function {target.id!r}"
    else:
        return
    yield warning(
        "timer-target",
        f"a timer calls {called}, which a reload cannot find in the new code: it cancels the timer",
        "use a function at the top level of the module, or a method of a store object, and pass "
        "arguments to it",
        Location(file, node.lineno),
    )
