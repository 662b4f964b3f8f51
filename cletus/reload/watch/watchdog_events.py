"""Events from watchdog, and everything that touches its threads."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from watchdog import events as watchdog_events
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

from cletus.reload.watch.survey import Watch

#: An allow-list: each new type of event that watchdog has added (opened, closed_no_write) has made
#: reloaders elsewhere reload for ever. ``attrib`` is in it, although ``touch`` causes one, because
#: it also tells that a file has become readable.
_TYPES = frozenset(("closed", "created", "deleted", "modified", "moved", "attrib"))
#: The same as classes, so that the kernel sends no others. Watchdog 6 does not have ``attrib``.
_CLASSES = [
    cls
    for cls in vars(watchdog_events).values()
    if isinstance(cls, type)
    and issubclass(cls, FileSystemEvent)
    and getattr(cls, "event_type", None) in _TYPES
]
#: Each watch of watchdog has a thread. An application in more separate folders than this is scanned
#: instead (our choice).
WATCHES_MAX = 50
#: Prefix of the file that is made to find out whether there are events at all.
PROBE = ".cletus-probe-"


class WatchdogEvents(FileSystemEventHandler):
    """Watches folders, and calls back when a file of interest may have changed.

    Args:
        call_from_thread: the reactor's ``callFromThread``; nothing else crosses from watchdog's
            threads to the reactor's.
        matters: whether a path is of interest; called in watchdog's threads.
        changed: called in the reactor's thread, once for all events that have come by then.
        overflowed: called in the reactor's thread when the system has lost events.
    """

    def __init__(
        self,
        call_from_thread: Callable[..., Any],
        matters: Callable[[str], bool],
        changed: Callable[[], None],
        overflowed: Callable[[], None],
    ) -> None:
        self._call_from_thread = call_from_thread
        self._matters = matters
        self._changed = changed
        self._overflowed = overflowed
        self._lock = threading.Lock()
        self._changing = threading.Lock()  # watch() in a thread against stop() in the reactor's
        self._pending = False
        self._writing: set[str] = set()
        self._knows_closing = False
        self._observer: Any = None
        self._watched: dict[str, tuple[Watch, ObservedWatch]] = {}
        self._only: Mapping[str, frozenset[str] | None] = {}
        self._warnings = _Warnings(self._lost)
        #: How many events of interest there were.
        self.count = 0
        #: Whether one of them was about the probe.
        self.probed = False

    # -- in the reactor's thread, or one that it waits for ------------------------------------

    def start(self) -> None:
        """Start watchdog, with no folder yet.

        Raises:
            OSError: the system has no watches left (EMFILE).
        """
        self._warnings.begin()
        # It has a running thread as soon as it is made: from here on, stop() must be called.
        self._observer = Observer()
        self._observer.daemon = True
        self._observer.start()

    def watch(self, watches: Mapping[str, Watch]) -> None:
        """Watch these folders, and no others.

        Raises:
            OSError: the system has no watches left (ENOSPC), or there are more than ``WATCHES_MAX``.
        """
        if len(watches) > WATCHES_MAX:
            raise OSError(errno.ENOSPC, f"more than {WATCHES_MAX} separate folders to watch")
        with self._changing:
            if self._observer is not None:
                self._update(watches)

    def _update(self, watches: Mapping[str, Watch]) -> None:
        self._only = {path: watch.only for path, watch in watches.items()}
        for path, (watch, observed) in list(self._watched.items()):
            wanted = watches.get(path)
            if wanted is None or not _is_same(wanted, watch) or not self._lives(observed):
                del self._watched[path]
                self._observer.unschedule(observed)
        for path, watch in watches.items():
            if path not in self._watched:
                self._add(watch)

    def stop(self) -> None:
        """Stop watching; watchdog's threads have ended when this returns."""
        self._warnings.end()
        with self._changing:
            if self._observer is not None:
                self._observer.stop()
                self._observer.join()
                self._observer = None
            self._watched = {}

    def is_alive(self) -> bool:
        """Whether watchdog is running: an exception in one of its threads ends it."""
        return self._observer is not None and bool(self._observer.is_alive())

    def is_writing(self) -> bool:
        """Whether a file has been written to and not closed, on systems that tell."""
        with self._lock:
            return self._knows_closing and bool(self._writing)

    def forget_writing(self) -> None:
        """Do not wait any longer for files that have not been closed by now."""
        with self._lock:
            self._writing.clear()

    def _add(self, watch: Watch) -> None:
        try:
            observed = self._observer.schedule(
                self, watch.path, recursive=watch.recursive, event_filter=_CLASSES
            )
        except FileNotFoundError:
            return  # removed meanwhile; the watch on its parent tells when it is back
        self._watched[watch.path] = watch, observed

    def _lives(self, observed: ObservedWatch) -> bool:
        """Whether a thread still reads its events: it ends when the folder is removed."""
        return any(
            emitter.watch == observed and emitter.is_alive() for emitter in self._observer.emitters
        )

    # -- in watchdog's threads ----------------------------------------------------------------

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by watchdog."""
        if event.event_type not in _TYPES:
            return
        if event.is_directory and event.event_type in ("modified", "attrib"):
            return  # there are separate events for what happened inside it
        # If an editor saves by renaming, the file is only the destination of a move.
        paths = [os.fsdecode(path) for path in (event.src_path, event.dest_path) if path]
        if any(os.path.basename(path).startswith(PROBE) for path in paths):
            self.probed = True
            self._knows_closing = self._knows_closing or event.event_type == "closed"
        elif event.event_type in ("modified", "closed") and not _may_be_source(paths[0]):
            return  # a log, for example, which the service writes to all the time
        elif any(map(self._is_of_interest, paths)):
            self._note(event.event_type, paths)

    def _note(self, event_type: str, paths: list[str]) -> None:
        with self._lock:
            self.count += 1
            if event_type == "modified":
                self._writing.update(paths)
            else:
                self._knows_closing = self._knows_closing or event_type == "closed"
                self._writing.difference_update(paths)
            if self._pending:
                return
            self._pending = True
        self._call_from_thread(self._report)

    def _is_of_interest(self, path: str) -> bool:
        folder, name = os.path.split(path)
        only = self._only.get(folder)
        return self._matters(path) if only is None else name in only

    def _lost(self) -> None:
        self._call_from_thread(self._overflowed)

    def _report(self) -> None:
        """In the reactor's thread."""
        with self._lock:
            self._pending = False
        self._changed()


