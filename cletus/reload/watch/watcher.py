"""Noticing that somebody has saved: by events of the file system, or by looking, and then quiet.

Neither says more than that something may have changed; what has changed is found by reading and
comparing content. So which events an editor causes, in which order, does not matter.
"""

from __future__ import annotations

import enum
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.reload.watch.debounce import Debouncer
from cletus.reload.watch.file_tree import FileTree
from cletus.reload.watch.survey import Stamp, survey
from cletus.reload.watch.watchdog_events import PROBE, WatchdogEvents
from cletus.service.application import Application

#: Seconds within which the event of a change must have come. Watchdog holds the first half of a
#: rename back for half a second, and all that follows it.
_LATE = 2.0

#: Calls in one of the reactor's threads, as ``Service.run_in_thread``.
InThread = Callable[..., Deferred[Any]]


class Mode(enum.Enum):
    """How changes are noticed."""

    EVENTS = "events"
    SCANNING = "scanning"


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of a watcher, in seconds.

    Attributes:
        quiet: without a further change before it tells.
        quiet_max: of unbroken changes after which it tells all the same; 0 for never.
        poll: between two scans where there are no events.
        rescan: between two scans where there are; 0 for never.
    """

    quiet: float
    quiet_max: float
    poll: float
    rescan: float


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen.

    Attributes:
        stamps: of all files.
        heard: how many events had been heard of when the look began.
        is_fresh: whether something had been changed within the quiet time before it.
    """

    stamps: dict[str, Stamp]
    heard: int
    is_fresh: bool = False

    def written(self) -> dict[str, Stamp]:
        """The stamps without the time of the inode, which may change without an event in the folder.

        It does so when another hard link to the file, somewhere else, is made or removed.
        """
        return {path: stamp[:-1] for path, stamp in self.stamps.items()}


