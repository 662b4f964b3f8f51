"""The outbox: one piece a turn, a bound for those who do not read."""

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from cletus.client.output import Outbox, Turn


def test_what_is_put_in_a_turn_is_sent_as_one_piece():
    sent = []
    outbox = Outbox(sent.append, 0)
    outbox.put(b"a")
    outbox.put(b"b")
    outbox.flush()
    outbox.flush()
    assert sent == [b"ab"]


def test_nothing_is_sent_to_who_does_not_read_until_they_do():
    sent = []
    outbox = Outbox(sent.append, 10)
    outbox.paused = True
    outbox.put(b"12345")
    outbox.flush()
    assert sent == []
    outbox.paused = False
    outbox.flush()
    assert sent == [b"12345"]


def test_past_the_limit_nothing_is_kept_any_more():
    outbox = Outbox(lambda _: None, 10)
    outbox.paused = True
    outbox.put(b"1234567890")
    assert not outbox.overflowed
    outbox.put(b"1")
    assert outbox.overflowed
    outbox.put(b"x" * 1000)
    assert outbox.size == 11


def test_who_reads_may_be_sent_more_than_the_limit_at_once():
    sent = []
    outbox = Outbox(sent.append, 10)
    outbox.put(b"x" * 100)
    outbox.flush()
    assert (sent, outbox.overflowed) == ([b"x" * 100], False)


def test_a_call_asked_for_twice_in_a_turn_is_made_once():
    clock, calls = Clock(), []
    turn = Turn(clock.callLater)

    def call() -> None:
        calls.append(1)

    turn.at_end(call)
    turn.at_end(call)
    assert calls == []
    clock.advance(0)
    assert calls == [1]
    turn.at_end(call)
    clock.advance(0)
    assert calls == [1, 1]


def test_what_fails_at_the_end_of_a_turn_costs_nobody_else_their_output():
    clock, calls, logged = Clock(), [], []
    turn = Turn(clock.callLater)
    turn.at_end(lambda: 1 / 0)
    turn.flush(lambda: 1 / 0)
    turn.flush(lambda: calls.append(1))
    globalLogPublisher.addObserver(logged.append)
    try:
        clock.advance(0)
    finally:
        globalLogPublisher.removeObserver(logged.append)
    assert calls == [1]
    assert len(logged) == 2