class _Warnings(logging.Handler):
    """Reads watchdog's log: only there does it tell that the system has lost events.

    The logger ``watchdog`` may be set to errors only. So this sits on a logger below it, which takes
    warnings as well, and passes on what the level of ``watchdog`` lets through.
    """

    def __init__(self, lost: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._lost = lost
        self._logger = logging.getLogger("watchdog.observers")

    def begin(self) -> None:
        """Read from now on."""
        self._logger.addHandler(self)
        self._logger.setLevel(logging.WARNING)
        self._logger.propagate = False

    def end(self) -> None:
        """Read no more. Doing it twice is harmless."""
        self._logger.removeHandler(self)
        self._logger.setLevel(logging.NOTSET)
        self._logger.propagate = True

    def emit(self, record: logging.LogRecord) -> None:
        """Called by the logging package, in one of watchdog's threads."""
        if "overflow" in record.getMessage():
            self._lost()
        parent = logging.getLogger("watchdog")
        if parent.isEnabledFor(record.levelno):
            parent.handle(record)


def _may_be_source(path: str) -> bool:
    """Whether a file that is written to can be code or data: not without a suffix.

    When it is created or removed, such a name does matter: it may be a folder or a link.
    """
    return "." in os.path.basename(path)


def _is_same(watch: Watch, other: Watch) -> bool:
    return (watch.recursive, watch.inode) == (other.recursive, other.inode)
