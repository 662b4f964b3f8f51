"""The stored data of a target, for the commands of ``cletus store``: its backend and store classes.

The application is imported for its store classes and its settings, over a ``ReadOnlyBackend``: what it saves
during the import is discarded, so that reading a store never changes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cletus.cli.read_only_loader import ReadOnlyLoader
from cletus.errors import StoreInUse, StoreLocked, UnknownStore, without_passwords
from cletus.reload.load import locate
from cletus.settings.files import from_environment, from_folder
from cletus.settings.settings import Settings, beside, merge
from cletus.storage import Backend, Store, backend_for
from cletus.storage.tools.browse import looked_into, stores_in

#: The settings by which documents are found without the application's code.
_STORE_SETTINGS = ("store", "store_sync", "name")


@dataclass(frozen=True, slots=True)
class Stored:
    """The documents of a target.

    Attributes:
        backend: where they are; not opened.
        classes: the store classes of the code, by name; empty without the code.
        has_code: whether the application was imported.
        name: of the service, or else the target.
        location: the path or URL of the backend, to be shown.
    """

    backend: Backend
    classes: Mapping[str, type[Store]]
    has_code: bool
    name: str
    location: str

    def stores(self, only: tuple[str, ...] = ()) -> list[str]:
        """The names of these stores, or of all stores in the backend and the code.

        Raises:
            UnknownStore: one of them is in neither.
            StoreUnusable: the backend cannot be listed.
        """
        known = stores_in(self.backend, self.classes)
        wanted = [name.lower() for name in only]
        for name in wanted:
            if name not in known:
                raise UnknownStore(name, known)
        return wanted or known

    def count(self, stores: list[str]) -> int:
        """The number of documents in these stores."""
        return sum(len(self.backend.keys(name)) for name in stores)


@contextmanager
def reading(target: str, store: str | None, *, code: bool = True) -> Iterator[Stored]:
    """The documents of a target, to be read; the service may be running.

    Args:
        target: as for ``cletus run``.
        store: the folder or URL instead of the one in the settings.
        code: whether to import the application.

    Raises:
        CletusError: it cannot be imported, or a setting is wrong.
    """
    if not code:
        settings = _settings_alone(target, store)
        with looked_into(backend_for(settings)) as backend:
            yield Stored(backend, {}, False, settings.name or target, _location(settings))
        return
    loader = ReadOnlyLoader()
    service = loader.load(target, {} if store is None else {"store": store})
    settings = service.settings
    try:
        with looked_into(loader.backend(service)) as backend:
            name = settings.name or target
            yield Stored(backend, service.session.stores, True, name, _location(settings))
    finally:
        service.session.close()


@contextmanager
def owning(stored: Stored, action: str) -> Iterator[None]:
    """Hold the lock of the store inside the block.

    Args:
        stored: the documents.
        action: the reason, for the error.

    Raises:
        StoreInUse: the service is running.
        StoreUnusable: the backend cannot be opened.
    """
    try:
        stored.backend.open()
    except StoreLocked as error:
        raise StoreInUse(error.location, error.pid, action) from None
    try:
        yield
    finally:
        stored.backend.close()


def _settings_alone(target: str, store: str | None) -> Settings:
    """The settings of the store in the settings file and the environment."""
    if store is not None:
        return merge(Settings(), {"store": store}, "command line")
    root = locate(target, Path.cwd()).roots[0]
    sources = {"file": from_folder(root.path.parent), "environment": from_environment(os.environ)}
    settings = Settings(store=beside(Settings().store, root.path.parent))
    for source, changes in sources.items():
        chosen = {name: changes[name] for name in _STORE_SETTINGS if name in changes}
        if source == "file" and "store" in chosen:
            chosen["store"] = beside(chosen["store"], root.path.parent)
        settings = merge(settings, chosen, source)
    return settings


def _location(settings: Settings) -> str:
    store = settings.store
    return without_passwords(store) if ":" in store else str(Path(store).absolute())
