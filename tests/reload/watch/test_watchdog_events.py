"""Events as watchdog makes them, but none of its threads; a double in place of its observer."""

import logging
import os
import resource
import threading
from typing import Any

import pytest
from watchdog import events
from watchdog.events import FileSystemEvent

from cletus.reload.watch import watchdog_events as file_events
from cletus.reload.watch.survey import Watch
from cletus.reload.watch.watchdog_events import PROBE, WATCHES_MAX, WatchdogEvents


class Emitter:
    def __init__(self, watch: object) -> None:
        self.watch = watch
        self.alive = True

    def is_alive(self) -> bool:
        return self.alive


class FakeObserver:
    """Keeps book of what is scheduled; raises what it is told to."""

    refuses: dict[str, OSError] = {}

    def __init__(self) -> None:
        self.daemon = False
        self.emitters: list[Emitter] = []
        self.alive = False
        self.log: list[tuple[str, str]] = []

    def start(self) -> None:
        self.alive = True

    def stop(self) -> None:
        self.alive = False

    def join(self) -> None:
        assert not self.alive

    def is_alive(self) -> bool:
        return self.alive

    def schedule(self, handler: object, path: str, *, recursive: bool, event_filter: object):
        if path in self.refuses:
            raise self.refuses[path]
        emitter = Emitter((path, recursive))
        self.emitters.append(emitter)
        self.log.append(("watch", path))
        return emitter.watch

    def unschedule(self, watch: Any) -> None:
        self.emitters = [one for one in self.emitters if one.watch != watch]
        self.log.append(("forget", watch[0]))


