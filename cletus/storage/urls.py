"""The setting ``store``: a path or a URL, and the home that it stands for.

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
from cletus.settings import Settings
from cletus.storage.backend import Backend
from cletus.storage.json_files import JsonFiles

GROUP = "cletus.stores"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")

Opener = Callable[[str, Settings], Backend]


def backend_for(settings: Settings) -> Backend:
    """The home that ``settings.store`` asks for, not opened yet.

    Raises:
        UnknownStoreScheme: no installed package registers the scheme; the message names the known.
        StoreUnusable: the package that registers it cannot be imported, or the URL makes no sense.
    """
    url = settings.store
    match = _SCHEME.match(url)
    if match is None:
        return JsonFiles(url, sync=settings.store_sync)
    scheme = match[1].lower()
    if scheme == "file":
        return JsonFiles(_path(url), sync=settings.store_sync)
    return _opener(url, scheme)(url, settings)


def _path(url: str) -> str:
    """``file:store`` and ``file:///var/lib/talker`` as paths (RFC 8089; relative ones are ours)."""
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        raise StoreUnusable(repr(url), "a file: URL names no other machine; write file:///path")
    if not parts.path or parts.query or parts.fragment:
        raise StoreUnusable(repr(url), "a file: URL needs a path and nothing after it")
    return unquote(parts.path)


def _opener(url: str, scheme: str) -> Opener:
    found: dict[str, EntryPoint] = {point.name: point for point in entry_points(group=GROUP)}
    if scheme not in found:
        raise UnknownStoreScheme(url, scheme, [*found, "file"])
    try:
        opener: Opener = found[scheme].load()
    except Exception as error:
        raise StoreUnusable(
            repr(url), f"{found[scheme].value} cannot be imported: {error}"
        ) from error
    return opener
