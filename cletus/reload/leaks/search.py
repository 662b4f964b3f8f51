"""What keeps old code alive: a breadth-first search for referrers, with the garbage collector.

Each step finds the objects that refer to those found before, until it meets a root: a module, the
service, a thread, or an object that nothing refers to. A step looks at every object of the process
once, a few thousand at a time, so that the caller can let others run in between.
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

#: Objects looked at between two chances for others to run; about a millisecond.
_CHUNK = 2000
#: The search ends when it has found this many holders.
_ENOUGH = 10
#: Objects that live in their own right.
_ROOTS = (ApplicationAttributes, Session, threading.Thread)

#: From a part of the old code to a root, each object held by the next.
Path = list[Any]


class HolderSearch:
    """One search.

    Args:
        old: the code that is still alive.
        seconds: of work, after which the search is cut off.

    Attributes:
        paths: the shortest first.
        cut_off: whether the search was cut off.
        is_explained: whether a path ends at a root.
    """

    def __init__(self, old: OldCode, seconds: float) -> None:
        self._old = old
        self._seconds = seconds
        self._roots: set[int] = set()
        self.paths: list[Path] = []
        self.cut_off = False
        self.is_explained = False

    def steps(self) -> Iterator[None]:
        """Run the search. Between two steps, others may run."""
        everything = gc.get_objects()
        core = [*self._old.survivors(), *self._old.namespaces()]
        reached: dict[int, Any] = {id(part): part for part in core}
        inwards: dict[int, int] = {}
        frontier = set(reached)
        self._roots = _roots() - frontier
        while frontier and len(self.paths) < _ENOUGH and not self.cut_off:
            referred: set[int] = set()
            holders: dict[int, Any] = {}
            for chunk in self._chunks(everything):
                for holder, held in _holders(chunk, frontier):
                    referred |= held
                    if id(holder) not in reached:
                        holders[id(holder)] = holder
                        inwards.setdefault(id(holder), min(held))
                yield
            reached.update(holders)
            if not self.cut_off:
                for number in frontier - referred:
                    self._add(number, reached, inwards)
            for number in [number for number in holders if self._is_root(holders[number])]:
                self.is_explained = True
                self._add(number, reached, inwards)
                del holders[number]
            frontier = set(holders)

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

    def _is_root(self, holder: Any) -> bool:
        return id(holder) in self._roots or issubclass(type(holder), _ROOTS)


def _roots() -> set[int]:
    """All loaded modules, and their namespaces."""
    modules = list(sys.modules.values())
    return {id(module) for module in modules} | {
        id(module.__dict__) for module in modules if isinstance(module, ModuleType)
    }


def _holders(chunk: list[Any], wanted: set[int]) -> Iterator[tuple[Any, set[int]]]:
    """The objects in a chunk that refer to wanted ones, each with those that it refers to."""
    # Asking for all of them at once takes a tenth of the time of asking for each.
    if wanted.isdisjoint(map(id, gc.get_referents(*chunk))):
        return
    for obj in chunk:
        held = wanted.intersection(map(id, gc.get_referents(obj)))
        if held and not _is_search(obj):
            yield obj, held


def _is_search(obj: Any) -> bool:
    """Whether this is the search itself, whose frames hold what it has found."""
    return isinstance(obj, GeneratorType) and obj.gi_code in _SEARCH


_SEARCH = {function.__code__ for function in (HolderSearch.steps, HolderSearch._chunks, _holders)}
