"""``cletus/storage/backends/writer.py``."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from cletus.errors import NotSaved, StorageError, StoreIOError, UnsafeName
from cletus.reactor.clock import ServiceClock
from cletus.storage.backends.memory import Memory
from cletus.storage.backends.writer import Writer
from cletus.storage.interfaces import Document, Failure
from tests.storage.conformance import BackendConformance

INTERVAL = 0.02


class Slow(Memory):
    """A home that remembers what it was asked for, and fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[list[str]] = []
        self.refuse: set[bytes] = set()

    def write(self, store: str, key: str, data: bytes) -> None:
        if data in self.refuse:
            raise StoreIOError(store, key, "Input/output error", action="save")
        super().write(store, key, data)

    def write_many(self, documents: Any) -> list[Failure]:
        self.groups.append([one.data.decode() for one in documents])
        return super().write_many(documents)


class Threads:
    """``in_thread`` whose thread runs when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Deferred[Any], Callable[[], Any]]] = []

    def __call__(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        deferred: Deferred[Any] = Deferred()
        self.waiting.append((deferred, lambda: function(*args)))
        return deferred

    def run(self) -> None:
        deferred, call = self.waiting.pop(0)
        execute(call).chainDeferred(deferred)


class Bench:
    """A writer with a clock and threads that obey."""

    def __init__(self, **settings: Any) -> None:
        self.home = Slow()
        self.clock = Clock()
        self.threads = Threads()
        self.writer = Writer(self.home, self.clock, self.threads, INTERVAL, **settings)
        self.writer.open()

    def submit(self, key: str, text: str) -> list[Any]:
        """Submit, and give a list in which the outcome will be."""
        outcome: list[Any] = []
        self.writer.submit(Document("user", key, text.encode())).addBoth(outcome.append)
        return outcome

    def saved(self, key: str) -> str | None:
        try:
            return self.home.read("user", key).decode()
        except NotSaved:
            return None

    def tick(self) -> None:
        """A group is due, and its thread runs."""
        self.clock.advance(INTERVAL)
        self.threads.run()


@pytest.fixture
def bench() -> Bench:
    return Bench()


class TestInFront(BackendConformance):
    """A writer keeps the contract of the home that it stands in front of."""

    @pytest.fixture
    def home(self) -> Writer:
        return Bench().writer


class TestInFrontWithPending(BackendConformance):
    """Also while other documents are on their way."""

    @pytest.fixture
    def home(self) -> Writer:
        bench = Bench(group_max=1)
        for number in range(3):
            bench.writer.submit(Document("other", f"k{number}", b"{}"))
        bench.clock.advance(INTERVAL)
        return bench.writer


def test_all_texts_of_a_document_that_are_on_their_way_are_known(bench: Bench) -> None:
    """One is being written, and the next waits: a crash may leave either."""
    bench.submit("bob", "1")
    bench.clock.advance(INTERVAL)
    bench.submit("bob", "2")
    assert [document.data for document in bench.writer.coming("user", "bob")] == [b"1", b"2"]
    bench.threads.run()
    assert [document.data for document in bench.writer.coming("user", "bob")] == [b"2"]
    bench.tick()
    assert bench.writer.coming("user", "bob") == []


def test_a_group_goes_after_the_interval(bench: Bench) -> None:
    """What was submitted within 20 ms is written together, in the order it came."""
    first = bench.submit("bob", "1")
    bench.clock.advance(INTERVAL / 2)
    second = bench.submit("alice", "2")
    assert bench.threads.waiting == []
    assert bench.writer.pending == 2
    bench.clock.advance(INTERVAL / 2)
    assert first == second == [], "the Deferred fires when it is safe, and not before"
    bench.threads.run()
    assert first == second == [None]
    assert bench.home.groups == [["1", "2"]]
    assert bench.writer.pending == 0
    assert bench.clock.getDelayedCalls() == [], "nothing ticks while there is nothing to do"


def test_before_a_service_has_started_nothing_is_waited_for() -> None:
    """There is no reactor yet that could tell the time, as under ``cletus user``."""
    home = Slow()
    writer = Writer(home, ServiceClock(), execute, INTERVAL)
    writer.open()
    outcome: list[Any] = []
    writer.submit(Document("user", "bob", b"{}")).addBoth(outcome.append)
    assert (outcome, home.read("user", "bob")) == ([None], b"{}")


def test_the_latest_text_is_written_once(bench: Bench) -> None:
    """Submitted again before the group goes, a document coalesces; all who wait are told."""
    outcomes = [bench.submit("bob", str(number)) for number in range(5)]
    bench.tick()
    assert bench.home.groups == [["4"]]
    assert outcomes == [[None]] * 5


def test_one_group_at_a_time(bench: Bench) -> None:
    """What comes while a group is written waits for the next one."""
    first = bench.submit("bob", "1")
    bench.clock.advance(INTERVAL)
    second = bench.submit("bob", "2")
    bench.clock.advance(INTERVAL * 5)
    assert len(bench.threads.waiting) == 1
    bench.threads.run()
    assert (first, second) == ([None], [])
    bench.threads.run()
    assert second == [None]
    assert bench.home.groups == [["1"], ["2"]]


def test_groups_keep_their_distance(bench: Bench) -> None:
    """A group that took 5 ms is followed by the next 20 ms after its start."""
    bench.submit("bob", "1")
    bench.clock.advance(INTERVAL)
    bench.submit("bob", "2")
    bench.clock.advance(0.005)
    bench.threads.run()
    bench.clock.advance(0.014)
    assert bench.threads.waiting == []
    bench.clock.advance(0.0011)
    assert len(bench.threads.waiting) == 1


def test_a_group_has_a_bound() -> None:
    """``group_max`` documents; the rest goes with the next group, first come first written."""
    bench = Bench(group_max=2)
    for number in range(5):
        bench.submit(f"k{number}", str(number))
    for _ in range(3):
        bench.tick()
    assert bench.home.groups == [["0", "1"], ["2", "3"], ["4"]]


def test_each_document_has_its_own_outcome(bench: Bench) -> None:
    """One that fails tells those who wait for it, and no other."""
    bench.home.refuse = {b"bad"}
    good, bad, unsafe = (bench.submit(*pair) for pair in [("a", "1"), ("b", "bad"), ("../c", "3")])
    bench.tick()
    assert good == [None]
    assert isinstance(bad[0].value, StoreIOError)
    assert isinstance(unsafe[0].value, UnsafeName)


def test_a_failure_is_followed_by_the_next_text(bench: Bench) -> None:
    """The same document submitted again is written afresh."""
    bench.home.refuse = {b"bad"}
    bench.submit("bob", "bad")
    bench.tick()
    assert bench.submit("bob", "good") == []
    bench.tick()
    assert bench.saved("bob") == "good"


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    events: list[Any] = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)


def test_a_failure_that_nobody_handles_is_logged(bench: Bench, logged: list[Any]) -> None:
    """Once, with the error: a lost save must not be silent."""
    bench.home.refuse = {b"bad"}
    bench.writer.submit(Document("user", "bob", b"bad"))
    bench.tick()
    [failure] = [event["log_failure"] for event in logged if "log_failure" in event]
    assert isinstance(failure.value, StoreIOError)


def test_threads_that_cannot_be_had_fail_the_group(bench: Bench) -> None:
    """A stopped thread pool, say: everybody who waits is told, and the next group is tried."""
    bench.writer._in_thread = lambda *_: fail(RuntimeError("the pool is stopped"))
    outcome = bench.submit("bob", "1")
    bench.clock.advance(INTERVAL)
    assert outcome[0].check(RuntimeError)
    bench.writer._in_thread = bench.threads
    again = bench.submit("bob", "2")
    bench.tick()
    assert again == [None]


def test_submitting_from_a_callback(bench: Bench) -> None:
    """Who is told that a save is done may submit the next at once."""
    outcome: list[Any] = []

    def again(_: None) -> None:
        bench.writer.submit(Document("user", "bob", b"2")).addBoth(outcome.append)

    bench.writer.submit(Document("user", "bob", b"1")).addCallback(again)
    bench.tick()
    bench.tick()
    assert outcome == [None]
    assert bench.saved("bob") == "2"


def test_a_cancelled_wait_does_not_cancel_the_save(bench: Bench) -> None:
    """The text is written all the same, and the others who wait are told."""
    given_up = bench.writer.submit(Document("user", "bob", b"1"))
    given_up.addErrback(lambda _: None)
    given_up.cancel()
    other = bench.submit("bob", "1")
    bench.tick()
    assert other == [None]
    assert bench.saved("bob") == "1"


class TestFlush:
    """``flush`` is what a stop and a reload wait for."""

    def test_nothing_pending(self, bench: Bench) -> None:
        """It fires at once."""
        assert bench.writer.flush().called

    def test_it_does_not_wait_for_the_clock(self, bench: Bench) -> None:
        """What is pending goes now, and it fires when that is safe."""
        outcome = bench.submit("bob", "1")
        flushed = bench.writer.flush()
        assert not flushed.called
        bench.threads.run()
        assert flushed.called
        assert outcome == [None]
        assert bench.clock.getDelayedCalls() == []

    def test_it_waits_for_what_is_being_written(self, bench: Bench) -> None:
        """A group in its thread and one behind it."""
        check_flush_waits(bench.writer.flush, bench)

    def test_mutant(self, bench: Bench) -> None:
        """Looking at the queue alone is noticed."""

        def hasty() -> Deferred[None]:
            return Deferred() if bench.writer._queue else execute(int)

        with pytest.raises(AssertionError):
            check_flush_waits(hasty, bench)

    def test_all_groups(self) -> None:
        """More than one group's worth follows without a pause."""
        bench = Bench(group_max=2)
        for number in range(5):
            bench.submit(f"k{number}", str(number))
        flushed = bench.writer.flush()
        for _ in range(3):
            assert not flushed.called
            bench.threads.run()
        assert flushed.called

    def test_a_clock_that_does_not_run_yet(self, bench: Bench, logged: list[Any]) -> None:
        """What was submitted before the service started is logged, kept, and flushed."""
        bench.writer._clock = None
        outcome = bench.submit("bob", "1")
        assert any("log_failure" in event for event in logged)
        bench.writer._clock = bench.clock
        flushed = bench.writer.flush()
        bench.threads.run()
        assert flushed.called
        assert outcome == [None]

    def test_what_comes_later_does_not_hold_it_up(self, bench: Bench) -> None:
        """It is about what was pending when it was called; the later has its own interval."""
        bench.submit("bob", "1")
        flushed = bench.writer.flush()
        bench.submit("bob", "2")
        bench.threads.run()
        assert flushed.called
        assert bench.threads.waiting == []
        bench.tick()
        assert bench.saved("bob") == "2"

    def test_a_flush_from_within_a_flush(self, bench: Bench) -> None:
        """Whoever is told may submit and flush again, and waits for that."""
        later: list[Deferred[None]] = []

        def again(_: None) -> None:
            bench.submit("alice", "2")
            later.append(bench.writer.flush())

        bench.submit("bob", "1")
        bench.writer.flush().addCallback(again)
        bench.threads.run()
        assert not later[0].called
        bench.threads.run()
        assert later[0].called

    def test_a_failure_does_not_fail_it(self, bench: Bench) -> None:
        """That is told to who submitted."""
        bench.home.refuse = {b"bad"}
        outcome = bench.submit("bob", "bad")
        flushed: list[Any] = []
        bench.writer.flush().addBoth(flushed.append)
        bench.threads.run()
        assert flushed == [None]
        assert isinstance(outcome[0].value, StoreIOError)


