"""Threads of the application that hang delay neither saves nor logins."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.selectreactor import SelectReactor

from cletus.reactor.threads import RELOADS, SAVES, call_in_thread


def test_each_sort_of_work_has_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    reactor = SelectReactor()
    pools: list[Any] = []

    def defer(_: object, pool: Any, *__: object) -> Deferred[None]:
        pools.append(pool)
        return Deferred()

    monkeypatch.setattr("cletus.reactor.threads.deferToThreadPool", defer)
    for pool in (None, SAVES, RELOADS, SAVES):
        call_in_thread(reactor, print, pool=pool)
    application, saves, reloads, again = pools
    assert len({application, saves, reloads}) == 3
    assert again is saves
    assert saves.max == SAVES.size
    assert application is reactor.getThreadPool()
