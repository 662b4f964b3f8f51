"""The running service that a command is given, found without importing its code.

Its code may be broken by an edit just when one wants to know how the service is; and a second import
could do anything that the first one did.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from cletus.errors import ApplicationNotFound, NotRunning, SeveralRunning
from cletus.ops.control.client import ControlClient
from cletus.ops.control.discovery import Notes
from cletus.ops.control.socket_path import NAME
from cletus.reload.load import locate
from cletus.settings.files import from_environment, from_folder
from cletus.settings.settings import Settings
from cletus.storage.backends.urls import folder_of


class Running:
    """Where the service of a target is.

    Args:
        target: a package, a module, the path of a Python file, or a store folder.
        store: what ``--store`` says; ``None`` if it says nothing.
        environment: ``os.environ``.

    Attributes:
        root: the path of the application that is meant; "" for whichever runs there.

    Raises:
        ApplicationNotFound: the target is nothing of that.
        SettingError: the file with its settings cannot be read.
        NotRunning: the store is no folder.
    """

    def __init__(
        self, target: str, store: str | None, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._target = target
        self._notes = Notes(environment)
        self.root = ""
        self._noted: list[str] = []
        self._settled: list[str] = []
        if store is None and _is_store(target):
            self._settled = [os.path.abspath(target)]
            return
        try:
            path = locate(target, Path.cwd()).roots[0].path
        except ApplicationNotFound:
            if store is None:
                raise
        else:
            self.root = str(path)
        if store is not None:
            self._settled = [_folder(store, Path.cwd())]
            return
        self._noted = self._notes.stores_of(self.root)
        self._settled = list(dict.fromkeys(_by_settings(path.parent, environment)))

    def connect(self, timeout: float | None) -> ControlClient:
        """Call it.

        Args:
            timeout: seconds without a word after which it is given up; ``None``: never.

        Raises:
            NotRunning: it does not run.
            SeveralRunning: it runs several times.
            ControlError: it cannot be connected to.
        """
        found = list(_living(self._noted, timeout))
        if len(found) > 1:
            for one in found:
                one.close()
            raise SeveralRunning(self._target, [one.folder for one in found])
        if found:
            return found[0]
        likely = [one for one in self._settled if os.path.exists(os.path.join(one, NAME))]
        # Where there is nothing to call, it is called all the same, for the error that names it.
        return ControlClient([*likely, *self._noted, *self._settled][0], timeout)


def _living(folders: list[str], timeout: float | None) -> Iterator[ControlClient]:
    for folder in folders:
        try:
            yield ControlClient(folder, timeout)
        except NotRunning:
            continue


def _is_store(target: str) -> bool:
    """Whether it is a folder in which stores are, or have been: all of them have a lock."""
    return os.path.isfile(os.path.join(target, ".lock"))


def _by_settings(beside: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The store folders that the settings may mean: seen from here, and from where the code is."""
    told = {**from_folder(beside), **from_environment(environment)}
    store = str(told.get("store", Settings().store))
    yield _folder(store, Path.cwd())
    yield _folder(store, beside)


def _folder(store: str, start: Path) -> str:
    folder = folder_of(store)
    if folder is None:
        raise NotRunning(f"{store}, which is no folder: there is no control socket")
    return os.path.abspath(start / folder)