def check_flush_waits(flush: Callable[[], Deferred[None]], bench: Bench) -> None:
    bench.submit("bob", "1")
    bench.clock.advance(INTERVAL)
    flushed = flush()
    assert not flushed.called, "a group is still being written"
    bench.submit("alice", "2")
    both = flush()
    bench.threads.run()
    assert flushed.called
    assert not both.called
    bench.threads.run()
    assert both.called


def overtake(bench: Bench, how: str) -> None:
    if how == "write":
        bench.writer.write("user", "bob", b"new")
    else:
        assert bench.writer.write_many([Document("user", "bob", b"new")]) == []


@pytest.mark.parametrize("how", ["write", "write_many"])
class TestOvertaking:
    """A save of here and now ends on the disk, whatever was on its way there."""

    def test_what_is_queued(self, bench: Bench, how: str) -> None:
        """It is not written at all; its Deferred fires, since something newer is safe."""
        outcome = bench.submit("bob", "old")
        overtake(bench, how)
        assert outcome == [None]
        bench.clock.advance(INTERVAL)
        assert bench.threads.waiting == []
        assert bench.saved("bob") == "new"

    def test_what_is_in_a_thread_that_has_not_begun(self, bench: Bench, how: str) -> None:
        """The thread leaves it out."""
        outcome, other = bench.submit("bob", "old"), bench.submit("alice", "hers")
        bench.clock.advance(INTERVAL)
        overtake(bench, how)
        bench.threads.run()
        assert (bench.saved("bob"), bench.saved("alice")) == ("new", "hers")
        assert outcome == other == [None]

    def test_one_that_fails_overtakes_nothing(self, bench: Bench, how: str) -> None:
        """The older text is written after all: better than none."""
        bench.home.refuse = {b"new"}
        queued = bench.submit("bob", "old")
        with pytest.raises((StorageError, AssertionError)):
            overtake(bench, how)
        assert queued == []
        bench.clock.advance(INTERVAL)
        with pytest.raises((StorageError, AssertionError)):
            overtake(bench, how)
        bench.threads.run()
        assert queued == [None]
        assert bench.saved("bob") == "old"

    def test_what_is_submitted_afterwards_is_newer(self, bench: Bench, how: str) -> None:
        """Order is the order of the calls."""
        bench.submit("bob", "old")
        bench.clock.advance(INTERVAL)
        overtake(bench, how)
        latest = bench.submit("bob", "latest")
        bench.threads.run()
        bench.tick()
        assert latest == [None]
        assert bench.saved("bob") == "latest"


