"""The setting ``store``: a path or a URL, and the backend that it names.

A path or ``file:`` URL is a folder of JSON files. Any other scheme is looked up in the entry point
group ``cletus.stores``: its name is the scheme, its value a callable that takes the URL and the
settings and returns a ``Backend``, not opened yet.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from urllib.parse import unquote, urlsplit

from cletus.errors import StoreUnusable, UnknownStoreScheme, without_passwords
from cletus.meters import Meters
from cletus.renamed import adopt_old_names
from cletus.settings.settings import Settings
from cletus.storage.backends.json_files import JsonFiles
from cletus.storage.backends.retries import Clock
from cletus.storage.backends.writer import InThread, Writer
from cletus.storage.interfaces import Backend, Fenced, Movable

GROUP = "cletus.stores"

#: Those that ship, imported when they are named: a service on files does without them.
_OURS = {
    "memory": "cletus.storage.backends.memory:from_url",
    "postgres": "cletus.storage.backends.postgresql:from_url",
    "postgresql": "cletus.storage.backends.postgresql:from_url",
    "sqlite": "cletus.storage.backends.sqlite:from_url",
}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")

Opener = Callable[[str, Settings], Backend]


def backend_for(settings: Settings) -> Backend:
    """The backend that ``settings.store`` asks for, not opened yet.

    Raises:
        UnknownStoreScheme: no installed package registers the scheme; the message names the known.
        StoreUnusable: the package that registers it cannot be imported, or the URL makes no sense.
    """
    url = settings.store
    folder = folder_of(url)
    if folder is not None:
        return JsonFiles(folder, sync=settings.store_sync)
    backend = _opener(url, _scheme(url))(url, settings)
    adopt_old_names(backend, "Backend")
    return backend


def folder_of(store: str) -> str | None:
    """The folder of files that a setting ``store`` names, as it is written there.

    Returns:
        its path, relative or not; ``None`` where the backend is not a folder of files, as with ``memory:``.

    Raises:
        StoreUnusable: it is a ``file:`` URL that makes no sense.
    """
    scheme = _scheme(store)
    if scheme == "file":
        return _path(store)
    return None if scheme else store


def shown(store: str) -> str:
    """The setting ``store`` as people are shown it: the path of a folder, or a URL without its password.

    ``""`` for what is in memory.
    """
    folder = folder_of(store)
    if folder is not None:
        return os.path.abspath(folder)
    return "" if _scheme(store) == "memory" else without_passwords(store)


def state_folder_of(store: str, beside: Path | None) -> str | None:
    """The folder of what belongs to a service on this store and is not a document, such as its control socket.

    Args:
        store: the setting.
        beside: the folder of the application; ``None`` if it is not known.

    Returns:
        the store itself if it is a folder; one beside the file of SQLite; ``.cletus`` beside the
        application for other databases. ``None`` for what ends with the process, as with ``memory:``.

    Raises:
        StoreUnusable: the URL makes no sense.
    """
    folder = folder_of(store)
    if folder is not None:
        return folder
    scheme = _scheme(store)
    if scheme == "sqlite":
        return f"{sqlite_path(store)}-control"
    return None if scheme == "memory" or beside is None else str(beside / ".cletus")


def _scheme(url: str) -> str:
    """In lower case; "" for a path."""
    match = _SCHEME.match(url)
    return "" if match is None else match[1].lower()


def sqlite_path(url: str) -> str:
    """``sqlite:talker.db`` and ``sqlite:///srv/talker.db`` as paths.

    Raises:
        StoreUnusable: the URL does not make sense.
    """
    parts = urlsplit(url)
    if parts.netloc or parts.query or parts.fragment or not parts.path.strip("/"):
        reason = (
            "write sqlite:///path/to/file.db, or sqlite:file.db for a file beside the application"
        )
        raise StoreUnusable(repr(url), reason)
    path = unquote(parts.path)
    return f"/{path.lstrip('/')}" if path.startswith("/") else path


def _path(url: str) -> str:
    """``file:store`` and ``file:///var/lib/talker`` as paths (RFC 8089; relative ones are ours)."""
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        raise StoreUnusable(repr(url), "a file: URL names no other machine; write file:///path")
    if not parts.path or parts.query or parts.fragment:
        raise StoreUnusable(repr(url), "a file: URL needs a path and nothing after it")
    return unquote(parts.path)


def _opener(url: str, scheme: str) -> Opener:
    openers = {point.name: point.value for point in entry_points(group=GROUP)} | _OURS
    if scheme not in openers:
        raise UnknownStoreScheme(url, scheme, [*openers, "file"])
    try:
        opener: Opener = resolve_name(openers[scheme])
    except Exception as error:
        hint = ": pip install 'cletus-live[postgresql]'" if scheme.startswith("postgres") else ""
        text = f"{error}{hint}" if isinstance(error, ImportError) else repr(error)
        reason = f"{openers[scheme]} cannot be imported: {text}"
        raise StoreUnusable(repr(url), reason) from error
    return opener


def open_writer(
    settings: Settings,
    clock: Clock,
    in_thread: InThread,
    meters: Meters,
    epoch: int = 0,
) -> Writer:
    """Open the backend.

    Args:
        settings: those of stores say where it is and how it saves.
        clock: the reactor.
        in_thread: as for ``Writer``.
        meters: count what is saved.
        epoch: of the primary of a cluster, for a ``Fenced`` backend; else 0.

    Raises:
        StoreUnusable: it cannot be opened.
    """
    backend = backend_for(settings)
    if epoch and isinstance(backend, Fenced):
        backend.claim(epoch)
    else:
        backend.open()
    interval, group_max = settings.store_interval, settings.store_group_max
    return Writer(backend, clock, in_thread, interval, group_max, meters)


def adopt_writer(
    settings: Settings,
    clock: Clock,
    in_thread: InThread,
    meters: Meters,
    descriptor: int,
    state: Any,
) -> Writer:
    """As ``open_writer``, for a store that another process has left to this one.

    Args:
        settings: as there.
        clock: as there.
        in_thread: as there.
        meters: as there.
        descriptor: what ``Movable.leave`` has returned in the other process.
        state: what ``Movable.leave`` has returned there.

    Raises:
        StoreUnusable: it is another store, or its backend cannot be handed over.
    """
    backend = backend_for(settings)
    if not isinstance(backend, Movable):
        raise StoreUnusable(settings.store, "its backend cannot be handed to another process")
    backend.adopt(descriptor, state)
    interval, group_max = settings.store_interval, settings.store_group_max
    return Writer(backend, clock, in_thread, interval, group_max, meters)
