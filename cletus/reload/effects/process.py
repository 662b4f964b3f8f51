"""Values of the process that code may set: signal handlers, hooks, the environment.

They are noted before new code runs, and restored if it is refused.
"""

from __future__ import annotations

import builtins
import csv
import decimal
import gc
import locale
import logging
import os
import random
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

from cletus.reload.effects.resources import hooks, loggers
from cletus.service.application import Application


def _umask() -> int:
    """It can only be read by setting it: for a moment to one that lets others read nothing."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_MISSING = object()
#: Settings of the process that have a function to ask for them and one to set them.
_SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], Any]], ...] = (
    (_umask, os.umask),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (sys.getswitchinterval, sys.setswitchinterval),
    (sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    (threading.stack_size, threading.stack_size),
    (gc.get_threshold, lambda threshold: gc.set_threshold(*threshold)),
    (lambda: logging.root.manager.disable, logging.disable),
    (socket.getdefaulttimeout, socket.setdefaulttimeout),
    (lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)),
)
#: The attributes of a decimal context.
_DECIMAL = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "flags", "traps")
#: Names in ``builtins`` that Python or the import guard sets.
_OF_PYTHON = frozenset({"__import__", "_"})
#: ``Py_TPFLAGS_HEAPTYPE``: a class that a class statement has made.
_MUTABLE_TYPE = 1 << 9
#: Hooks that are attributes of modules.
_HOOKS = (
    (sys, ("excepthook", "displayhook", "unraisablehook", "stdin", "stdout", "stderr")),
    (threading, ("excepthook",)),
    (warnings, ("showwarning", "formatwarning")),
)


class PythonModules:
    """What Python's own modules and their classes hold when it is made."""

    def __init__(self) -> None:
        names = sys.stdlib_module_names
        self._content = [
            (vars(module), vars(module).copy())
            for name, module in [*sys.modules.items()]
            if (name in names or name.partition(".")[0] in names) and isinstance(module, ModuleType)
        ]
        classes = {
            id(value): value
            for namespace, _ in self._content
            for value in namespace.copy().values()
            if issubclass(type(value), type) and value.__flags__ & _MUTABLE_TYPE
        }
        self._classes = [(cls, vars(cls).copy()) for cls in classes.values()]

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
        for cls, before in self._classes:
            for name, value in [*vars(cls).items()]:
                if value is not before.get(name) and application.owns(
                    getattr(value, "__module__", None)
                ):
                    if name in before:
                        type.__setattr__(cls, name, before[name])
                    else:
                        type.__delattr__(cls, name)


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
        self._settings = [value_of() for value_of, _ in _SETTINGS]
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
        self._lists = [(items, list(items)) for items in hooks().values()]
        self._tables = [(table, _copied(table)) for table in _tables()]
        self._dialects = _dialects()
        self._chance = random.getstate()
        #: What was in ``sys.modules``, by name.
        self.modules = sys.modules.copy()

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
        self._restore_registries()
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
        for (value_of, set_to), value in zip(_SETTINGS, self._settings, strict=True):
            if value_of() != value:
                set_to(value)

    def _restore_registries(self) -> None:
        """Put back what was taken out of Python's lists; what has been added is taken out elsewhere."""
        for items, before in self._lists:
            known, present = set(map(id, before)), set(map(id, items))
            if not known <= present:
                items[:] = [*(item for item in items if id(item) not in known), *before]
        for table, content in self._tables:
            if table != content:
                table.clear()
                table.update(content)
        for name in _dialects().keys() - self._dialects.keys():
            csv.unregister_dialect(name)
        for name, dialect in self._dialects.items():
            csv.register_dialect(name, dialect)
        if random.getstate() != self._chance:
            random.setstate(self._chance)
        # What was not there before stays: some modules (numpy, PyO3 modules) cannot be imported twice.
        sys.modules.update(
            (name, module)
            for name, module in self.modules.items()
            if sys.modules.get(name) is not module and not self._application.owns(name)
        )
        with warnings.catch_warnings():
            pass  # leaving this block tells Python that the filters may have changed


def _tables() -> list[dict[Any, Any]]:
    """Names of log levels, and the tables of ``mimetypes``, if something has been asked of it."""
    levels: list[dict[Any, Any]] = [logging._levelToName, logging._nameToLevel]
    database = getattr(sys.modules.get("mimetypes"), "_db", None)
    return levels if database is None else [*levels, *database.types_map, *database.types_map_inv]


def _copied(table: dict[Any, Any]) -> dict[Any, Any]:
    """A copy of a table of texts, numbers and lists of these: ``deepcopy`` takes ten times as long."""
    return {key: value[:] if type(value) is list else value for key, value in table.items()}


def _dialects() -> dict[str, Any]:
    return {name: csv.get_dialect(name) for name in csv.list_dialects()}


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
