"""Nothing that a primary keeps of the one before holds code that a reload has replaced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from cletus.cluster.checkpoint import SavedDigests
from cletus.cluster.resumption import Resumption
from cletus.testing import StepClock, staged
from tests.cluster.conftest import ClusterLantern, now
from tests.example.conftest import ROOT


@pytest.fixture
def talker() -> Iterator[Any]:
    clock = StepClock()
    with staged("example_service", ROOT, clock) as service:
        yield ClusterLantern(service, clock, session_interval=5.0)


def assert_leaves_no_old_code(talker: Any) -> None:
    for number in range(3):
        report = talker.reload(talk=lambda text, n=number: text + f"\n# {n}\n")
        assert report.ok, report
        assert report.holders == []


def test_r4_a_reload_of_a_new_primary_leaves_no_old_code(talker: Any) -> None:
    ann = talker.person("Ann")
    talker.clock.advance(10)
    assert_leaves_no_old_code(talker)
    ann.says("hello")
    assert "You say: hello" in ann.transcript


def test_r4_a_reload_before_all_have_gone_on_leaves_no_old_code(talker: Any) -> None:
    """Somebody is in the middle of a question, and their gateway has not answered yet."""
    talker.person("Ann")
    talker.connect().says("Bob")  # asked whether to make an account
    for _ in range(12):
        talker.clock.advance(1)
    bus = talker.door._bus
    pieces = now(talker.clock, bus.session())
    assert pieces
    service = talker.service
    saved = SavedDigests(service.session.writer)
    resumption = Resumption(service, saved, pieces)
    now(talker.clock, Deferred.fromCoroutine(resumption.run(lambda _left, _state: None)))
    resumption.take_timers()
    assert resumption._lost
    assert_leaves_no_old_code(talker)
    resumption.begin()  # they have not come