class Watcher:
    """Watches the files of an application.

    Args:
        reactor: its ``callFromThread`` is the only thing that watchdog's threads touch.
        scope: called, in a thread, for what to watch; the settings may change with a reload.
        in_thread: where the file system is looked at.
        pace: its times.
        changed: called in the reactor's thread when something may have changed and it is quiet.
        poll: scan from the beginning.
        events: makes what listens to events.
        now: the system's clock, which is what the times of files are told by.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        tree: Callable[[], FileTree],
        in_thread: InThread,
        *,
        pace: Pace,
        changed: Callable[[], None],
        poll: bool = False,
        events: Callable[..., WatchdogEvents] = WatchdogEvents,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._reactor = reactor
        self._file_tree = tree
        self._in_thread = in_thread
        self._pace = pace
        self._changed = changed
        self._poll = poll
        self._now = now
        self._events = events(self._call_from_thread, self._matters, self._told, self._overflowed)
        self._quiet = Debouncer(
            reactor, pace.quiet, pace.quiet_max, self._settle, self._events.is_writing
        )
        self._known = FileTree(Application())
        self._last = _Look({}, 0)
        self._looking = False
        self._overdue = False
        self._stopped = False
        self._scanning: Any = None
        self._judging: Any = None
        #: How changes are noticed at present.
        self.mode = Mode.EVENTS

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the application is: each package's folder, and the folder of each single file."""
        roots = self._file_tree().application.roots
        return tuple(
            dict.fromkeys(root.path if root.is_package else root.path.parent for root in roots)
        )

    @property
    def is_disturbed(self) -> bool:
        """Whether there has been a change since it told; it is going to tell again.

        Not so where it told because the files did not come to rest: nobody is to wait for that.
        """
        return self._quiet.is_waiting and not self._overdue

    def moved_since(self, stamps: dict[str, Stamp]) -> str:
        """A file that is not as it was when this watcher told; "" if all are.

        Args:
            stamps: of all files, as they are now.
        """
        if self._overdue:
            return ""
        seen = self._last.stamps
        paths = sorted(seen.keys() | stamps.keys())
        return next((path for path in paths if seen.get(path) != stamps.get(path)), "")

    # -- life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Watch from now on. It tells once by itself, of what was saved while the service started."""
        if self._poll:
            self._scan_only("reload_poll is set", asked=True)
            self._last = self._look()
        else:
            self._listen()
        self._quiet.disturb()

    def stop(self) -> None:
        """Watch no more; watchdog's threads are gone when this returns."""
        self._stopped = True
        self._quiet.cancel()
        self._cancel(self._scanning, self._judging)
        self._events.stop()

    def again(self) -> None:
        """Tell once more after a quiet time; for a reader that found a file half written."""
        if not self._stopped:
            self._quiet.disturb()

    # -- events -----------------------------------------------------------------------------

    def _listen(self) -> None:
        try:
            self._events.start()
            self._last = self._look()
        except OSError as error:
            self._scan_only(_reason(error))
            self._last = self._look()
            return
        self._scan_later()
        self._in_thread(self._probe).addCallback(self._judge_probe).addErrback(self._gone_wrong)

    def _probe(self) -> bool:
        """In a thread: make an event in each folder. Whether that was possible."""
        made = False
        for folder in self.folders:
            probe = folder / f"{PROBE}{os.getpid()}"
            with suppress(OSError):  # a folder that we must not write to cannot be tried
                probe.write_bytes(b"")
                made = True
                probe.unlink()
        return made

    def _judge_probe(self, made: bool) -> None:
        if made and not self._stopped and self.mode is Mode.EVENTS:
            self._judge_later(
                lambda: self._events.probed, "this file system tells of no changes by itself"
            )

    def _told(self) -> None:
        if not self._stopped and self.mode is Mode.EVENTS:
            self._quiet.disturb()

    def _overflowed(self) -> None:
        if not self._stopped and self.mode is Mode.EVENTS:
            self._scan_only("there were so many that some were lost")
            self._quiet.disturb()

    def _matters(self, path: str) -> bool:
        """In watchdog's threads, for each event: by what the latest look knew."""
        return self._known.matters(path)

    def _call_from_thread(self, call: Callable[[], None]) -> None:
        self._reactor.callFromThread(call)

    # -- looking ----------------------------------------------------------------------------

    def _look(self) -> _Look:
        """In a thread, or before there is anything to wait for it: look, and watch new folders.

        Raises:
            OSError: they cannot be watched.
        """
        heard, now = self._events.heard, self._now()
        self._known = self._file_tree()
        found = survey(self._known)
        if self.mode is Mode.EVENTS:
            self._events.watch(found.watches)
        # A time ahead of ours is that of a server with another clock.
        fresh = now - self._pace.quiet < found.latest <= now + self._pace.quiet
        return _Look(found.stamps, heard, fresh)

    def _look_in_thread(self, then: Callable[[_Look], None]) -> None:
        """Look, and go on with what was seen."""
        self._looking = True
        looked = self._in_thread(self._look)
        looked.addBoth(self._looked)
        looked.addCallbacks(self._unless_stopped, self._cannot_watch, callbackArgs=(then,))
        looked.addErrback(self._gone_wrong)

    def _looked(self, result: Any) -> Any:
        self._looking = False
        return result

    def _unless_stopped(self, seen: _Look, then: Callable[[_Look], None]) -> None:
        if not self._stopped:
            then(seen)

    def _cannot_watch(self, failure: Failure) -> None:
        failure.trap(OSError)
        if not self._stopped:
            self._scan_only(_reason(failure.value))
            self._quiet.disturb()

    def _gone_wrong(self, failure: Failure) -> None:
        """A mistake of ours; the next event or scan tries again."""
        self.log.failure("Looking at the application's files has failed", failure=failure)

    def _settle(self) -> None:
        """It is quiet."""
        self._events.forget_writing()
        if self._looking:
            self._quiet.disturb()
        else:
            self._look_in_thread(self._settled)

    def _settled(self, seen: _Look) -> None:
        """A look after the quiet time tells whether it was one.

        Where there are no events, nothing else does. And events may be late: when watchdog meets a
        rename whose first half it sees before its second, it holds everything back for half a second.
        """
        moved = seen.is_fresh or (seen.stamps != self._last.stamps and self.mode is Mode.SCANNING)
        self._last = seen
        self._overdue = self._quiet.is_overdue
        if self._overdue or not (moved or self._quiet.is_waiting):
            self._quiet.rest()
            self._changed()
        elif moved:
            self._quiet.disturb()

    # -- scanning ---------------------------------------------------------------------------

    def _scan_later(self) -> None:
        interval = self._pace.poll if self.mode is Mode.SCANNING else self._pace.rescan
        if interval:
            self._scanning = self._reactor.callLater(interval, self._scan)

    def _scan(self) -> None:
        self._scan_later()
        if self.mode is Mode.EVENTS and not self._events.is_alive():
            self._scan_only("watchdog has stopped working")
        if not self._looking:
            self._look_in_thread(self._scanned)

    def _scanned(self, seen: _Look) -> None:
        before, self._last = self._last, seen
        if seen.stamps == before.stamps:
            return
        silent = self._events.heard == before.heard and seen.written() != before.written()
        if self.mode is Mode.EVENTS and silent:
            # Noticed, but nobody told: either the event is still on its way, or it never comes.
            self._judge_later(lambda: self._events.heard > before.heard, "events are lost")
        self._quiet.disturb()

    # -- doing without events -----------------------------------------------------------------

    def _judge_later(self, is_well: Callable[[], bool], otherwise: str) -> None:
        """Give events some time to come, and do without them if they do not."""
        if self._judging is not None and self._judging.active():
            return

        def judge() -> None:
            if not is_well():
                self._scan_only(otherwise)

        self._judging = self._reactor.callLater(_LATE, judge)

    def _scan_only(self, reason: str, *, asked: bool = False) -> None:
        """Do without events from now on, and say so once. A restart tries them again."""
        if self.mode is Mode.SCANNING:
            return
        self.mode = Mode.SCANNING
        self._events.stop()
        self._cancel(self._scanning, self._judging)
        self._scan_later()
        tell = self.log.info if asked else self.log.warn
        tell(
            "Looking for changes in {folders} every {seconds} s: {reason}",
            folders=", ".join(map(str, self.folders)),
            seconds=self._pace.poll,
            reason=reason,
        )

    def _cancel(self, *timers: Any) -> None:
        for timer in timers:
            if timer is not None and timer.active():
                timer.cancel()


def _reason(error: BaseException | None) -> str:
    return getattr(error, "strerror", None) or str(error)
