"""Lets ``pkgutil.iter_modules`` list the modules of a generation instead of the files on disk.

While modules are imported, the files may be others than those that the generation is made of: a
rollback leaves them as they are, and somebody may be saving.
"""

from __future__ import annotations

import os
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import FileFinder, SourceFileLoader
from typing import Any

from cletus.reload.code.sources import Sources
from cletus.service.application import Application


class _Listing(FileFinder):
    """Python's own finder for one folder of the application, which knows the modules in it."""

    names: dict[str, bool]


def _modules_of(listing: _Listing, prefix: str = "") -> Iterator[tuple[str, bool]]:
    return ((prefix + name, listing.names[name]) for name in sorted(listing.names))


pkgutil.iter_importer_modules.register(_Listing, _modules_of)  # type: ignore[attr-defined]  # singledispatch


@contextmanager
def listing(application: Application, sources: Sources) -> Iterator[None]:
    """List these sources as what the folders of the application hold.

    Args:
        application: whose packages are listed.
        sources: of the generation that is imported.
    """
    cache: dict[str, Any] = sys.path_importer_cache
    before = {}
    try:
        for folder, names in _folders(application, sources).items():
            before[folder] = cache.get(folder)
            cache[folder] = finder = _Listing(folder, (SourceFileLoader, [".py"]))
            finder.names = names
        yield
    finally:
        for folder, former in before.items():
            cache.pop(folder, None)
            if former is not None:
                cache[folder] = former


def _folders(application: Application, sources: Sources) -> dict[str, dict[str, bool]]:
    """The modules in each folder by name, and whether they are packages."""
    folders: dict[str, dict[str, bool]] = {}
    packages = {root.name for root in application.roots if root.is_package}
    files = {root.name for root in application.roots} - packages
    for name, source in sources.modules.items():
        if name in files:
            continue
        folder = source.folder
        if source.is_package:
            folders.setdefault(folder, {})
            folder = os.path.dirname(folder)
        if name not in packages:
            folders.setdefault(folder, {})[name.rpartition(".")[2]] = source.is_package
    return folders
