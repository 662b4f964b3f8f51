"""A rate, and a queue with bounds."""

from __future__ import annotations

from twisted.internet.task import Clock

from cletus.contrib.irc.flood import Queue, Rate


def everything(target):
    return True


def test_a_burst_is_allowed_and_then_a_rate():
    clock = Clock()
    rate = Rate(0.5, 3, clock.seconds)
    assert [rate.take() for _ in range(4)] == [True, True, True, False]
    assert rate.wait == 2.0
    clock.advance(2.0)
    assert [rate.take() for _ in range(2)] == [True, False]
    clock.advance(1000.0)
    assert [rate.take() for _ in range(4)] == [True, True, True, False]


def test_speakers_take_turns():
    queue = Queue(10_000, 60, Clock().seconds)
    for number in range(3):
        queue.put("ann", "#lamp", f"ann {number}")
    queue.put("bob", "#lamp", "bob 0")
    texts = [message[1] for message in iter(lambda: queue.take(everything), None)]
    assert texts == ["ann 0", "bob 0", "ann 1", "ann 2"]
    assert len(queue) == 0


def test_one_speaker_has_a_quarter_of_the_bytes_and_all_have_all():
    queue = Queue(400, 60, Clock().seconds)
    for _ in range(2):
        queue.put("ann", "#lamp", "x" * 60)  # the second is over 100
    assert queue.left_out == {"#lamp": 1}
    for number in range(10):
        queue.put(str(number), "#lamp", "x" * 60)
    assert len(queue) == 6
    assert queue.left_out == {"#lamp": 6}


def test_what_waits_too_long_is_left_out_and_counted():
    clock = Clock()
    queue = Queue(400, 60, clock.seconds)
    queue.put("ann", "#lamp", "old")
    clock.advance(30)
    queue.put("ann", "#lamp", "new")
    clock.advance(31)
    assert queue.take(everything) == ("#lamp", "new")
    assert queue.left_out == {"#lamp": 1}
    assert queue.take(everything) is None


def test_a_channel_that_is_closed_holds_up_no_other():
    queue = Queue(4000, 60, Clock().seconds)
    queue.put("ann", "#lamp", "waits")
    queue.put("ann", "#open", "goes")
    assert queue.take(lambda target: target == "#open") == ("#open", "goes")
    assert len(queue) == 1
