"""The setting ``store``: a path or a URL, and the backend that it names.

A path or ``file:`` URL is a folder of JSON files. Any other scheme is looked up in the entry point
group ``cletus.stores``: its name is the scheme, its value a callable that takes the URL and the
settings and returns a ``Backend``, not opened yet.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from urllib.parse import unquote, urlsplit

from cletus.errors import StoreUnusable, UnknownStoreScheme
from cletus.meters import Meters
from cletus.renamed import adopt_old_names
from cletus.settings.settings import Settings
from cletus.storage.backends.json_files import JsonFiles
from cletus.storage.backends.retries import Clock
from cletus.storage.backends.writer import InThread, Writer
from cletus.storage.interfaces import Backend

GROUP = "cletus.stores"

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


def _scheme(url: str) -> str:
    """In lower case; "" for a path."""
    match = _SCHEME.match(url)
    return "" if match is None else match[1].lower()


def _path(url: str) -> str:
    """``file:store`` and ``file:///var/lib/talker`` as paths (RFC 8089; relative ones are ours)."""
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        raise StoreUnusable(repr(url), "a file: URL names no other machine; write file:///path")
    if not parts.path or parts.query or parts.fragment:
        raise StoreUnusable(repr(url), "a file: URL needs a path and nothing after it")
    return unquote(parts.path)


def _opener(url: str, scheme: str) -> Opener:
    openers: dict[str, EntryPoint] = {point.name: point for point in entry_points(group=GROUP)}
    if scheme not in openers:
        raise UnknownStoreScheme(url, scheme, [*openers, "file"])
    try:
        opener: Opener = openers[scheme].load()
    except Exception as error:
        raise StoreUnusable(
            repr(url), f"{openers[scheme].value} cannot be imported: {error}"
        ) from error
    return opener


def open_writer(settings: Settings, clock: Clock, in_thread: InThread, meters: Meters) -> Writer:
    """Open the backend.

    Args:
        settings: those of stores say where it is and how it saves.
        clock: the reactor.
        in_thread: as for ``Writer``.
        meters: count what is saved.

    Raises:
        StoreUnusable: it cannot be opened.
    """
    backend = backend_for(settings)
    backend.open()
    interval, group_max = settings.store_interval, settings.store_group_max
    return Writer(backend, clock, in_thread, interval, group_max, meters)
