"""Find the running service of a target without importing its code.

An edit may have broken the code just when an operator asks for the status; and a second import could do
anything that the first one did.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cletus.errors import ApplicationNotFound, NotRunning, SeveralRunning
from cletus.ops.control.client import ControlClient
from cletus.ops.control.discovery import Notes
from cletus.ops.control.socket_path import NAME
from cletus.service.application import Application
from cletus.settings.files import from_environment, from_folder
from cletus.settings.settings import Settings
from cletus.storage.backends.urls import state_folder_of


class Running:
    """The running service of a target.

    Args:
        target: a package, a module, the path of a Python file, or a store folder.
        store: ``--store``, if given.
        locate: ``cletus.reload.load.locate``, which finds the files of an application.
        environment: ``os.environ``.

    Attributes:
        root: the path of the application; "" if the target is a store folder.

    Raises:
        ApplicationNotFound: there is no such application or store folder.
        SettingError: the file with its settings cannot be read.
        NotRunning: the store is not a folder.
    """

    def __init__(
        self,
        target: str,
        store: str | None,
        locate: Callable[[str, Path], Application],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._target = target
        self._notes = Notes(environment)
        self.root = ""
        self._noted_folders: list[str] = []
        self._folders: list[str] = []
        if store is None and _is_store(target):
            self._folders = [os.path.abspath(target)]
            return
        try:
            path = locate(target, Path.cwd()).roots[0].path
        except ApplicationNotFound:
            if store is None:
                raise
        else:
            self.root = str(path)
        if store is not None:
            self._folders = [_folder(store, Path.cwd())]
            return
        self._noted_folders = self._notes.stores_of(self.root)
        self._folders = list(dict.fromkeys(_by_settings(path.parent, environment)))

    def connect(self, timeout: float | None) -> ControlClient:
        """Connect to it.

        Args:
            timeout: seconds to wait for each message; ``None``: for ever.

        Raises:
            NotRunning: it does not run.
            SeveralRunning: several services run this application.
            ControlError: it cannot be connected to.
        """
        clients = list(_connections(self._noted_folders, timeout))
        if len(clients) > 1:
            for client in clients:
                client.close()
            raise SeveralRunning(self._target, [client.folder for client in clients])
        if clients:
            return clients[0]
        likely = [path for path in self._folders if os.path.exists(os.path.join(path, NAME))]
        # Without any socket, connecting raises the error that names the folder.
        return ControlClient([*likely, *self._noted_folders, *self._folders][0], timeout)


def _connections(folders: list[str], timeout: float | None) -> Iterator[ControlClient]:
    for folder in folders:
        try:
            yield ControlClient(folder, timeout)
        except NotRunning:
            continue


def _is_store(target: str) -> bool:
    """Whether it is a store folder: each has a lock."""
    return os.path.isfile(os.path.join(target, ".lock"))


def _by_settings(beside: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The store folders that the settings may mean: relative to here, and to the code."""
    settings = {**from_folder(beside), **from_environment(environment)}
    store = str(settings.get("store", Settings().store))
    yield _folder(store, Path.cwd())
    yield _folder(store, beside)


def _folder(store: str, start: Path) -> str:
    folder = state_folder_of(store, start)
    if folder is None:
        raise NotRunning(f"{store}, which ends with its process: there is no control socket")
    return os.path.abspath(start / folder)
