"""What the commands of ``cletus store`` work on: the home of a target's documents, and its store classes.

The application is imported to learn its store classes and its settings, over an ``ReadOnlyBackend``: whatever
it saves while it is imported is forgotten, so that looking at a store never changes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cletus.errors import StoreInUse, StoreLocked, UnknownStore, without_passwords
from cletus.reload.load import apply_settings, load, locate
from cletus.service.service import Service
from cletus.settings.files import from_environment, from_folder
from cletus.settings.settings import Settings, merge
from cletus.storage import Backend, Store, Writer, backend_for
from cletus.storage.backends.read_only import ReadOnlyBackend
from cletus.storage.tools.browse import looked_into, stores_in

#: Of all settings, those that are needed to find the documents without the application's code.
_OF_THE_STORE = ("store", "store_sync", "name")


@dataclass(frozen=True, slots=True)
class Stored:
    """A target's documents.

    Attributes:
        home: where they are; not opened.
        classes: the store classes of the code, by name; none without the code.
        has_code: whether the application was imported.
        name: of the service, or else the target.
        place: the home in words for people.
    """

    home: Backend
    classes: Mapping[str, type[Store]]
    has_code: bool
    name: str
    place: str

    def stores(self, only: tuple[str, ...] = ()) -> list[str]:
        """The names of the stores to work on: those asked for, or all that the home or the code has.

        Raises:
            UnknownStore: one that is asked for is neither.
            StoreUnusable: the home cannot be listed.
        """
        known = stores_in(self.home, self.classes)
        wanted = [name.lower() for name in only]
        for name in wanted:
            if name not in known:
                raise UnknownStore(name, known)
        return wanted or known

    def count(self, stores: list[str]) -> int:
        """How many documents these stores have now."""
        return sum(len(self.home.keys(name)) for name in stores)


@contextmanager
def looking(target: str, store: str | None, *, code: bool = True) -> Iterator[Stored]:
    """A target's documents, to be read while the service may be running.

    Args:
        target: as for ``cletus run``.
        store: the folder or URL, if not the one that the settings name.
        code: whether to import the application.

    Raises:
        CletusError: it cannot be imported, or a setting makes no sense.
    """
    if not code:
        settings = _settings_alone(target, store)
        with looked_into(backend_for(settings)) as home:
            yield Stored(home, {}, False, settings.name or target, _place(settings))
        return
    apart = _Apart()
    service = apart.load(target, {} if store is None else {"store": store})
    settings = service.settings
    try:
        with looked_into(apart.home(service)) as home:
            name = settings.name or target
            yield Stored(home, service.session.stores, True, name, _place(settings))
    finally:
        service.session.close()


@contextmanager
def owning(stored: Stored, action: str) -> Iterator[None]:
    """The documents are ours, and nobody else's, until the end of the block.

    Args:
        stored: whose.
        action: what is to be done, for the message.

    Raises:
        StoreInUse: the service is running.
        StoreUnusable: the home cannot be opened.
    """
    try:
        stored.home.open()
    except StoreLocked as error:
        raise StoreInUse(error.location, error.pid, action) from None
    try:
        yield
    finally:
        stored.home.close()


class _Apart:
    """Imports an application and lets it look at its documents, but not change them."""

    def __init__(self) -> None:
        self._home: Backend | None = None

    def load(self, target: str, options: Mapping[str, Any]) -> Service:
        """Raises ``CletusError`` as ``load()`` does."""
        return load(target, Path.cwd(), partial(self._configure, options=options))

    def home(self, service: Service) -> Backend:
        """The home that the settings name, once they are known."""
        if self._home is None:
            self._home = backend_for(service.settings)
        return self._home

    def _configure(self, service: Service, options: Mapping[str, Any]) -> None:
        apply_settings(service, options=options)
        if not service.session.is_open:
            service.session.open_with(partial(self._open, service))

    def _open(self, service: Service) -> Writer:
        overlay = ReadOnlyBackend(self.home(service))
        overlay.open()
        return Writer(overlay, service.clock, service.run_in_thread)


def _settings_alone(target: str, store: str | None) -> Settings:
    """What the settings file beside the application and the environment say of its store."""
    if store is not None:
        return merge(Settings(), {"store": store}, "command line")
    root = locate(target, Path.cwd()).roots[0]
    said = {"file": from_folder(root.path.parent), "environment": from_environment(os.environ)}
    settings = Settings()
    for source, changes in said.items():
        chosen = {name: changes[name] for name in _OF_THE_STORE if name in changes}
        settings = merge(settings, chosen, source)
    return settings


def _place(settings: Settings) -> str:
    store = settings.store
    return without_passwords(store) if ":" in store else str(Path(store).absolute())
