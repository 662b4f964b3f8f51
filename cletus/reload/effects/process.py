"""Values of the process that code may set: signal handlers, hooks, the environment.

They are noted before new code runs, and restored if it is refused.
"""

from __future__ import annotations

import builtins
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextvars import Context, ContextVar, copy_context
from typing import Any

from cletus.reload.effects.resources import loggers

_MISSING = object()
#: Names in ``builtins`` that Python or the import guard sets.
_OF_PYTHON = frozenset({"__import__", "_"})
#: Hooks that are attributes of modules.
_HOOKS = (
    (sys, ("excepthook", "displayhook", "unraisablehook", "stdin", "stdout", "stderr")),
    (threading, ("excepthook",)),
    (warnings, ("showwarning", "formatwarning")),
)


class ProcessState:
    """These values, as they are when it is made."""

    def __init__(self) -> None:
        self._signals = dict(_signals())
        self._hooks = [
            (module, name, getattr(module, name)) for module, names in _HOOKS for name in names
        ]
        self._builtins = dict(vars(builtins))
        self._environment = dict(os.environ)
        self._folder = _folder()
        self._loggers = [
            (logger, logger.level, logger.propagate, logger.disabled) for logger in loggers()
        ]
        self._context = dict(copy_context())

    def changed(self) -> list[str]:
        """The values that have been set, as they are written in code: ``sys.excepthook``.

        Those that a module body may set again and again, such as the environment, are left out.
        """
        signals = [
            f"signal.{number.name}"
            for number, handler in _signals()
            if handler is not self._signals[number]
        ]
        hooks = [
            f"{owner.__name__}.{name}"
            for owner, name, value in self._hooks
            if getattr(owner, name) is not value
        ]
        names = [
            f"builtins.{name}"
            for name, value in vars(builtins).items()
            if name not in _OF_PYTHON and self._builtins.get(name, _MISSING) is not value
        ]
        return [*signals, *hooks, *names, *(["os.chdir"] if _folder() != self._folder else [])]

    def restore(self) -> None:
        """Restore the values that have changed."""
        for number, handler in _signals():
            old = self._signals[number]
            if handler is not old and old is not None:
                signal.signal(number, old)
        for owner, name, value in self._hooks:
            if getattr(owner, name) is not value:
                setattr(owner, name, value)
        _restore(vars(builtins), self._builtins, builtins.__dict__.__setitem__)
        _restore(os.environ, self._environment, os.environ.__setitem__)
        if self._folder and _folder() != self._folder:
            os.chdir(self._folder)
        for logger, level, propagate, disabled in self._loggers:
            if logger.level != level:
                logger.setLevel(level)
            logger.propagate, logger.disabled = propagate, disabled
        for variable, value in copy_context().items():
            if variable not in self._context:
                variable.set(_default(variable))  # it cannot be unset without its token
            elif value is not self._context[variable]:
                variable.set(self._context[variable])


def _signals() -> Iterator[tuple[signal.Signals, Any]]:
    if threading.current_thread() is threading.main_thread():
        for number in signal.valid_signals():
            if isinstance(number, signal.Signals):
                yield number, signal.getsignal(number)


def _default(variable: ContextVar[Any]) -> Any:
    try:
        return Context().run(variable.get)
    except LookupError:
        return None


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it has been removed
        return ""


def _restore(now: Any, before: dict[str, Any], put: Callable[[str, Any], None]) -> None:
    # import_guard.py takes care of __import__.
    for name in [name for name in now if name not in before and name != "__import__"]:
        del now[name]
    for name, value in before.items():
        if name != "__import__" and now.get(name, _MISSING) is not value and now.get(name) != value:
            put(name, value)