class TestDelete:
    """Removing is overtaking, too."""

    def test_what_is_only_on_its_way(self, bench: Bench) -> None:
        """It never gets there, and is there to be deleted once."""
        outcome = bench.submit("bob", "1")
        bench.writer.delete("user", "bob")
        assert outcome == [None]
        with pytest.raises(NotSaved):
            bench.writer.delete("user", "bob")
        bench.clock.advance(INTERVAL)
        assert bench.saved("bob") is None

    def test_what_is_in_a_thread_that_has_not_begun(self, bench: Bench) -> None:
        """The thread does not bring it back."""
        bench.submit("bob", "1")
        bench.clock.advance(INTERVAL)
        bench.writer.delete("user", "bob")
        assert bench.writer.keys("user") == []
        with pytest.raises(NotSaved):
            bench.writer.read("user", "bob")
        bench.threads.run()
        assert bench.saved("bob") is None

    def test_saved_and_on_its_way(self, bench: Bench) -> None:
        """Both are gone."""
        bench.writer.write("user", "bob", b"saved")
        bench.submit("bob", "coming")
        bench.writer.delete("user", "bob")
        bench.clock.advance(INTERVAL)
        assert bench.writer.keys("user") == []
        assert bench.threads.waiting == []


def test_reading_sees_what_is_on_its_way(bench: Bench) -> None:
    """Saved soon, dropped from memory and loaded again, an object is what it was."""
    bench.writer.write("user", "bob", b"saved")
    bench.submit("bob", "queued")
    assert bench.writer.read("user", "bob") == b"queued"
    bench.clock.advance(INTERVAL)
    assert bench.writer.read("user", "bob") == b"queued"
    bench.submit("bob", "later")
    assert bench.writer.read("user", "bob") == b"later"
    bench.threads.run()
    bench.tick()
    assert bench.writer.read("user", "bob") == b"later"


