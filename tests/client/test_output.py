"""The outbox: one piece a turn, a bound for those who do not read."""

from cletus.client.output import Outbox


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
