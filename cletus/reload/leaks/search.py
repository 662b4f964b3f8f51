"""What keeps old code alive: a search outwards from it, through the garbage collector's view.

Each step asks who refers to what was found before, until something is met that lives by its own
right: a module, the service, the reactor, a thread, or something that no object refers to. It looks
at every object of the process once a step, a few thousand at a time, so that whoever runs the
search can let others run in between.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Iterator
from types import GeneratorType, ModuleType
from typing import Any

from cletus.client.attributes import ApplicationAttributes
from cletus.reload.leaks.old_code import OldCode
from cletus.service.session import Session

#: Objects looked at between two chances to let others run; about a millisecond.
_CHUNK = 2000
#: So many different holders are enough to be told.
_ENOUGH = 10
#: What lives by its own right.
_ROOTS = (ApplicationAttributes, Session, threading.Thread)

#: From a part of the old code outwards; the last one lives by its own right.
Path = list[Any]


class HolderSearch:
    """One search.

    Args:
        old: the code that is still alive.
        seconds: of work, after which it is given up.

    Attributes:
        paths: what was found, the shortest paths first.
        cut_off: whether it was given up.
        is_explained: whether one of the paths ends with something that lives by its own right.
    """

    def __init__(self, old: OldCode, seconds: float) -> None:
        self._old = old
        self._seconds = seconds
        self._roots: set[int] = set()
        self.paths: list[Path] = []
        self.cut_off = False
        self.is_explained = False

    def steps(self) -> Iterator[None]:
        """The search; between two steps, others may run."""
        everything = gc.get_objects()
        core = [*self._old.survivors(), *self._old.namespaces()]
        reached: dict[int, Any] = {id(one): one for one in core}
        inwards: dict[int, int] = {}
        frontier = set(reached)
        self._roots = _roots() - frontier
        while frontier and len(self.paths) < _ENOUGH and not self.cut_off:
            referred: set[int] = set()
            found: dict[int, Any] = {}
            for chunk in self._chunks(everything):
                for holder, held in _holders(chunk, frontier):
                    referred |= held
                    if id(holder) not in reached:
                        found[id(holder)] = holder
                        inwards.setdefault(id(holder), min(held))
                yield
            reached.update(found)
            if not self.cut_off:
                for number in frontier - referred:
                    self._add(number, reached, inwards)
            for number in [one for one in found if self._is_root(found[one])]:
                self.is_explained = True
                self._add(number, reached, inwards)
                del found[number]
            frontier = set(found)

    def _chunks(self, everything: list[Any]) -> Iterator[list[Any]]:
        for start in range(0, len(everything), _CHUNK):
            began = time.thread_time()  # work, not waiting for a busy processor
            yield everything[start : start + _CHUNK]
            self._seconds -= time.thread_time() - began
            if self._seconds < 0:
                self.cut_off = True
                return

    def _add(self, number: int, reached: dict[int, Any], inwards: dict[int, int]) -> None:
        path = [reached[number]]
        while number in inwards:
            number = inwards[number]
            path.append(reached[number])
        self.paths.append(path[::-1])

    def _is_root(self, one: Any) -> bool:
        return id(one) in self._roots or issubclass(type(one), _ROOTS)


def _roots() -> set[int]:
    """The modules of others and of the code in force, and their namespaces."""
    modules = list(sys.modules.values())
    return {id(one) for one in modules} | {
        id(one.__dict__) for one in modules if isinstance(one, ModuleType)
    }


def _holders(chunk: list[Any], wanted: set[int]) -> Iterator[tuple[Any, set[int]]]:
    """Those in a chunk that refer to something wanted, each with what it refers to of it."""
    # One look at all together is a tenth of the work of one at each.
    if wanted.isdisjoint(map(id, gc.get_referents(*chunk))):
        return
    for one in chunk:
        held = wanted.intersection(map(id, gc.get_referents(one)))
        if held and not _is_ours(one):
            yield one, held


def _is_ours(one: Any) -> bool:
    """Whether this is the search itself, whose frames hold what it has found."""
    return isinstance(one, GeneratorType) and one.gi_code in _OURS


_OURS = {one.__code__ for one in (HolderSearch.steps, HolderSearch._chunks, _holders)}