def test_keys_know_what_is_on_its_way(bench: Bench) -> None:
    """Each once, and only this store's."""
    bench.writer.write("user", "bob", b"saved")
    bench.submit("bob", "again")
    bench.submit("alice", "new")
    bench.writer.submit(Document("room", "hall", b"{}"))
    assert sorted(bench.writer.keys("user")) == ["alice", "bob"]
    bench.clock.advance(INTERVAL)
    assert sorted(bench.writer.keys("user")) == ["alice", "bob"]
    assert bench.writer.keys("room") == ["hall"]


class TestClose:
    """The net below ``flush``."""

    def test_what_is_left_is_written(self, bench: Bench) -> None:
        """In a thread that never began, and in the queue; the newer text stays."""
        first = bench.submit("bob", "1")
        bench.clock.advance(INTERVAL)
        second, other = bench.submit("bob", "2"), bench.submit("alice", "3")
        bench.writer.close()
        assert (bench.saved("bob"), bench.saved("alice")) == ("2", "3")
        assert second == other == [None]
        bench.home.open()
        bench.threads.run()
        assert bench.saved("bob") == "2"
        assert first == [None]
        assert bench.clock.getDelayedCalls() == []

    def test_what_cannot_be_written_is_told(self, bench: Bench) -> None:
        """And nothing ticks on."""
        bench.home.refuse = {b"bad"}
        outcome = bench.submit("bob", "bad")
        bench.writer.close()
        assert isinstance(outcome[0].value, StoreIOError)
        assert bench.clock.getDelayedCalls() == []


