"""With a ``Clock``, real files, and events that are played."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher

from cletus.reload.watch import watchdog_events as file_events
from cletus.reload.watch.file_tree import FileTree
from cletus.reload.watch.survey import Watch, survey
from cletus.reload.watch.watcher import Mode, Pace, Watcher
from cletus.service.application import Application, Root

PACE = Pace(debounce=0.2, debounce_max=5, poll=1, rescan=10)


class PlayedEvents:
    """In place of ``WatchdogEvents``: nothing comes but what the test plays."""

    #: What ``start()`` and ``watch()`` raise.
    start_error: OSError | None = None
    watch_error: OSError | None = None
    #: Whether the probe's own event comes.
    works = True

    def __init__(
        self,
        call_from_thread: Callable[..., Any],
        matters: Callable[[str], bool],
        told: Callable[[], None],
        overflowed: Callable[[], None],
    ) -> None:
        self.matters = matters
        self.overflow = overflowed
        self._told = told
        self.count = 0
        self.writing = False
        self.running = False
        self.alive = True
        self.watches: Mapping[str, Watch] = {}

    @property
    def probed(self) -> bool:
        return self.works

    def start(self) -> None:
        if self.start_error is not None:
            raise self.start_error
        self.running = True

    def watch(self, watches: Mapping[str, Watch]) -> None:
        if self.watch_error is not None:
            raise self.watch_error
        self.watches = watches

    def stop(self) -> None:
        self.running = False

    def is_alive(self) -> bool:
        return self.running and self.alive

    def is_writing(self) -> bool:
        return self.writing

    def forget_writing(self) -> None:
        self.writing = False

    def happen(self) -> None:
        self.count += 1
        self._told()


class Scene:
    """A watcher over a small package, and the times at which it has told."""

    def __init__(self, package: Path) -> None:
        self.package = package
        self.file = package / "__init__.py"
        self.clock = Clock()
        self.in_thread: Callable[..., Deferred[Any]] = maybeDeferred
        self.kind = type("Events", (PlayedEvents,), {})
        self.changed: list[float] = []
        self.warnings: list[str] = []
        root = Root("talker", package, True)
        # The files are made within moments, and the times of this clock are not real: none is fresh.
        self.now: Callable[[], float] = lambda: time.time() + 3600
        self.scope = FileTree(Application((root,), ("talker",)))

    def start(self, pace: Pace = PACE, *, poll: bool = False) -> None:
        self.watcher = Watcher(
            self.clock,
            lambda: self.scope,
            lambda *call: self.in_thread(*call),
            pace=pace,
            changed=lambda: self.changed.append(round(self.clock.seconds(), 2)),
            poll=poll,
            events=self.kind,
            now=lambda: self.now(),
        )
        self.events: PlayedEvents = self.watcher._events  # type: ignore[assignment] # it is the double
        self.watcher.start()

    def run(self, seconds: float) -> None:
        self.clock.pump([0.05] * round(seconds / 0.05))

    def begin(self, pace: Pace = PACE, *, poll: bool = False) -> None:
        """Start, and let the beginning pass."""
        self.start(pace, poll=poll)
        self.run(3)
        self.changed.clear()

    def observe(self, event: Mapping[str, Any]) -> None:
        if event.get("log_level") == LogLevel.warn:
            self.warnings.append(event["log_format"].format(**event))


@pytest.fixture
def scene(tmp_path: Path):
    package = tmp_path / "talker"
    package.mkdir()
    (package / "__init__.py").write_text("a = 1\n")
    scene = Scene(package)
    globalLogPublisher.addObserver(scene.observe)
    yield scene
    globalLogPublisher.removeObserver(scene.observe)
    scene.watcher.stop()
    assert scene.clock.getDelayedCalls() == []


# -- with events ----------------------------------------------------------------------------------


def test_it_tells_once_by_itself_at_the_start(scene):
    """What was saved between the import and the start made no event."""
    scene.start()
    scene.run(9)
    assert scene.changed == [0.2]
    assert scene.watcher.mode is Mode.EVENTS
    assert list(scene.package.iterdir()) == [scene.file], "the probe is gone"


def test_a_burst_of_events_is_told_once_when_it_is_quiet(scene):
    scene.begin()
    for _ in range(10):
        scene.events.happen()
        scene.run(0.1)
    assert scene.changed == []
    scene.run(1)
    assert len(scene.changed) == 1


def test_endless_events_are_told_all_the_same(scene):
    scene.begin(Pace(debounce=0.2, debounce_max=2, poll=1, rescan=0))
    for _ in range(60):
        scene.events.happen()
        scene.run(0.1)
    assert 2 <= len(scene.changed) <= 3


def test_a_file_that_is_still_open_is_waited_for(scene):
    """Who writes in two parts with a pause between them is not taken at half time."""
    scene.begin()
    scene.events.writing = True
    scene.events.happen()
    scene.run(1)
    assert scene.changed == []
    scene.events.writing = False
    scene.run(0.3)
    assert len(scene.changed) == 1


def test_a_file_that_is_never_closed_is_not_waited_for_for_ever(scene):
    scene.begin(Pace(debounce=0.2, debounce_max=2, poll=1, rescan=0))
    scene.events.writing = True
    scene.events.happen()
    scene.run(3)
    assert len(scene.changed) == 1
    scene.events.happen()
    scene.run(0.3)
    assert len(scene.changed) == 2


def test_a_change_whose_event_is_late_is_waited_for(scene):
    """The times of the files tell that it was not quiet, whatever events say."""
    scene.begin()
    scene.events.happen()
    written = scene.file.stat().st_ctime
    scene.now = lambda: written + 0.1
    scene.run(1)
    assert scene.changed == []
    scene.now = lambda: written + 0.25
    scene.run(0.5)
    assert len(scene.changed) == 1


def test_a_removed_file_whose_event_is_late_is_waited_for(scene):
    (scene.package / "old.py").touch()
    scene.begin()
    scene.events.happen()
    (scene.package / "old.py").unlink()
    removed = scene.package.stat().st_ctime
    scene.now = lambda: removed + 0.1
    scene.run(1)
    assert scene.changed == []


def test_a_clock_ahead_of_ours_does_not_hold_it_up(scene):
    """As that of a file server."""
    scene.begin()
    scene.now = lambda: scene.file.stat().st_ctime - 3600
    scene.events.happen()
    scene.run(0.5)
    assert len(scene.changed) == 1


def test_what_has_moved_since_it_told_is_named(scene):
    scene.begin()
    assert scene.watcher.moved_since(survey(scene.scope).stamps) == ""
    scene.file.write_text("a = 2\n")
    assert scene.watcher.moved_since(survey(scene.scope).stamps) == str(scene.file)
    scene.file.unlink()
    assert scene.watcher.moved_since(survey(scene.scope).stamps) == str(scene.file)


def test_what_never_rests_is_not_asked_whether_it_moved(scene):
    scene.begin(Pace(debounce=0.2, debounce_max=1, poll=1, rescan=0))
    for _ in range(30):
        scene.events.happen()
        scene.run(0.1)
        if scene.changed:
            break
    scene.file.write_text("a = 2\n")
    assert scene.watcher.moved_since(survey(scene.scope).stamps) == ""
    assert not scene.watcher.is_disturbed


def test_new_folders_are_watched_before_it_tells(scene):
    """What is written into them after the reading makes an event then."""
    scene.begin()
    seen: list[int] = []
    scene.watcher._changed = lambda: seen.append(len(scene.events.watches))
    for name in ("node_modules", "sub"):
        (scene.package / name).mkdir()
    scene.events.happen()
    scene.run(1)
    assert seen == [3]
    assert str(scene.package / "sub") in scene.events.watches


def test_a_half_written_file_is_read_again_after_another_quiet_time(scene):
    scene.begin()
    scene.watcher.again()
    scene.run(0.15)
    assert scene.changed == []
    scene.run(0.1)
    assert len(scene.changed) == 1


def test_an_event_during_the_look_is_told_after_it_and_once(scene):
    scene.begin()
    looks: list[Deferred[Any]] = []

    def later(call: Callable[..., Any]) -> Deferred[Any]:
        looks.append(Deferred().addCallback(lambda _: call()))
        return looks[-1]

    scene.in_thread = later
    scene.events.happen()
    scene.run(0.25)
    scene.events.happen()
    looks.pop(0).callback(None)
    assert scene.changed == []
    scene.run(0.25)
    looks.pop(0).callback(None)
    assert len(scene.changed) == 1


def test_stopped_it_tells_nothing_more(scene):
    scene.begin()
    scene.events.happen()
    scene.watcher.stop()
    scene.events.happen()
    scene.events.overflow()
    scene.watcher.again()
    scene.run(30)
    assert scene.changed == []


def test_a_look_that_ends_after_the_stop_is_of_no_account(scene):
    scene.begin()
    late: Deferred[Any] = Deferred()
    scene.in_thread = lambda call: late.addCallback(lambda _: call())
    scene.events.happen()
    scene.run(0.3)
    scene.watcher.stop()
    late.callback(None)
    assert scene.changed == []
    assert scene.clock.getDelayedCalls() == []


# -- what no event told ---------------------------------------------------------------------------


def test_a_change_of_which_no_event_told_is_noticed_and_ends_the_trust_in_events(scene):
    scene.begin()
    scene.file.write_text("a = 2\n")
    scene.run(12)
    assert scene.changed == [10.2]
    assert scene.watcher.mode is Mode.SCANNING
    assert scene.warnings == [f"Scanning {scene.package} for changes every 1 s: events are lost"]


def test_a_hard_link_that_is_made_elsewhere_makes_no_event_and_none_is_missed(scene, tmp_path):
    """Backups do so; the inode's time changes, the content does not."""
    scene.begin()
    os.link(scene.file, tmp_path / "backup")
    scene.run(30)
    assert scene.watcher.mode is Mode.EVENTS
    assert len(scene.changed) == 1  # the reader finds nothing


