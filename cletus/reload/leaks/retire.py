"""After a reload: is the replaced code gone, and if not, what keeps it alive?"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads

from cletus.reload.leaks.describe import Describer
from cletus.reload.leaks.old_code import OldCode, collect, renew_main
from cletus.reload.leaks.search import HolderSearch
from cletus.reload.state.parking import ParkedStore

#: Seconds of work for the whole search, and in one turn of the reactor. There is a search only
#: when something is alive that should not be.
SEARCH_SECONDS = 2.0
SLICE_SECONDS = 0.01


def forget_statements() -> bool:
    """Empty the caches in which SQLAlchemy keeps compiled statements, and so the classes they are about.

    Returns:
        Whether there are any.
    """
    base: Any = sys.modules.get("sqlalchemy.engine.base")
    engines = [] if base is None else [obj for obj in gc.get_objects() if type(obj) is base.Engine]
    for engine in engines:
        engine.clear_compiled_cache()
    return bool(engines)


class LeakFinder:
    """Finds what keeps the code of one generation alive.

    Args:
        reactor: the search runs in its turns, a slice in each.
        old: the code that was replaced or refused.
        describer: puts the holders into words.
    """

    def __init__(self, reactor: Any, old: OldCode, describer: Describer) -> None:
        self._reactor = reactor
        self._old = old
        self._describer = describer
        self._search = HolderSearch(old, SEARCH_SECONDS)
        self._sentences: Deferred[list[str]] = Deferred()

    def run(self) -> Deferred[list[str]]:
        """Search, if anything is alive. Call ``collect()`` first.

        Returns:
            A sentence for each holder; none if the code is gone.
        """
        if self._old.alive() and renew_main(self._describer.application):
            collect()
        if self._old.alive() and forget_statements():
            collect()
        if self._old.alive():
            self._search_on(self._search.steps())
        else:
            self._sentences.callback([])
        return self._sentences

    def _search_on(self, steps: Iterator[None]) -> None:
        try:
            self._run_slice(steps)
        except Exception:  # noqa: BLE001 - the reload that waits for the search must end
            self._sentences.errback()

    def _run_slice(self, steps: Iterator[None]) -> None:
        end = time.perf_counter() + SLICE_SECONDS
        # On a Clock, as in tests, nobody waits for their turn.
        shares = IReactorThreads.providedBy(self._reactor)
        for _ in steps:
            if shares and time.perf_counter() > end:
                self._reactor.callLater(0, self._search_on, steps)
                return
        if not self._search.is_explained and self._old.alive() and gc.get_freeze_count():
            # The search does not see what `cletus run` has frozen. Unfrozen objects make every later
            # collection slower, so they are unfrozen only when nothing else explains the leak.
            gc.unfreeze()
            self._search = HolderSearch(self._old, SEARCH_SECONDS)
            self._run_slice(self._search.steps())
        else:
            self._sentences.callback(self._describe())

    def _describe(self) -> list[str]:
        alive = self._old.alive()
        if not alive:  # it has been freed during the search
            return []
        # What is parked is named as such: its store is gone.
        paths = [path for path in self._search.paths if not any(map(_is_parked, path))]
        is_parked = len(paths) < len(self._search.paths)
        holders = list(self._describer.unseen(self._old))
        holders += self._describer.paths(paths, but_vague=bool(holders))
        self._search.paths.clear()
        if is_parked and not holders:
            return []
        if not holders:
            holders = ["no holder is visible to Python: a running call, or C code"]
        if self._search.cut_off:
            holders.append(f"the search was cut off after {SEARCH_SECONDS:g} seconds")
        head = f"old code is still alive ({', '.join(alive)})"
        return [f"{head}: {holder}" for holder in holders]


def _is_parked(holder: Any) -> bool:
    return type(holder) is ParkedStore