class Gate(Slow):
    """A group stops in the middle of a real thread until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.go_on = threading.Event(), threading.Event()

    def write_many(self, documents: Any) -> list[Failure]:
        if threading.current_thread() is not threading.main_thread():
            self.inside.set()
            assert self.go_on.wait(5)
        return super().write_many(documents)


def in_real_thread(function: Callable[..., Any], *args: Any) -> Deferred[Any]:
    """Runs it; the test fires the Deferred, as the reactor would in its own thread."""
    deferred: Deferred[Any] = Deferred()
    deferred.thread = threading.Thread(  # type: ignore[attr-defined]  # a test's note on it
        target=lambda: setattr(deferred, "found", function(*args))
    )
    deferred.thread.start()
    return deferred


@pytest.mark.parametrize("how", ["write", "delete", "close"])
def test_overtaking_a_thread_in_the_middle(how: str) -> None:
    """It waits for the thread, so that the older text cannot land on top of it."""
    home, clock, started = Gate(), Clock(), []

    def in_thread(function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        started.append(in_real_thread(function, *args))
        return started[-1]

    writer = Writer(home, clock, in_thread, INTERVAL)
    writer.open()
    outcome: list[Any] = []
    writer.submit(Document("user", "bob", b"old")).addBoth(outcome.append)
    clock.advance(INTERVAL)
    assert home.inside.wait(5)
    writer.write("user", "alice", b"hers")  # another document need not wait
    threading.Timer(0.05, home.go_on.set).start()
    if how == "write":
        writer.write("user", "bob", b"new")
    elif how == "delete":
        writer.delete("user", "bob")
    else:
        writer.submit(Document("user", "bob", b"new"))
        writer.close()
    started[0].thread.join()
    started[0].callback(started[0].found)
    assert outcome == [None]
    assert home.keys("user") == (["alice"] if how == "delete" else ["alice", "bob"])
    if how != "delete":
        assert home.read("user", "bob") == b"new"


@pytest.mark.parametrize("seed", range(20))
def test_any_order_ends_with_the_newest(seed: int) -> None:
    """Against a model: whatever is called, and whenever the threads run, the last call holds."""
    chance, bench = random.Random(seed), Bench(group_max=3)
    model: dict[str, str] = {}
    told: list[Any] = []
    for number in range(300):
        key, text = f"k{chance.randrange(4)}", str(number)
        match chance.randrange(6):
            case 0 | 1:
                bench.writer.submit(Document("user", key, text.encode())).addBoth(told.append)
                model[key] = text
            case 2:
                bench.writer.write("user", key, text.encode())
                model[key] = text
            case 3 if key in model:
                bench.writer.delete("user", key)
                del model[key]
            case 4:
                bench.clock.advance(chance.choice([0.005, INTERVAL]))
            case 5 if bench.threads.waiting:
                bench.threads.run()
        assert sorted(bench.writer.keys("user")) == sorted(model)
        assert {key: bench.writer.read("user", key).decode() for key in model} == model
    done = bench.writer.flush()
    while not done.called:
        bench.threads.run()
    assert {key: bench.saved(key) for key in model} == model
    assert sorted(bench.home.keys("user")) == sorted(model)
    assert set(told) == {None}


def check_nothing_in_the_reactor(in_thread: Any, bench: Bench) -> None:
    bench.writer._in_thread = in_thread
    for number in range(100):
        bench.submit(f"k{number}", "x")
        bench.clock.advance(0.002)
    assert bench.home.groups == [], "it was written in the reactor's thread"


def test_saving_soon_writes_nothing_in_the_reactor(bench: Bench) -> None:
    """Statement 13, as calls: the disk's work is a thread's. Figures: benchmarks/README.md."""
    check_nothing_in_the_reactor(bench.threads, bench)


def test_reactor_mutant(bench: Bench) -> None:
    """Writing where the reactor runs is noticed."""

    def inline(function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return execute(function, *args)

    with pytest.raises(AssertionError):
        check_nothing_in_the_reactor(inline, bench)
