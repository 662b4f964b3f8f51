"""Notice that files were saved: by events of the file system or by scanning, and then a debounce.

Both only say that something may have changed; what has changed is found by reading the files and
comparing their content. So it does not matter which events an editor causes, and in which order.
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

#: Seconds within which the event of a change must arrive. Watchdog delays the first half of a rename,
#: and all events after it, by half a second.
_LATE = 2.0

#: Calls a function in one of the reactor's threads, as ``Service.run_in_thread``.
InThread = Callable[..., Deferred[Any]]


class Mode(enum.Enum):
    """How changes are noticed."""

    EVENTS = "events"
    SCANNING = "scanning"


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of a watcher, in seconds.

    Attributes:
        debounce: without a change before it reports.
        debounce_max: of continuous changes after which it reports in any case; 0 for never.
        poll: between two scans if there are no events.
        rescan: between two scans if there are; 0 for never.
    """

    debounce: float
    debounce_max: float
    poll: float
    rescan: float


@dataclass(frozen=True, slots=True)
class _Look:
    """A look at the files.

    Attributes:
        stamps: of all files.
        events: how many events there were before it.
        is_fresh: whether a file was changed within the debounce time before it.
    """

    stamps: dict[str, Stamp]
    events: int
    is_fresh: bool = False

    def written(self) -> dict[str, Stamp]:
        """The stamps without the time at which the inode has changed.

        That also changes when a hard link to the file is made or removed in another folder, of which
        there is no event in this one.
        """
        return {path: stamp[:-1] for path, stamp in self.stamps.items()}


