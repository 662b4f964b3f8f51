"""``cletus/storage/backends/retries.py``: what could not be saved is tried again until it is."""

from __future__ import annotations

from typing import Any

import pytest

from cletus.errors import NotSaved, StoreIOError
from cletus.storage.interfaces import Document
from cletus.testing.log import Log
from tests.storage.backends.test_writer import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


def fail_once(bench: Bench, key: str = "bob", text: str = "1") -> None:
    bench.home.refuse = {text.encode()}
    outcome = bench.submit(key, text)
    bench.tick()
    assert outcome[0].check(StoreIOError)


def unsaved(bench: Bench) -> list[str]:
    return [failure.document.key for failure in bench.writer.unsaved]


def attempts(bench: Bench, seconds: float) -> int:
    """How many attempts are made in that time."""
    before = len(bench.home.groups)
    for _ in range(round(seconds * 10)):
        bench.clock.advance(0.1)
        while bench.threads.waiting:
            bench.threads.run()
    return len(bench.home.groups) - before


def test_a_failed_save_is_tried_again_with_growing_pauses(bench: Bench) -> None:
    """After 1, 2, 4 seconds and so on, at least once a minute; then it is saved."""
    fail_once(bench)
    assert unsaved(bench) == ["bob"]
    assert [attempts(bench, 1.2), attempts(bench, 1.8), attempts(bench, 0.4)] == [1, 0, 1]
    assert attempts(bench, 300) in range(6, 12)
    told: list[Any] = []
    bench.writer.when_saved("user", "bob").addCallback(told.append)
    bench.home.refuse = set()
    assert attempts(bench, 61) == 1
    assert bench.saved("bob") == "1"
    assert (unsaved(bench), told) == ([], [None])
    assert bench.clock.getDelayedCalls() == []


def test_a_failed_save_is_what_is_read(bench: Bench) -> None:
    """The newest text that people have seen, and not the one before."""
    bench.home.write("user", "bob", b"0")
    fail_once(bench)
    assert bench.writer.read("user", "bob") == b"1"
    fail_once(bench, "amy", "2")
    assert sorted(bench.writer.keys("user")) == ["amy", "bob"]


def test_a_later_text_takes_its_place(bench: Bench) -> None:
    """Whether it is submitted or written at once; the old one is not tried any more."""
    fail_once(bench)
    outcome = bench.submit("bob", "2")
    assert unsaved(bench) == []
    bench.tick()
    assert outcome == [None]
    fail_once(bench, "amy", "3")
    bench.writer.write("user", "amy", b"4")
    assert attempts(bench, 100) == 0
    assert (bench.saved("bob"), bench.saved("amy")) == ("2", "4")


def test_what_is_deleted_is_not_tried_again(bench: Bench) -> None:
    """It would come back otherwise."""
    fail_once(bench)
    bench.writer.delete("user", "bob")
    assert attempts(bench, 100) == 0
    with pytest.raises(NotSaved):
        bench.writer.read("user", "bob")


def test_a_flush_and_the_end_try_at_once(bench: Bench) -> None:
    """A service that stops does not leave out what failed an hour ago."""
    fail_once(bench)
    done: list[Any] = []
    bench.writer.flush().addCallback(done.append)
    bench.threads.run()
    assert done == [None]
    assert unsaved(bench) == ["bob"]
    bench.home.refuse = set()
    bench.writer.close()
    assert bench.saved("bob") == "1"
    assert bench.clock.getDelayedCalls() == []


def test_what_is_lost_at_the_end_is_logged(bench: Bench) -> None:
    """With its reason."""
    fail_once(bench)
    with Log().listening() as log:
        bench.writer.close()
    assert any("lost: cannot save user 'bob'" in line for line in log.take_failures())


def test_a_name_that_cannot_be_saved_is_not_tried_again(bench: Bench) -> None:
    """It would fail for ever."""
    outcome: list[Any] = []
    bench.writer.submit(Document("user", "../x", b"1")).addBoth(outcome.append)
    bench.tick()
    assert len(outcome) == 1
    assert unsaved(bench) == []


def test_a_full_disk_is_logged_when_it_begins_and_when_it_ends(bench: Bench) -> None:
    """And for each attempt: not for each document."""
    with Log().listening() as log:
        bench.home.refuse = {b"1"}
        outcomes = [bench.submit(key, "1") for key in "abc"]
        bench.tick()
        assert all(outcomes)
        assert attempts(bench, 1.2) == 1
        bench.home.refuse = set()
        assert attempts(bench, 3) == 1
    assert [line.partition(":")[0] for line in log.lines] == [
        "3 not saved, trying again in 1 s",
        "3 not saved, trying again in 2 s",
        "everything that could not be saved before is saved now",
    ]