class Ears:
    """Hears what a ``WatchdogEvents`` tells, in the turns of a reactor that is turned by hand."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.told = 0
        self.overflowed = 0
        self.events = WatchdogEvents(self.calls.append, self.matters, self.tell, self.overflow)

    def matters(self, path: str) -> bool:
        return path.endswith(".py") or "." not in path

    def tell(self) -> None:
        self.told += 1

    def overflow(self) -> None:
        self.overflowed += 1

    def turn(self) -> None:
        calls, self.calls[:] = list(self.calls), []
        for call in calls:
            call()

    def hear(self, *happened: FileSystemEvent) -> int:
        """How often it tells of these, one reactor turn each."""
        before = self.told
        for event in happened:
            self.events.on_any_event(event)
            self.turn()
        return self.told - before


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def observer(monkeypatch, ears):
    monkeypatch.setattr(file_events, "Observer", FakeObserver)
    monkeypatch.setattr(FakeObserver, "refuses", {})
    ears.events.start()
    yield ears.events._observer
    ears.events.stop()


def watch(path: str, *, recursive: bool = True, inode: int = 1, only: Any = None) -> Watch:
    return Watch(path, recursive, (0, inode), only)


def watches(*some: Watch) -> dict[str, Watch]:
    return {one.path: one for one in some}


# -- which events are told ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        events.FileCreatedEvent("/t/a.py"),
        events.FileModifiedEvent("/t/a.py"),
        events.FileClosedEvent("/t/a.py"),
        events.FileDeletedEvent("/t/a.py"),
        events.FileMovedEvent("/t/a.py", "/t/a.py~"),
        events.FileMovedEvent("/t/tmp.xyz", "/t/a.py"),
        events.DirCreatedEvent("/t/sub"),
        events.DirDeletedEvent("/t/sub"),
        events.DirMovedEvent("/t/sub", "/t/other"),
        events.FileModifiedEvent(b"/t/a.py"),
    ],
    ids=lambda event: f"{event.event_type}",
)
def test_events_of_interest_are_told(ears, event):
    """A save by renaming shows the file only as the destination of a move."""
    assert ears.hear(event) == 1
    assert ears.events.count == 1


@pytest.mark.parametrize(
    "event",
    [
        events.FileOpenedEvent("/t/a.py"),
        events.FileClosedNoWriteEvent("/t/a.py"),
        events.DirModifiedEvent("/t/sub"),
        events.FileModifiedEvent("/t/notes.txt"),
        events.FileMovedEvent("/t/a.txt", "/t/b.txt"),
    ],
    ids=lambda event: f"{event.event_type}",
)
def test_other_events_are_not(ears, event):
    """Reading our own files makes ``opened`` and ``closed_no_write``: telling them would be a loop."""
    assert ears.hear(event) == 0
    assert ears.events.count == 0


def test_any_number_of_events_in_one_turn_is_told_once(ears):
    """Ten thousand events are ten thousand calls in watchdog's thread, and one in the reactor's."""
    for n in range(10_000):
        ears.events.on_any_event(events.FileModifiedEvent(f"/t/a{n}.py"))
    assert len(ears.calls) == 1
    ears.turn()
    assert ears.told == 1
    assert ears.hear(events.FileModifiedEvent("/t/a.py")) == 1
    assert ears.events.count == 10_001


def test_of_a_folder_that_is_not_the_applications_only_some_names_are_told(ears, observer):
    ears.events.watch(watches(watch("/t"), watch("/", recursive=False, only=frozenset(("t",)))))
    assert ears.hear(events.DirMovedEvent("/t", "/old")) == 1
    assert ears.hear(events.FileModifiedEvent("/other.py")) == 0
    assert ears.hear(events.FileModifiedEvent("/t/other.py")) == 1


def test_the_probe_is_no_change(ears):
    assert ears.hear(events.FileCreatedEvent(f"/t/{PROBE}1")) == 0
    assert ears.events.probed
    assert ears.events.count == 0


# -- files that are being written -----------------------------------------------------------------


def test_a_file_is_being_written_until_it_is_closed(ears):
    ears.events.on_any_event(events.FileClosedEvent(f"/t/{PROBE}1"))
    assert not ears.events.is_writing()
    ears.hear(events.FileModifiedEvent("/t/a.py"), events.FileModifiedEvent("/t/b.py"))
    assert ears.events.is_writing()
    ears.hear(events.FileClosedEvent("/t/a.py"))
    assert ears.events.is_writing()
    ears.hear(events.FileMovedEvent("/t/b.py", "/t/c.py"))
    assert not ears.events.is_writing()


def test_where_closing_is_not_told_nobody_is_waited_for(ears):
    """As on macOS."""
    ears.hear(events.FileModifiedEvent("/t/a.py"))
    assert not ears.events.is_writing()


def test_who_does_not_close_is_forgotten(ears):
    ears.hear(events.FileClosedEvent("/t/b.py"), events.FileModifiedEvent("/t/a.py"))
    ears.events.forget_writing()
    assert not ears.events.is_writing()


# -- what is watched ------------------------------------------------------------------------------


def test_watches_what_is_asked_for_and_nothing_twice(ears, observer):
    ears.events.watch(watches(watch("/a"), watch("/b")))
    ears.events.watch(watches(watch("/a"), watch("/b")))
    assert observer.log == [("watch", "/a"), ("watch", "/b")]
    ears.events.watch(watches(watch("/b"), watch("/c")))
    assert observer.log[2:] == [("forget", "/a"), ("watch", "/c")]


@pytest.mark.parametrize("other", [watch("/a", inode=2), watch("/a", recursive=False)])
def test_another_folder_in_its_place_is_watched_anew(ears, observer, other):
    """A watch stays with the folder that has been moved away, and is silent about the new one."""
    ears.events.watch(watches(watch("/a")))
    ears.events.watch(watches(other))
    assert observer.log == [("watch", "/a"), ("forget", "/a"), ("watch", "/a")]


def test_a_watch_that_has_ended_with_its_folder_is_made_anew(ears, observer):
    ears.events.watch(watches(watch("/a")))
    observer.emitters[0].alive = False
    ears.events.watch(watches(watch("/a")))
    assert observer.log[1:] == [("forget", "/a"), ("watch", "/a")]


def test_a_folder_that_has_gone_meanwhile_is_left_out(ears, observer):
    observer.refuses["/a"] = FileNotFoundError(2, "gone", "/a")
    ears.events.watch(watches(watch("/a"), watch("/b")))
    assert observer.log == [("watch", "/b")]
    observer.refuses.clear()
    ears.events.watch(watches(watch("/a"), watch("/b")))
    assert observer.log[1:] == [("watch", "/a")]


def test_a_limit_of_the_system_comes_out(ears, observer):
    observer.refuses["/a"] = OSError(28, "inotify watch limit reached")
    with pytest.raises(OSError, match="watch limit"):
        ears.events.watch(watches(watch("/a")))


def test_too_many_separate_folders_are_refused(ears, observer):
    """Each would be a thread of watchdog's."""
    with pytest.raises(OSError, match=str(WATCHES_MAX)):
        ears.events.watch(watches(*(watch(f"/{n}") for n in range(WATCHES_MAX + 1))))
    assert observer.log == []


