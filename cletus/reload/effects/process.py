"""Values of the process that code may set: signal handlers, hooks, the environment.

They are noted before new code runs, and restored if it is refused.
"""

from __future__ import annotations

import builtins
import decimal
import locale
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextvars import Context, ContextVar, copy_context
from types import ModuleType
from typing import Any, Final

from cletus.reload.effects.resources import loggers
from cletus.service.application import Application

_MISSING = object()
#: The attributes of a decimal context.
_DECIMAL = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "flags", "traps")
#: Names in ``builtins`` that Python or the import guard sets.
_OF_PYTHON = frozenset({"__import__", "_"})
#: Hooks that are attributes of modules.
_HOOKS = (
    (sys, ("excepthook", "displayhook", "unraisablehook", "stdin", "stdout", "stderr")),
    (threading, ("excepthook",)),
    (warnings, ("showwarning", "formatwarning")),
)


class PythonModules:
    """What Python's own modules hold when it is made."""

    def __init__(self) -> None:
        names = sys.stdlib_module_names
        self._content = [
            (vars(module), vars(module).copy())
            for name, module in [*sys.modules.items()]
            if (name in names or name.partition(".")[0] in names) and isinstance(module, ModuleType)
        ]

    def restore(self, application: Application) -> None:
        """Take functions and classes of the application out of them.

        Only these: modules of Python also set names of their own, on first use.
        """
        for namespace, before in self._content:
            for name, value in [*namespace.items()]:
                if value is not before.get(name) and application.owns(
                    getattr(value, "__module__", None)
                ):
                    if name in before:
                        namespace[name] = before[name]
                    else:
                        del namespace[name]


#: Made once: ``signal.valid_signals()`` takes a third of a millisecond of the pause.
_SIGNALS: Final = tuple(signal.Signals)


class ProcessState:
    """These values, as they are when it is made.

    Args:
        application: functions of its modules do not stay in modules of Python.
        python: what Python's modules hold; by default, what they hold now.
    """

    def __init__(self, application: Application, python: PythonModules | None = None) -> None:
        self._application = application
        self._python = python or PythonModules()
        self._decimal = decimal.getcontext().copy()
        self._timeout = socket.getdefaulttimeout()
        self._locale = locale.setlocale(locale.LC_ALL)
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
        self._python.restore(self._application)
        self._restore_defaults()
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

    def _restore_defaults(self) -> None:
        time_zone = os.environ.get("TZ")
        _restore(os.environ, self._environment, os.environ.__setitem__)
        if os.environ.get("TZ") != time_zone and hasattr(time, "tzset"):
            time.tzset()
        context = decimal.getcontext()
        if repr(context) != repr(self._decimal):
            for name in _DECIMAL:  # the very object: the context variable holds it
                setattr(context, name, getattr(self._decimal, name))
        if socket.getdefaulttimeout() != self._timeout:
            socket.setdefaulttimeout(self._timeout)
        if locale.setlocale(locale.LC_ALL) != self._locale:
            locale.setlocale(locale.LC_ALL, self._locale)


def _signals() -> Iterator[tuple[signal.Signals, Any]]:
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
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
