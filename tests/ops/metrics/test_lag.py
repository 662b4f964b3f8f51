"""How late the event loop comes."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from cletus.meters import Timing
from cletus.ops.prometheus import LAG_INTERVAL, LagProbe


@pytest.fixture
def timing():
    return Timing("lag_seconds", "Lag.")


def test_a_punctual_loop_has_no_lag(timing):
    clock = Clock()
    probe = LagProbe(clock, timing)
    probe.start()
    clock.pump([LAG_INTERVAL] * 3)
    ((_, counts, total),) = timing.read()
    assert (counts[0], total) == (3, 0.0)
    probe.stop()
    probe.stop()
    assert clock.getDelayedCalls() == []


def test_what_takes_long_is_seen(timing):
    """The loop comes back 0.3 s late, once; what follows is punctual again."""
    clock = Clock()
    probe = LagProbe(clock, timing)
    probe.start()
    clock.advance(LAG_INTERVAL + 0.3)
    clock.advance(LAG_INTERVAL)
    ((_, counts, total),) = timing.read()
    assert sum(counts) == 2
    assert total == pytest.approx(0.3)
    probe.stop()
