"""Seeing old code off."""

from __future__ import annotations

import gc
import sys

import pytest
from twisted.internet import reactor

from cletus.reload.effects.registrations import CallSites
from cletus.reload.leaks.describe import Describer
from cletus.reload.leaks.old_code import collect
from cletus.reload.leaks.retire import LeakFinder
from cletus.service.application import Application
from tests.reload.hosting import host, old_module

__all__ = ["host"]


def test_retirement_shares_the_reactor(host):
    """With a real reactor the search is spread over turns."""
    module, old = old_module("class A: pass")
    host.things.append(module.A)
    ballast = [[number] for number in range(100_000)]
    turns = []

    def count() -> None:
        turns.append(1)
        if not done.called:
            reactor.callLater(0, count)

    reactor.callLater(0, count)
    words = Describer(Application(), CallSites(), [])
    done = LeakFinder(reactor, old, words).run()
    assert not done.called

    def named(holders: list[str]) -> None:
        assert len(turns) > 1
        assert "old.A is held by `things` of the module host" in holders[0]
        ballast.clear()

    return done.addCallback(named)


def test_what_nothing_shows_is_said_honestly():
    """Where no holder can be seen, that is what is said."""
    module, old = old_module("class A: pass")
    held = module.A  # a local variable of a running call
    del module
    collect()
    sentences = []
    LeakFinder(None, old, Describer(Application(), CallSites(), [])).run().addCallback(
        sentences.extend
    )
    assert held is not None
    assert len(sentences) == 1
    assert sentences[0].startswith("old code is still alive (old): ")
    assert "a running call, or C code" in sentences[0]


@pytest.mark.usefixtures("frozen_is_searched")
@pytest.mark.parametrize("frozen", [False, True])
def test_what_is_frozen_is_looked_at_if_nothing_else_explains_it(monkeypatch, frozen):
    """And not before: what is thawed makes every later collection longer."""
    gc.freeze()
    host = type(sys)("host")
    monkeypatch.setitem(sys.modules, "host", host)
    module, old = old_module("class A: pass")
    host.things = [module.A]
    del module
    collect()
    if frozen:
        gc.freeze()
    sentences = []
    LeakFinder(None, old, Describer(Application(), CallSites(), [])).run().addCallback(
        sentences.extend
    )
    assert "old.A is held by `things` of the module host" in sentences[0]
    assert bool(gc.get_freeze_count()) is not frozen


def test_nothing_alive_nothing_searched():
    """When the code is gone, the answer comes at once."""
    module, old = old_module("class A: pass")
    del module
    collect()
    sentences = []
    LeakFinder(None, old, Describer(Application(), CallSites(), [])).run().addCallback(
        sentences.append
    )
    assert sentences == [[]]
