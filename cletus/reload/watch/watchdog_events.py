"""What watchdog tells, and all that touches its threads."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from watchdog import events as kinds
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

from cletus.reload.watch.survey import Watch

#: An allow-list: each new kind of event that watchdog brought (opened, closed_no_write) has made
#: reloaders elsewhere reload for ever. ``attrib`` is in it, although a mere ``touch`` makes one,
#: because it also tells that a file has become readable.
_KINDS = frozenset(("closed", "created", "deleted", "modified", "moved", "attrib"))
#: The same as classes: the kernel is not asked for others. Watchdog 6 knows no ``attrib`` of its own.
_CLASSES = [
    kind
    for kind in vars(kinds).values()
    if isinstance(kind, type)
    and issubclass(kind, FileSystemEvent)
    and getattr(kind, "event_type", None) in _KINDS
]
#: Each watch of watchdog has a thread. An application that is scattered over more folders than this,
#: with foreign ones between them, is better looked at than watched (our choice).
WATCHES_MAX = 50
#: How the name of a file begins that is made to find out whether there are events at all.
PROBE = ".cletus-probe-"


class WatchdogEvents(FileSystemEventHandler):
    """Tells that something of interest may have happened in the folders that it watches.

    Args:
        call_from_thread: the reactor's ``callFromThread``; nothing else crosses from watchdog's
            threads to the reactor's.
        matters: whether a path is of interest; called in watchdog's threads.
        told: called in the reactor's thread, once for any number of events that wait for it.
        overflowed: called in the reactor's thread when the system has lost events.
    """

    def __init__(
        self,
        call_from_thread: Callable[..., Any],
        matters: Callable[[str], bool],
        told: Callable[[], None],
        overflowed: Callable[[], None],
    ) -> None:
        self._call_from_thread = call_from_thread
        self._matters = matters
        self._tell = told
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
        #: How many events of interest there have been; a sign of life.
        self.heard = 0
        #: Whether one of them was about the probe.
        self.probed = False

    # -- in the reactor's thread, or one that it waits for ------------------------------------

    def start(self) -> None:
        """Begin, with no folder yet.

        Raises:
            OSError: the system has no watches left (EMFILE).
        """
        logging.getLogger("watchdog.observers").addHandler(self._warnings)
        # Its first thread runs as soon as it is made: from here on it must be stopped in any case.
        self._observer = Observer()
        self._observer.daemon = True
        self._observer.start()

    def watch(self, watches: Mapping[str, Watch]) -> None:
        """Watch these folders from now on, and no others.

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
        """Watch no more; watchdog's threads are gone when this returns."""
        logging.getLogger("watchdog.observers").removeHandler(self._warnings)
        with self._changing:
            if self._observer is not None:
                self._observer.stop()
                self._observer.join()
                self._observer = None
            self._watched = {}

    def is_alive(self) -> bool:
        """Whether somebody still listens: an exception in one of its threads ends watchdog."""
        return self._observer is not None and bool(self._observer.is_alive())

    def is_writing(self) -> bool:
        """Whether a file has been written to and not closed yet, where that can be known."""
        with self._lock:
            return self._knows_closing and bool(self._writing)

    def forget_writing(self) -> None:
        """Whatever has not been closed by now is not waited for any longer."""
        with self._lock:
            self._writing.clear()

    def _add(self, watch: Watch) -> None:
        try:
            observed = self._observer.schedule(
                self, watch.path, recursive=watch.recursive, event_filter=_CLASSES
            )
        except FileNotFoundError:
            return  # gone since it was seen; its parent's watch tells when it is back
        self._watched[watch.path] = watch, observed

    def _lives(self, observed: ObservedWatch) -> bool:
        """Whether there is still somebody who reads its events: who watches a folder ends with it."""
        return any(
            emitter.watch == observed and emitter.is_alive() for emitter in self._observer.emitters
        )

    # -- in watchdog's threads ----------------------------------------------------------------

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by watchdog."""
        if event.event_type not in _KINDS:
            return
        if event.is_directory and event.event_type in ("modified", "attrib"):
            return  # what happened inside it is told by events of its own
        # Who saves by renaming shows the file only as the destination of a move.
        paths = [os.fsdecode(path) for path in (event.src_path, event.dest_path) if path]
        if any(os.path.basename(path).startswith(PROBE) for path in paths):
            self.probed = True
            self._knows_closing = self._knows_closing or event.event_type == "closed"
        elif event.event_type in ("modified", "closed") and not _may_be_source(paths[0]):
            return  # a log, say, which the service itself may be writing to all the time
        elif any(map(self._is_of_interest, paths)):
            self._note(event.event_type, paths)

    def _note(self, kind: str, paths: list[str]) -> None:
        with self._lock:
            self.heard += 1
            if kind == "modified":
                self._writing.update(paths)
            else:
                self._knows_closing = self._knows_closing or kind == "closed"
                self._writing.difference_update(paths)
            if self._pending:
                return
            self._pending = True
        self._call_from_thread(self._told)

    def _is_of_interest(self, path: str) -> bool:
        folder, name = os.path.split(path)
        only = self._only.get(folder)
        return self._matters(path) if only is None else name in only

    def _lost(self) -> None:
        self._call_from_thread(self._overflowed)

    def _told(self) -> None:
        """In the reactor's thread."""
        with self._lock:
            self._pending = False
        self._tell()


class _Warnings(logging.Handler):
    """Listens to watchdog's log: it tells nobody else that the system has lost events."""

    def __init__(self, lost: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._lost = lost

    def emit(self, record: logging.LogRecord) -> None:
        """Called by the logging package, in one of watchdog's threads."""
        if "overflow" in record.getMessage():
            self._lost()


def _may_be_source(path: str) -> bool:
    """Whether what is written to there can be code or data: a name without an ending is neither.

    Such a name matters all the same where it comes or goes: it may be that of a folder or a link.
    """
    return "." in os.path.basename(path)


def _is_same(one: Watch, other: Watch) -> bool:
    return (one.recursive, one.inode) == (other.recursive, other.inode)
