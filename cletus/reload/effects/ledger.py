"""Side effects of an import outside its modules: listed, and undone if the import is refused.

Before new code runs, the resources of the process are listed. If the code is refused, those that were
added since are removed again, and those that cannot be removed are named. Only the application's are:
not what Cletus itself has begun meanwhile, and not what belongs to a third-party package that was
imported for the first time, since that package stays imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from types import ModuleType, TracebackType
from typing import Any

from cletus.reload.effects.process import ProcessState, PythonModules
from cletus.reload.effects.registrations import CallSites, Recorder
from cletus.reload.effects.resources import ResourceType, Timers, resource_types
from cletus.service.application import Application


class Ledger:
    """The side effects of one import; a context manager around it.

    Args:
        reactor: whose timers and ports are listed.
        application: whose modules are imported.
        python: what Python's modules hold; by default, what they hold now.
    """

    def __init__(
        self, reactor: Any, application: Application, python: PythonModules | None = None
    ) -> None:
        self._reactor = reactor
        self._application = application
        self._modules = set(sys.modules)
        self._types = [(type_, type_.entries()) for type_ in resource_types(reactor)]
        self._state = ProcessState(application, python)
        self._files = _open_files()
        self.recorder = Recorder(application)

    def __enter__(self) -> Ledger:
        self.recorder.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.recorder.__exit__(exc_type, error, trace)

    @property
    def modules(self) -> dict[str, ModuleType]:
        """What was in ``sys.modules``, by name."""
        return self._state.modules

    def undo(self) -> list[str]:
        """Undo all side effects.

        Returns:
            A sentence for each that cannot be undone.
        """
        remaining = [_undo(type_, entry) for type_, entry in self.additions()]
        remaining += self.recorder.undo()
        self._state.restore()
        return [sentence for sentence in remaining if sentence]

    def additions(self) -> Iterator[tuple[ResourceType, Any]]:
        """The resources that the application has added, each with its type."""
        for type_, before in self._types:
            for entry in _new(type_, before):
                if not self._is_foreign(type_.owner(entry)):
                    yield type_, entry

    def changed(self) -> list[str]:
        """Values of the process that have been set, as they are written in code."""
        return self._state.changed()

    def note(self, call_sites: CallSites) -> None:
        """Remember where calls of the reactor were scheduled: the import is in force."""
        for type_, before in self._types:
            if isinstance(type_, Timers):
                for call in _new(type_, before):
                    call_sites.note(call, self._application)

    def open_files(self) -> list[str]:
        """Files and sockets that were opened and are not closed, a sentence each.

        Ask when the refused modules have been collected: that closes their files.
        """
        sentences = []
        for number in _open_files() - self._files:
            try:
                name = os.readlink(f"/proc/self/fd/{number}")
            except OSError:  # the one that lists the folder
                continue
            sentences.append(f"a file or socket was opened and is not closed: {name}")
        return sentences

    def _is_foreign(self, owner: Any) -> bool:
        """Whether it is Cletus's own, or a third-party package's that was imported for the first time."""
        module = owner if isinstance(owner, str) else module_of(owner)
        package = module.partition(".")[0]
        if package == "cletus":
            return True
        return (
            package in sys.modules
            and package not in self._modules
            and not self._application.owns(module)
        )


def module_of(obj: Any) -> str:
    """The name of the module that defines a function, a class, or an object's class."""
    while isinstance(obj, partial):
        obj = obj.func
    obj = getattr(obj, "__self__", obj)
    module = getattr(obj, "__module__", None)
    return module if isinstance(module, str) else type(obj).__module__


def _open_files() -> set[str]:
    """The numbers of the process's open descriptors; none on systems without ``/proc``."""
    try:
        folder = os.open("/proc/self/fd", os.O_RDONLY)
    except OSError:
        return set()
    try:
        probe = os.dup(folder)
        os.close(probe)  # listing the folder will use this number, and free it
        return set(os.listdir(folder)) - {str(folder), str(probe)}
    finally:
        os.close(folder)


def _new(type_: ResourceType, before: list[Any]) -> list[Any]:
    known = {_identity(entry) for entry in before}
    return [entry for entry in type_.entries() if _identity(entry) not in known]


def _identity(entry: Any) -> Any:
    return tuple(map(id, entry)) if isinstance(entry, tuple) else id(entry)


def _undo(type_: ResourceType, entry: Any) -> str:
    try:
        return type_.undo(entry)
    except Exception as error:  # noqa: BLE001 - one that cannot be removed must not keep the others
        return f"{entry!r} cannot be taken back: {type(error).__name__}: {error}"
