"""The inbox: order, rate, and waiting."""

from twisted.internet.task import Clock

from cletus.client.input import Bucket, Inbox


class Reader:
    """Somebody who takes lines when ready."""

    def __init__(self, rate: float = 0.0, burst: int = 40) -> None:
        self.clock = Clock()
        self.is_ready = True
        self.lines: list[str] = []
        self.pauses: list[bool] = []
        self.inbox = Inbox(
            self.clock,
            ready=lambda: self.is_ready,
            deliver=self.lines.append,
            pause=self.pauses.append,
            rate=rate,
            burst=burst,
        )


def test_lines_are_delivered_in_order_at_once():
    reader = Reader()
    for line in "abc":
        reader.inbox.put(line)
    assert reader.lines == ["a", "b", "c"]
    assert reader.pauses == []


def test_lines_wait_while_nobody_is_ready_and_reading_pauses():
    reader = Reader()
    reader.is_ready = False
    reader.inbox.put("a")
    reader.inbox.put("b")
    assert (reader.lines, reader.pauses) == ([], [True])
    reader.is_ready = True
    reader.inbox.pump()
    assert (reader.lines, reader.pauses) == (["a", "b"], [True, False])


def test_a_flood_is_slowed_to_the_rate_and_nothing_is_lost():
    """After a burst of 3, two lines a second; all ten arrive, in order."""
    reader = Reader(rate=2.0, burst=3)
    typed = [str(n) for n in range(10)]
    for line in typed:
        reader.inbox.put(line)
    assert reader.lines == typed[:3]
    assert reader.pauses == [True]
    reader.clock.advance(0.5)
    assert reader.lines == typed[:4]
    reader.clock.pump([0.5] * 6)
    assert reader.lines == typed
    assert reader.pauses == [True, False]


def test_a_line_put_by_the_delivery_itself_comes_after_those_that_wait():
    reader = Reader()
    inbox = Inbox(
        reader.clock,
        ready=lambda: True,
        deliver=lambda line: (reader.lines.append(line), line == "a" and inbox.put("z")),
        pause=reader.pauses.append,
        rate=0,
        burst=0,
    )
    inbox.put("a")
    assert reader.lines == ["a", "z"]


def test_closing_hands_out_one_burst_of_what_waits_without_rate():
    reader = Reader(rate=1.0, burst=2)
    for line in "abcdefg":
        reader.inbox.put(line)
    reader.inbox.close()
    assert reader.lines == ["a", "b", "c", "d"]
    assert reader.clock.getDelayedCalls() == []


def test_a_bucket_without_rate_never_makes_anybody_wait():
    bucket = Bucket(0.0, 1, 0.0)
    assert [bucket.take(0.0) for _ in range(1000)] == [0.0] * 1000
