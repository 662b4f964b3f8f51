"""What an import does outside of its modules: noted, and undone if the import is refused.

Before new code runs, what there is in the process is listed; when the code is refused, what has
come since is undone, as far as it can be, and the rest is named. Nothing is undone that is not the
application's: what Cletus itself has begun in between, and what belongs to a package of others that
was imported for the first time, since that package stays imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from types import TracebackType
from typing import Any

from cletus.reload.effects.process import ProcessState
from cletus.reload.effects.registrations import CallSites, Recorder
from cletus.reload.effects.resources import ResourceType, Timers, resource_types
from cletus.service.application import Application


class Ledger:
    """One import's, as a context manager around it.

    Args:
        reactor: whose timers and ports are watched.
        application: which modules are imported.
    """

    def __init__(self, reactor: Any, application: Application) -> None:
        self._reactor = reactor
        self._application = application
        self._modules = set(sys.modules)
        self._kinds = [(kind, kind.entries()) for kind in resource_types(reactor)]
        self._state = ProcessState()
        self._files = _open_files()
        self.recorder = Recorder(application)

    def __enter__(self) -> Ledger:
        self.recorder.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.recorder.__exit__(kind, error, trace)

    def undo(self) -> list[str]:
        """Undo what has come since.

        Returns:
            What could not be undone, a sentence each.
        """
        left = [_undo(kind, entry) for kind, entry in self.made()]
        left += self.recorder.undo()
        self._state.restore()
        return [one for one in left if one]

    def made(self) -> Iterator[tuple[ResourceType, Any]]:
        """What has come since and is the application's: each entry with its kind."""
        for kind, before in self._kinds:
            for entry in _new(kind, before):
                if not self._is_of_others(kind.maker(entry)):
                    yield kind, entry

    def changed(self) -> list[str]:
        """Single values of the process that have been set since, in words."""
        return self._state.changed()

    def note(self, places: CallSites) -> None:
        """Remember where the calls were asked for that have come since; the import is in force."""
        for kind, before in self._kinds:
            if isinstance(kind, Timers):
                for call in _new(kind, before):
                    places.note(call, self._application)

    def open_files(self) -> list[str]:
        """Files and sockets that were opened since and still are, in words.

        It makes sense when the refused modules have been collected, and their files with them.
        """
        left = []
        for number in _open_files() - self._files:
            try:
                name = os.readlink(f"/proc/self/fd/{number}")
            except OSError:  # the one that listed the folder
                continue
            left.append(f"a file or socket was opened and still is: {name}")
        return left

    def _is_of_others(self, maker: Any) -> bool:
        """Whether it is Cletus's own, or of a package that is imported for the first time."""
        module = maker if isinstance(maker, str) else module_of(maker)
        package = module.partition(".")[0]
        if package == "cletus":
            return True
        return (
            package in sys.modules
            and package not in self._modules
            and not self._application.owns(module)
        )


def module_of(thing: Any) -> str:
    """The name of the module in which a function, a class or an object's class is defined."""
    while isinstance(thing, partial):
        thing = thing.func
    thing = getattr(thing, "__self__", thing)
    module = getattr(thing, "__module__", None)
    return module if isinstance(module, str) else type(thing).__module__


def _open_files() -> set[str]:
    """The numbers of the descriptors that this process has open; none where that is not told."""
    try:
        folder = os.open("/proc/self/fd", os.O_RDONLY)
    except OSError:
        return set()
    try:
        probe = os.dup(folder)
        os.close(probe)  # the number that listing is going to use, and free again
        return set(os.listdir(folder)) - {str(folder), str(probe)}
    finally:
        os.close(folder)


def _new(kind: ResourceType, before: list[Any]) -> list[Any]:
    known = {_identity(entry) for entry in before}
    return [entry for entry in kind.entries() if _identity(entry) not in known]


def _identity(entry: Any) -> Any:
    return tuple(map(id, entry)) if isinstance(entry, tuple) else id(entry)


def _undo(kind: ResourceType, entry: Any) -> str:
    try:
        return kind.undo(entry)
    except Exception as error:  # noqa: BLE001 - a failing clean-up of somebody else's must not stop ours
        return f"{entry!r} cannot be taken back: {type(error).__name__}: {error}"
