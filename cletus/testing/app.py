"""An application under test: imported anew, running in memory, and unloaded completely at the end."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from twisted.internet.task import Clock

from cletus.errors import ServiceStateError
from cletus.reload.code.modules import ApplicationFinder
from cletus.reload.load import apply_settings, load, locate
from cletus.service.application import Application
from cletus.service.lifecycle import State
from cletus.service.service import Service
from cletus.settings.settings import Settings
from cletus.storage.backends.memory import from_url

#: Settings of every application under test, unless the test says otherwise: nothing is written to a
#: disk, no files are watched, ``save_soon`` saves at once, and nobody types too fast.
SETTINGS: Final[Mapping[str, Any]] = {
    "store": "memory:",
    "store_interval": 0,
    "reload": False,
    "line_rate": 0,
}

#: Hashes passwords, if the application has imported it.
_HASHING = "cletus.contrib.users.hashing"

#: Seconds that a service has for stopping. Our choice: longer than anything that it waits for.
_STOP_TIMEOUT = 60.0


@contextmanager
def staged(
    target: str, folder: Path, clock: Clock, settings: Mapping[str, Any] | None = None
) -> Iterator[Service]:
    """A context manager in which an application runs in memory.

    Its modules are imported anew, even if they have been imported before, and ``sys.modules`` is
    restored at the end. The settings are those in the file beside the application, in its code, and
    in ``settings``; environment variables are not read. Doors, the control socket and metrics are not
    opened. Password hashes are cheap.

    Args:
        target: as for ``cletus run``: a package, a module, or the path of a Python file.
        folder: where the target is looked up.
        clock: the time of the service.
        settings: they override ``SETTINGS`` and all others.

    Raises:
        CletusError: the import or the start has failed.
    """
    with ExitStack() as stack:
        stack.enter_context(_fresh_imports(target, folder))
        options = {**SETTINGS, **(settings or {})}
        service = load(target, folder, partial(apply_settings, options=options, environment={}))
        stack.callback(service.session.close)  # for a service whose start fails
        stack.enter_context(_unloaded(service))
        stack.enter_context(_cheap_hashes())
        _start(service, clock)
        stack.callback(_stop, service, clock)
        yield service


#: Name the stores of apps, each of its own.
_numbers = itertools.count(1)


class App:
    """An application that can be started, stopped and restarted in memory, with what it has saved.

    Args:
        target, folder, clock, settings: as for ``staged()``.
    """

    def __init__(
        self, target: str, folder: Path, clock: Clock, settings: Mapping[str, Any] | None = None
    ) -> None:
        # Not id(self): it may be that of an earlier App, whose backend is not collected yet.
        store = f"memory:app-{next(_numbers)}"
        settings = {"store": store, **(settings or {})}
        self._enter = partial(staged, target, folder, clock, settings)
        self._backend = from_url(store, Settings())  # held, so that it outlives each service
        self._running = ExitStack()

    def start(self) -> Service:
        """Import the application anew and start it. Raises as ``staged()`` does."""
        return self._running.enter_context(self._enter())

    def stop(self) -> None:
        """Stop the application and unload its modules. Stopping twice is harmless."""
        self._running.close()

    def restart(self) -> Service:
        """Stop and start, as if the process had been restarted: what was saved is still there.

        Returns:
            The new service, to which nobody is connected.
        """
        self.stop()
        return self.start()


def _start(service: Service, clock: Clock) -> None:
    failures: list[Any] = []
    # A control socket, metrics and the like would want a real reactor.
    service.start(clock, doors=(), attachments=()).addErrback(failures.append)
    clock.advance(0)
    if failures:
        failures[0].raiseException()
    if service.state is not State.RUNNING:
        raise ServiceStateError(
            "the service has not started: a listener of PreStart waits for something that does not "
            "happen in memory, such as a network or a thread; replace it in tests"
        )


def _stop(service: Service, clock: Clock) -> None:
    service.stop()
    clock.advance(0)
    if service.state is not State.STOPPED:
        clock.advance(_STOP_TIMEOUT)
    if service.state is not State.STOPPED:
        raise ServiceStateError(
            "the service does not stop: a listener waits for something that never happens"
        )


# -- imports ------------------------------------------------------------------------------------


@contextmanager
def _fresh_imports(target: str, folder: Path) -> Iterator[None]:
    """Take the application's modules out of ``sys.modules``, and put the former ones back at the end."""
    path = list(sys.path)
    try:
        application = locate(target, folder)  # it puts the folder on the path
        before = _remove_modules(application)
        try:
            yield
        finally:
            _remove_modules(application)
            sys.modules.update(before)
    finally:
        sys.path[:] = path


@contextmanager
def _unloaded(service: Service) -> Iterator[None]:
    """Remove the modules that the application has imported, ``reload_modules`` included, at the end."""
    try:
        yield
    finally:
        application = service.session.application
        _remove_modules(application)
        sys.meta_path[:] = [item for item in sys.meta_path if not _imports(item, application)]


def _remove_modules(application: Application) -> dict[str, ModuleType]:
    modules = application.loaded()
    for name in modules:
        del sys.modules[name]
    return modules


def _imports(finder: object, application: Application) -> bool:
    return (
        isinstance(finder, ApplicationFinder)
        and finder.application.roots[:1] == application.roots[:1]
    )


@contextmanager
def _cheap_hashes() -> Iterator[None]:
    """Make password hashes cheap: they are slow by design, and a test may need many."""
    hashing: Any = sys.modules.get(_HASHING)
    if hashing is None:
        yield
        return
    hasher = hashing.HASHER
    hashing.HASHER = type(hasher)(memory_cost=8, time_cost=1, parallelism=1)
    try:
        yield
    finally:
        hashing.HASHER = hasher