def test_stopped_it_watches_nothing(ears, observer):
    assert ears.events.is_alive()
    ears.events.stop()
    assert not ears.events.is_alive()
    ears.events.watch(watches(watch("/a")))
    assert observer.log == []
    ears.events.stop()


def test_an_overflow_is_only_told_in_watchdogs_log(ears, observer):
    log = logging.getLogger("watchdog.observers.inotify_c")
    log.warning("Inotify queue overflowed; filesystem events were lost")
    assert ears.overflowed == 0
    ears.turn()
    assert ears.overflowed == 1
    log.warning("something else")
    ears.turn()
    assert ears.overflowed == 1
    ears.events.stop()
    log.warning("Inotify queue overflowed; filesystem events were lost")
    assert ears.calls == []


def test_an_overflow_is_heard_also_where_watchdog_is_set_to_errors_only(ears, observer):
    """The service sets it so: it warns of much that is of no interest; that stays out of the log."""
    parent = logging.getLogger("watchdog")
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())
    parent.addHandler(handler)
    parent.setLevel(logging.ERROR)
    try:
        log = logging.getLogger("watchdog.observers.inotify_c")
        log.warning("Inotify queue overflowed; filesystem events were lost")
        log.error("something broke")
        ears.turn()
        assert (ears.overflowed, records) == (1, ["something broke"])
    finally:
        parent.removeHandler(handler)
        parent.setLevel(logging.NOTSET)
        ears.events.stop()


# -- with the real watchdog -----------------------------------------------------------------------


def test_the_real_watchdog_speaks_of_an_overflow_in_these_words(tmp_path):
    """This guards against another wording in another version of it (6.0 says nothing at all)."""
    inotify = pytest.importorskip("watchdog.observers.inotify_c")
    if not hasattr(inotify, "InotifyFD"):
        pytest.skip("this watchdog does not tell of overflows; the slow scan notices what is lost")
    ears, told = Ears(), threading.Event()
    ears.events._call_from_thread = lambda call: told.set()
    ears.events.start()
    try:
        overflow = inotify.InotifyEvent(-1, inotify.InotifyConstants.IN_Q_OVERFLOW, 0, b"")
        ears.events._observer._inotify_fd.handle_event(overflow)
        assert told.is_set()
    finally:
        ears.events.stop()


def test_the_real_watchdog_leaves_no_thread(tmp_path):
    before = threading.active_count()
    ears = Ears()
    ears.events.start()
    ears.events.watch(watches(watch(str(tmp_path)), watch("/", recursive=False)))
    assert threading.active_count() > before
    ears.events.stop()
    assert threading.active_count() == before


def test_the_real_watchdog_without_descriptors_left_raises_what_is_caught(tmp_path):
    """As with the limit of inotify instances (EMFILE), which is shared by all of a user's programs."""
    free = os.dup(0)
    os.close(free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = threading.active_count()
    ears = Ears()
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        with pytest.raises(OSError):  # noqa: PT011 - the words are the system's
            ears.events.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        ears.events.stop()
    assert threading.active_count() == before
    assert not ears.events.is_alive()


def test_a_log_that_the_service_itself_writes_beside_its_code_keeps_nobody_waiting(ears):
    """It has no ending, so by its name it could be a folder; but nobody writes into a folder."""
    ears.hear(events.FileClosedEvent("/app/talk.py"))
    assert ears.hear(events.FileModifiedEvent("/app/log"), events.FileClosedEvent("/app/log")) == 0
    assert not ears.events.is_writing()
    assert ears.hear(events.FileCreatedEvent("/app/current")) == 1
