"""Files that module bodies write while they are imported: each reload would write them again, without end.

When a file was written is all that there is to see, and somebody may save one while an import runs. So a
file is taken for generated only if it comes again after several imports in a row.
"""

from __future__ import annotations

import os
import time
from typing import Final

from cletus.reload.code.sources import Sources

#: After how many imports in a row a file is reloaded before it is taken for generated.
_RELOADS: Final = 2
#: Seconds by which the time of a file may be behind the clock: the kernel counts it in ticks.
_COARSE: Final = 0.02


class GeneratedFiles:
    """What is known of them in one service."""

    def __init__(self) -> None:
        #: Between which times, in seconds since the epoch, the application was imported last.
        self._imported = (0.0, 0.0)
        #: The real paths that this import has written; ``None`` if that is not known.
        self._written: frozenset[str] | None = None
        #: The modules and data files that have been found to be generated.
        self._known: set[str] = set()
        #: After how many imports in a row each of them has changed.
        self._in_a_row: dict[str, int] = {}

    def imported(self, started_at: float, written: frozenset[str] | None = None) -> None:
        """An import has ended.

        Args:
            started_at: when it began, in seconds since the epoch.
            written: real paths of the files that it has written; ``None`` if that is not known.
        """
        self._imported = started_at - _COARSE, time.time()
        self._written = written

    def among(self, sources: Sources, before: dict[str, bytes]) -> set[str]:
        """The modules and data files that have changed, by name, if all are generated; or none.

        Modules that are known to be generated are reloaded once nevertheless, since the import may have
        found their former text; data was read by the import itself.

        Args:
            sources: the files as they are now.
            before: the digests, by name, of the files that were imported last.
        """
        changed = {name for name, digest in sources.digests().items() if before.get(name) != digest}
        saved = {name for name in changed if not self._may_be(sources, name)}
        if saved or not changed:
            self._known -= saved
            self._in_a_row = {}
            return set()
        if self._written is not None:
            self._known |= changed
        self._in_a_row = {name: self._in_a_row.get(name, 0) + 1 for name in changed}
        for name, count in self._in_a_row.items():
            if count <= (name in sources.modules if name in self._known else _RELOADS):
                return set()
        self._known |= changed
        return changed

    def _may_be(self, sources: Sources, name: str) -> bool:
        """Whether the last import may have written this file."""
        groups = (sources.modules, sources.extensions, sources.files)
        path = str(next(group[name].path for group in groups if name in group))
        if self._written is not None and os.path.realpath(path) not in self._written:
            return False
        start, end = self._imported
        return start <= sources.stamps[path][-1] / 1e9 <= end
