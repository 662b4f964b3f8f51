"""What is counted, without anybody who reads it."""

from __future__ import annotations

import pytest

from cletus import Service
from cletus.errors import MeterError
from cletus.meters import BOUNDS, LABELS_MAX, Counter, Gauge, Meters, Timing


def test_a_counter_counts():
    counter = Meters().counter("talker_jokes", "Jokes.")
    counter.add()
    counter.add(2)
    counter.value += 1
    assert list(counter.read()) == [((), 4)]


def test_a_counter_counts_by_label():
    counter = Meters().counter("talker_jokes", "Jokes.")
    counter.add(kind="good", by="ann")
    counter.add(3, by="ann", kind="good")
    counter.add(kind="bad", by="ann")
    assert dict(counter.read()) == {
        (("by", "ann"), ("kind", "good")): 4,
        (("by", "ann"), ("kind", "bad")): 1,
    }


def test_a_gauge_stands_as_it_was_set():
    gauge = Meters().gauge("talker_rooms", "Rooms.")
    gauge.set(5)
    gauge.set(3)
    assert list(gauge.read()) == [((), 3)]
    gauge.set(2, floor="cellar")
    assert list(gauge.read()) == [((("floor", "cellar"),), 2)]


def test_a_high_water_mark_only_rises():
    gauge = Gauge("x", "X.")
    for value in (3, 7, 5):
        gauge.raise_to(value)
    assert gauge.value == 7


def test_a_timing_knows_how_often_and_how_long():
    """A value on a bound is counted below it, as Prometheus has it."""
    timing = Timing("x_seconds", "X.")
    for seconds in (0.0, BOUNDS[0], BOUNDS[-1], BOUNDS[-1] + 1):
        timing.observe(seconds)
    ((labels, counts, total),) = timing.read()
    assert labels == ()
    assert (counts[0], counts[-2], counts[-1]) == (2, 1, 1)
    assert total == pytest.approx(2 * BOUNDS[-1] + 1 + BOUNDS[0])


def test_a_timing_can_be_seen_before_it_is_observed():
    timing = Timing("x_seconds", "X.")
    assert list(timing.read()) == []
    timing.begin(phase="stage")
    assert list(timing.read()) == [((("phase", "stage"),), [0] * (len(BOUNDS) + 1), 0.0)]


@pytest.mark.parametrize("kind", [Counter, Gauge, Timing])
def test_labels_that_people_choose_do_not_fill_the_memory(kind):
    """Past the bound they are counted together; those that are known stay apart."""
    meter = kind("x", "X.")
    count = {Counter: meter.add if kind is Counter else None, Gauge: getattr(meter, "set", None),
             Timing: getattr(meter, "observe", None)}[kind]  # fmt: skip
    for number in range(LABELS_MAX + 50):
        count(1, name=str(number))
    count(1, name="0")
    labels = [one[0] for one in meter.read()]
    assert len(labels) == LABELS_MAX + 1
    assert labels[-1] == (("name", "other"),)
    if kind is Counter:
        assert dict(meter.read())[("name", "other"),] == 50
        assert dict(meter.read())[("name", "0"),] == 2


def test_a_meter_is_the_same_under_its_name():
    """A module body that a reload runs again gets the one that has counted so far."""
    meters = Meters()
    counter = meters.counter("talker_jokes", "Jokes.")
    again = meters.counter("talker_jokes", "Good jokes.")
    assert again is counter
    assert counter.help == "Good jokes."


@pytest.mark.parametrize(
    "name", ["", "two words", "1st", "é", "jokes_total", "x_bucket", "a-b", "cletus_lines_count"]
)
def test_a_name_that_prometheus_would_not_take_is_an_error(name):
    with pytest.raises(MeterError, match="letters, digits and _"):
        Meters().counter(name, "X.")


def test_a_name_of_another_kind_is_an_error():
    with pytest.raises(MeterError, match="'cletus_lines': it is a counter already"):
        Meters().gauge("cletus_lines", "X.")


def test_services_do_not_share_their_meters():
    assert Service().metrics is not Service().metrics
