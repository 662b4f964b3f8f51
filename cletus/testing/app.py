"""An application under test: imported afresh, running in memory, and gone without a trace after it."""

from __future__ import annotations

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

#: What is different in tests, unless a test says otherwise: nothing is written to a disk, nothing is
#: watched, what is saved soon is saved at once, and nobody types too fast.
SETTINGS: Final[Mapping[str, Any]] = {
    "store": "memory:",
    "store_interval": 0,
    "reload": False,
    "line_rate": 0,
}

#: What Cletus has for hashing passwords, if the application has imported it.
_HASHING = "cletus.contrib.users.hashing"

#: Seconds that a service gets to stop. Our choice: longer than anything that it waits for.
_STOPPING = 60.0


@contextmanager
def staged(
    target: str, folder: Path, clock: Clock, settings: Mapping[str, Any] | None = None
) -> Iterator[Service]:
    """An application that runs in memory while this is entered.

    Its modules are imported anew, whatever has imported them before, and are put back as they were
    after it. The settings are those of the file beside it, its own, and these; the environment is
    not asked. Its doors are not opened, and neither is what else it would open. Hashes of passwords
    cost next to nothing.

    Args:
        target: as for ``cletus run``: a package, a module, or the path of a Python file.
        folder: where it is looked up.
        clock: its time.
        settings: beside ``SETTINGS``, and stronger than all others.

    Raises:
        CletusError: what the import or the start raised.
    """
    with ExitStack() as stack:
        stack.enter_context(_fresh_imports(target, folder))
        options = {**SETTINGS, **(settings or {})}
        service = load(target, folder, partial(apply_settings, options=options, environment={}))
        stack.callback(service.session.close)  # of one whose start fails
        stack.enter_context(_forgotten(service))
        stack.enter_context(_cheap_hashes())
        _start(service, clock)
        stack.callback(_stop, service, clock)
        yield service


class Stage:
    """Where one application runs in memory, again and again, with what it has saved.

    Args:
        target, folder, clock, settings: as for ``staged()``.
    """

    def __init__(
        self, target: str, folder: Path, clock: Clock, settings: Mapping[str, Any] | None = None
    ) -> None:
        store = f"memory:{id(self)}"
        settings = {"store": store, **(settings or {})}
        self._enter = partial(staged, target, folder, clock, settings)
        self._home = from_url(store, Settings())  # held, so that it outlives each service
        self._running = ExitStack()

    def start(self) -> Service:
        """Import it anew and start it. Raises as ``staged()`` does."""
        return self._running.enter_context(self._enter())

    def stop(self) -> None:
        """Stop it, and forget its modules. Stopping twice is harmless."""
        self._running.close()

    def restart(self) -> Service:
        """Stop it and start it, as a process that is run again: what was saved is there.

        Returns:
            The new service. Nobody is connected to it; the old one is over.
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
            "the service has not started: a listener of PreStart waits for what does not come in "
            "memory, such as a network or a thread; what it waits for must be replaced in tests"
        )


def _stop(service: Service, clock: Clock) -> None:
    service.stop()
    clock.advance(0)
    if service.state is not State.STOPPED:
        clock.advance(_STOPPING)
    if service.state is not State.STOPPED:
        raise ServiceStateError("the service does not stop: a listener waits for what never comes")


# -- imports ------------------------------------------------------------------------------------


@contextmanager
def _fresh_imports(target: str, folder: Path) -> Iterator[None]:
    """Whoever has imported the application before keeps what they have; it is imported anew."""
    path = list(sys.path)
    try:
        application = locate(target, folder)  # it puts the folder on the path
        before = _taken_out(application)
        try:
            yield
        finally:
            _taken_out(application)
            sys.modules.update(before)
    finally:
        sys.path[:] = path


@contextmanager
def _forgotten(service: Service) -> Iterator[None]:
    """What the application has imported since, ``reload_modules`` among it, is imported no more."""
    try:
        yield
    finally:
        application = service.session.application
        _taken_out(application)
        sys.meta_path[:] = [one for one in sys.meta_path if not _imports(one, application)]


def _taken_out(application: Application) -> dict[str, ModuleType]:
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
    """A hash is meant to cost much, and a test that logs people in makes many."""
    hashing: Any = sys.modules.get(_HASHING)
    if hashing is None:
        yield
        return
    dear = hashing.HASHER
    hashing.HASHER = type(dear)(memory_cost=8, time_cost=1, parallelism=1)
    try:
        yield
    finally:
        hashing.HASHER = dear
