"""Keep other threads from importing the application while it is being reloaded.

Between staging and commit, ``sys.modules`` holds modules that may yet be thrown away. A thread that
imports one of them has to wait until the reload is over, and so gets a module that is in force. A
thread that is in the middle of another import must not wait: it holds locks of the import system that
the reload may need, and each would wait for the other. It gets an ``ImportError`` that says why.

Guarded are the import statement and ``importlib.import_module``. Not guarded are reads of
``sys.modules``, and attributes of modules outside the application, such as a namespace package's:
Python offers no hook for them.
"""

from __future__ import annotations

import builtins
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib import _bootstrap as bootstrap
from types import FrameType, TracebackType
from typing import Any

from cletus.errors import ImportDuringReload
from cletus.reload.code.import_names import absolute_name
from cletus.service.application import Application

#: Python's import system. ``import_module()`` has no hook, and modules hold references to it; but all
#: ways lead to ``_gcd_import``, which the type stubs do not know.
_bootstrap: Any = bootstrap
#: Seconds that the reactor waits, blocking, for threads that are in the middle of an import.
_PATIENCE = 0.05
#: Seconds between two looks at them; sleeping lets them run.
_INTERVAL = 0.0005


class ImportGuard:
    """A context manager in which only the thread that made it can import the application.

    Args:
        application: whose modules are guarded.
        timeout: seconds that another thread waits before it gets an error; 0 means no limit.
    """

    def __init__(self, application: Application, timeout: float) -> None:
        self._application = application
        self._timeout = timeout or None
        self._thread = threading.get_ident()
        self._over = threading.Event()
        self._import = builtins.__import__
        self._gcd_import: Any = None

    def __enter__(self) -> ImportGuard:
        # Python looks up builtins.__import__ at each import statement.
        self._import, builtins.__import__ = builtins.__import__, self._guarded_import
        self._gcd_import, _bootstrap._gcd_import = _bootstrap._gcd_import, self._guarded_gcd_import
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # If other code has wrapped our function meanwhile, it stays, and lets everything pass from now on.
        if builtins.__import__ == self._guarded_import:
            builtins.__import__ = self._import
        if _bootstrap._gcd_import == self._guarded_gcd_import:
            _bootstrap._gcd_import = self._gcd_import
        self._over.set()

    def busy(self) -> str:
        """The thread that began an import before the guard and has not finished, in words; or "".

        This waits for it, but not for long, since it blocks the reactor.
        """
        end = time.monotonic() + _PATIENCE
        while True:
            importer = next(self._importing(), "")
            if not importer or time.monotonic() > end:
                return importer
            time.sleep(_INTERVAL)

    # -- inside -----------------------------------------------------------------------------

    def _importing(self) -> Iterator[str]:
        """Other threads that are importing a module of the application now, in words."""
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident, innermost in sys._current_frames().items():
            if ident == self._thread:
                continue
            for frame in _frames(innermost):
                module = self._imported_by(frame)
                if self._application.owns(module):
                    yield f"thread {names.get(ident, ident)!r} is importing {module}"
                    break

    def _imported_by(self, frame: FrameType) -> str | None:
        """The module that a frame of the import system, or of a guard, is importing."""
        if _is_guard(frame):
            # A thread in this guard waits in it, before it imports anything. A thread in the guard of
            # an earlier reload has been let through there.
            values = frame.f_locals
            package = values["package"] if "package" in values else _package(values["globals"])
            wanted = absolute_name(values["name"], package or "", values["level"])
            return None if values["self"] is self else wanted
        if not _is_importlib(frame):
            return None
        if frame.f_code.co_name == "_handle_fromlist":
            return getattr(frame.f_locals.get("module"), "__name__", None)
        name = frame.f_locals.get("name")
        return name if isinstance(name, str) else None

    def _guarded_import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - the name of the argument is Python's
        locals: Mapping[str, Any] | None = None,  # noqa: A002 - as above
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if threading.get_ident() != self._thread and not self._over.is_set():
            self._wait(absolute_name(name, _package(globals), level), fromlist or ())
        return self._import(name, globals, locals, fromlist or (), level)

    def _guarded_gcd_import(self, name: str, package: str | None = None, level: int = 0) -> Any:
        if threading.get_ident() != self._thread and not self._over.is_set():
            self._wait(absolute_name(name, package or "", level), ())
        return self._gcd_import(name, package, level)

    def _wait(self, name: str, fromlist: Sequence[str]) -> None:
        owns = self._application.owns
        if not owns(name) and not any(owns(f"{name}.{item}") for item in fromlist):
            return
        if any(map(_is_importlib, _frames(sys._getframe()))):
            raise ImportDuringReload(name, "and this thread is importing something else")
        if not self._over.wait(self._timeout):
            raise ImportDuringReload(name, f"and that takes longer than {self._timeout:g} seconds")


def _package(namespace: Mapping[str, Any] | None) -> str:
    """The package that a relative import in this namespace is relative to."""
    if namespace is None:
        return ""
    package = namespace.get("__package__")
    if package is None:
        name = namespace.get("__name__", "")
        package = name if "__path__" in namespace else name.rpartition(".")[0]
    return str(package)


def _is_importlib(frame: FrameType) -> bool:
    return frame.f_code.co_filename == "<frozen importlib._bootstrap>"


def _is_guard(frame: FrameType) -> bool:
    return frame.f_code in (
        ImportGuard._guarded_import.__code__,
        ImportGuard._guarded_gcd_import.__code__,
    )


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
