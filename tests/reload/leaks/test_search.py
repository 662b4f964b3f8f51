"""The search for what keeps old code alive."""

from __future__ import annotations

import time

from cletus.reload.leaks.search import HolderSearch
from tests.reload.hosting import host, old_module

__all__ = ["host"]


def test_search_is_given_up(host):
    """A search that takes too long ends, and says so."""
    module, old = old_module("class A: pass")
    host.things.append(module.A)
    search = HolderSearch(old, 0.0)
    for _ in search.steps():
        pass
    assert search.cut_off
    assert search.paths == []


def test_search_lets_others_run(host):
    """No step of a search takes long, whatever the process holds."""
    module, old = old_module("class A: pass")
    host.things.append(module.A)
    ballast = [{"one": [number], "two": (number, [])} for number in range(100_000)]
    search = HolderSearch(old, 60.0)
    steps, slowest, start = 0, 0.0, time.thread_time()
    for _ in search.steps():
        now = time.thread_time()
        slowest, start, steps = max(slowest, now - start) if steps else 0.0, now, steps + 1
    assert steps > 50
    assert slowest < 0.05
    assert not search.cut_off
    assert search.paths
    del ballast