def test_an_event_that_is_only_late_is_forgiven(scene):
    """Watchdog holds renames back for half a second."""
    scene.begin()
    scene.run(6.8)
    scene.file.write_text("a = 2\n")
    scene.run(0.5)
    scene.events.happen()
    scene.run(30)
    assert scene.watcher.mode is Mode.EVENTS
    assert scene.warnings == []
    assert len(scene.changed) == 2  # by the scan, and by the event; the reader finds it unchanged


def test_a_scan_that_finds_what_events_told_is_silent(scene):
    scene.begin()
    scene.file.write_text("a = 2\n")
    scene.events.happen()
    scene.run(30)
    assert len(scene.changed) == 1
    assert scene.watcher.mode is Mode.EVENTS


def test_without_changes_the_slow_scan_tells_nothing(scene):
    scene.begin()
    scene.run(60)
    assert scene.changed == []


def test_no_slow_scan_if_it_is_not_wanted(scene):
    scene.begin(Pace(debounce=0.2, debounce_max=5, poll=1, rescan=0))
    scene.file.write_text("a = 2\n")
    scene.run(60)
    assert scene.changed == []


# -- doing without events -------------------------------------------------------------------------


def edit_is_noticed(scene: Scene) -> bool:
    scene.changed.clear()
    scene.file.write_text(scene.file.read_text() + "b = 2\n")
    scene.run(3)
    return len(scene.changed) == 1


