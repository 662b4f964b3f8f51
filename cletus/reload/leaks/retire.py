"""Seeing old code off: collecting it, and naming what it left behind or what still holds it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.interfaces import IReactorThreads

from cletus.reload.leaks.describe import Describer
from cletus.reload.leaks.old_code import OldCode, collect, renew_main
from cletus.reload.leaks.search import HolderSearch

#: Seconds of work that the search for holders may take altogether, and in one turn of the reactor.
#: It only runs when there is something to be found.
SEARCH_SECONDS = 2.0
SLICE_SECONDS = 0.01


class LeakFinder:
    """Finds out what keeps the code of one generation alive.

    Args:
        reactor: in whose turns the search is run.
        old: the code.
        words: describe what is found.
        done: is called with the sentences; none if the old code is gone.
    """

    def __init__(
        self, reactor: Any, old: OldCode, words: Describer, done: Callable[[list[str]], None]
    ) -> None:
        self._reactor = reactor
        self._old = old
        self._words = words
        self._done = done
        self._search = HolderSearch(old, SEARCH_SECONDS)

    def begin(self) -> None:
        """Look whether anything is alive, and if so, for what holds it. Collect before."""
        if self._old.alive() and renew_main(self._words.application):
            collect()
        if self._old.alive():
            self._go_on(self._search.steps())
        else:
            self._done([])

    def _go_on(self, steps: Iterator[None]) -> None:
        end = time.perf_counter() + SLICE_SECONDS
        # Without a real reactor, as in tests, nobody waits.
        patient = IReactorThreads.providedBy(self._reactor)
        for _ in steps:
            if patient and time.perf_counter() > end:
                self._reactor.callLater(0, self._go_on, steps)
                return
        if not self._search.is_explained and self._old.alive() and gc.get_freeze_count():
            # What `cletus run` has frozen, which a search does not see, may be what holds it. It stays
            # thawed, and that makes each later collection longer: so it is the last resort.
            gc.unfreeze()
            self._search = HolderSearch(self._old, SEARCH_SECONDS)
            self._go_on(self._search.steps())
        else:
            self._done(self._sentences())

    def _sentences(self) -> list[str]:
        alive = self._old.alive()
        if not alive:  # it has ended while it was being searched for
            return []
        found = list(self._words.unseen(self._old))
        found += self._words.paths(self._search.paths, but_vague=bool(found))
        self._search.paths.clear()
        if not found:
            found = ["nothing that Python tells holds it: a running call, or C code"]
        if self._search.cut_off:
            found.append(f"the search was given up after {SEARCH_SECONDS:g} seconds")
        head = f"old code is still alive ({', '.join(alive)})"
        return [f"{head}: {one}" for one in dict.fromkeys(found)]