class Watcher:
    """Watches the files of an application.

    Args:
        reactor: watchdog's threads touch nothing of it but its ``callFromThread``.
        tree: returns the files to watch, called in a thread; a reload may change the settings.
        in_thread: looks at the file system.
        pace: its times.
        changed: called in the reactor's thread when files may have changed and have settled.
        poll: scan from the start.
        events: makes the source of events.
        now: the system's clock, which file times are measured by.
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
        self._events = events(
            self._call_from_thread, self._matters, self._on_event, self._overflowed
        )
        self._debouncer = Debouncer(
            reactor, pace.debounce, pace.debounce_max, self._settle, self._events.is_writing
        )
        self._known = FileTree(Application())
        self._last = _Look({}, 0)
        self._looking = False
        self._overdue = False
        self._stopped = False
        self._scanning: Any = None
        self._judging: Any = None
        #: How changes are noticed now.
        self.mode = Mode.EVENTS

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folder of each package and of each single file."""
        roots = self._file_tree().application.roots
        return tuple(
            dict.fromkeys(root.path if root.is_package else root.path.parent for root in roots)
        )

    @property
    def is_disturbed(self) -> bool:
        """Whether there was a change since it reported, and it is going to report again.

        Not if it reported because the files did not settle: the reload must not wait for them again.
        """
        return self._debouncer.is_waiting and not self._overdue

    def moved_since(self, stamps: dict[str, Stamp]) -> str:
        """A file that has changed since this watcher reported; "" if there is none.

        Args:
            stamps: of all files now.
        """
        if self._overdue:
            return ""
        seen = self._last.stamps
        paths = sorted(seen.keys() | stamps.keys())
        return next((path for path in paths if seen.get(path) != stamps.get(path)), "")

    # -- start and stop -------------------------------------------------------------------------------

    def start(self) -> None:
        """Start watching. It reports once by itself: files may have been saved during the start."""
        if self._poll:
            self._scan_only("reload_poll is set", wanted=True)
            self._last = self._look()
        else:
            self._listen()
        self._debouncer.trigger()

    def stop(self) -> None:
        """Stop watching; watchdog's threads have ended when this returns."""
        self._stopped = True
        self._debouncer.cancel()
        self._cancel(self._scanning, self._judging)
        self._events.stop()

    def again(self) -> None:
        """Report once more after a debounce: a file was half written when it was read."""
        if not self._stopped:
            self._debouncer.trigger()

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
        self._in_thread(self._probe).addCallback(self._judge_probe).addErrback(self._failed)

    def _probe(self) -> bool:
        """In a thread: cause an event in each folder. Returns whether that was possible."""
        caused = False
        for folder in self.folders:
            probe = folder / f"{PROBE}{os.getpid()}"
            with suppress(OSError):  # a read-only folder cannot be tested
                probe.write_bytes(b"")
                caused = True
                probe.unlink()
        return caused

    def _judge_probe(self, caused: bool) -> None:
        if caused and not self._stopped and self.mode is Mode.EVENTS:
            self._judge_later(lambda: self._events.probed, "this file system sends no events")

    def _on_event(self) -> None:
        if not self._stopped and self.mode is Mode.EVENTS:
            self._debouncer.trigger()

    def _overflowed(self) -> None:
        if not self._stopped and self.mode is Mode.EVENTS:
            self._scan_only("there were so many events that some were lost")
            self._debouncer.trigger()

    def _matters(self, path: str) -> bool:
        """In watchdog's threads, for each event: according to the latest look."""
        return self._known.matters(path)

    def _call_from_thread(self, call: Callable[[], None]) -> None:
        self._reactor.callFromThread(call)

    # -- looking ----------------------------------------------------------------------------

    def _look(self) -> _Look:
        """In a thread, or at the start: look at the files, and watch new folders.

        Raises:
            OSError: folders cannot be watched.
        """
        count, now = self._events.count, self._now()
        self._known = self._file_tree()
        seen = survey(self._known)
        if self.mode is Mode.EVENTS:
            self._events.watch(seen.watches)
        # A time in the future is that of a file server with another clock.
        fresh = now - self._pace.debounce < seen.latest <= now + self._pace.debounce
        return _Look(seen.stamps, count, fresh)

    def _look_in_thread(self, then: Callable[[_Look], None]) -> None:
        """Look, and call ``then`` with the result."""
        self._looking = True
        looked = self._in_thread(self._look)
        looked.addBoth(self._looked)
        looked.addCallbacks(self._unless_stopped, self._cannot_watch, callbackArgs=(then,))
        looked.addErrback(self._failed)

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
            self._debouncer.trigger()

    def _failed(self, failure: Failure) -> None:
        """An error in Cletus; the next event or scan tries again."""
        self.log.failure("Looking at the application's files has failed", failure=failure)

    def _settle(self) -> None:
        """The debounce is over."""
        self._events.forget_writing()
        if self._looking:
            self._debouncer.trigger()
        else:
            self._look_in_thread(self._settled)

    def _settled(self, seen: _Look) -> None:
        """Report, unless the look shows that a file has changed during the debounce.

        Without events, only the look can show it. And events may be late: when watchdog sees the
        first half of a rename, it delays everything by half a second.
        """
        moved = seen.is_fresh or (seen.stamps != self._last.stamps and self.mode is Mode.SCANNING)
        self._last = seen
        self._overdue = self._debouncer.is_overdue
        if self._overdue or not (moved or self._debouncer.is_waiting):
            self._debouncer.settle()
            self._changed()
        elif moved:
            self._debouncer.trigger()

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
        silent = self._events.count == before.events and seen.written() != before.written()
        if self.mode is Mode.EVENTS and silent:
            # A change without an event: either the event is late, or it never comes.
            self._judge_later(lambda: self._events.count > before.events, "events are lost")
        self._debouncer.trigger()

    # -- without events -----------------------------------------------------------------

    def _judge_later(self, works: Callable[[], bool], reason: str) -> None:
        """Give events some time to arrive, and scan from then on if they do not work."""
        if self._judging is not None and self._judging.active():
            return

        def judge() -> None:
            if not works():
                self._scan_only(reason)

        self._judging = self._reactor.callLater(_LATE, judge)

    def _scan_only(self, reason: str, *, wanted: bool = False) -> None:
        """Scan from now on, and log it once. A restart tries events again."""
        if self.mode is Mode.SCANNING:
            return
        self.mode = Mode.SCANNING
        self._events.stop()
        self._cancel(self._scanning, self._judging)
        self._scan_later()
        log = self.log.info if wanted else self.log.warn
        log(
            "Scanning {folders} for changes every {seconds} s: {reason}",
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
