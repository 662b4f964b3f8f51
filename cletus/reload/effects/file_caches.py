"""What the standard library keeps of the application's data files, by their paths.

A start reads these files; a reload that goes on with what was read before would not show an edit.
"""

from __future__ import annotations

import gettext
import linecache
import os
from typing import Any

from cletus.service.application import Application


class FileCaches:
    """Forgets what is kept of files below the application's folders.

    Args:
        application: whose files they are.
    """

    def __init__(self, application: Application) -> None:
        self._folders = tuple(
            str(root.path if root.is_package else root.path.parent) + os.sep
            for root in application.roots
        )
        self._translations: dict[Any, Any] = {}

    def forget(self) -> None:
        """Let each file be read again when it is next asked for."""
        cache = _translations()
        # The key is the class and the path of the catalogue.
        for key in [key for key in cache if str(key[1]).startswith(self._folders)]:
            self._translations[key] = cache.pop(key)
        # Modules have entries without a time stamp, which linecache does not compare with the file.
        stamped = [path for path, entry in linecache.cache.items() if entry[1:2] != (None,)]
        for path in stamped:
            if path.startswith(self._folders):
                linecache.checkcache(path)

    def restore(self) -> None:
        """The reload was refused: what was read before goes on."""
        _translations().update(self._translations)
        self._translations.clear()


def _translations() -> dict[Any, Any]:
    """The catalogues that ``gettext.translation`` has read. There is no public way to them."""
    cache: dict[Any, Any] = getattr(gettext, "_translations", {})
    return cache