@pytest.mark.parametrize(
    ("where", "error", "reason"),
    [
        ("start_error", OSError(24, "inotify instance limit reached"), "instance limit"),
        ("watch_error", OSError(28, "inotify watch limit reached"), "watch limit"),
        ("works", False, "sends no events"),
    ],
)
def test_without_events_it_scans_and_says_so_once(scene, where, error, reason):
    setattr(scene.kind, where, error)
    scene.begin()
    assert scene.watcher.mode is Mode.SCANNING
    assert not scene.events.running
    assert edit_is_noticed(scene)
    scene.events.overflow()
    scene.run(30)
    assert len(scene.warnings) == 1
    assert reason in scene.warnings[0]


def test_a_limit_that_is_met_later_ends_the_trust_in_events(scene):
    scene.begin()
    scene.events.watch_error = OSError(28, "inotify watch limit reached")
    scene.events.happen()
    scene.run(2)
    assert scene.watcher.mode is Mode.SCANNING
    assert len(scene.changed) == 1, "what the event told of is not forgotten"
    assert len(scene.warnings) == 1


def test_an_overflow_ends_the_trust_in_events_and_is_looked_into_at_once(scene):
    scene.begin()
    scene.events.overflow()
    scene.run(0.3)
    assert len(scene.changed) == 1
    assert edit_is_noticed(scene)
    assert len(scene.warnings) == 1


def test_a_watchdog_that_has_died_is_found_out(scene):
    scene.begin()
    scene.events.alive = False
    scene.run(10)
    assert scene.watcher.mode is Mode.SCANNING
    assert "stopped working" in scene.warnings[0]


def test_where_nothing_can_be_written_events_are_trusted(scene, monkeypatch):
    def refuse(path: Path, data: bytes) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    scene.kind.works = False
    scene.begin()
    assert scene.watcher.mode is Mode.EVENTS


def test_asked_to_scan_it_makes_no_fuss(scene):
    scene.begin(poll=True)
    assert scene.watcher.mode is Mode.SCANNING
    assert not scene.events.running
    assert scene.warnings == []
    assert edit_is_noticed(scene)
    assert list(scene.package.iterdir()) == [scene.file], "there was no probe"


def test_scanning_waits_until_the_files_rest(scene):
    """Without events only another look tells whether somebody is still writing."""
    scene.begin(poll=True)
    for n in range(20):
        scene.file.write_text("a = 1\n" * n)
        scene.run(0.1)
    assert scene.changed == []
    scene.run(1)
    assert len(scene.changed) == 1


def test_scanning_does_not_wait_for_ever(scene):
    scene.begin(Pace(debounce=0.2, debounce_max=2, poll=1, rescan=10), poll=True)
    for n in range(60):
        scene.file.write_text("a = 1\n" * n)
        scene.run(0.1)
    assert 1 <= len(scene.changed) <= 3


def test_a_mistake_of_ours_while_looking_does_not_end_the_looking(scene):
    scene.begin(poll=True)
    good, scene.scope = scene.scope, None
    scene.run(3)
    scene.scope = good
    assert edit_is_noticed(scene)


def test_the_folders_are_those_of_packages_and_of_single_files(scene, tmp_path):
    roots = (
        Root("talker", tmp_path / "talker", True),
        Root("a", tmp_path / "a.py", False),
        Root("b", tmp_path / "b.py", False),
    )
    scene.scope = FileTree(Application(roots, ()))
    scene.start(poll=True)
    assert scene.watcher.folders == (tmp_path / "talker", tmp_path)


def test_the_double_is_used_as_the_real_one_is():
    """What the watcher asks of its events, both have."""
    real = vars(file_events.WatchdogEvents)
    for name, value in vars(PlayedEvents).items():
        if callable(value) and not name.startswith("_") and name != "happen":
            assert name in real
