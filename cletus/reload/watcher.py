"""Noticing that somebody has saved: events of the file system, and then quiet.

The events only say that something may have changed; what has changed is found by reading and
comparing content. So which events an editor causes, in which order, does not matter.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from twisted.logger import Logger
from watchdog.events import (
    EVENT_TYPE_CLOSED,
    EVENT_TYPE_CREATED,
    EVENT_TYPE_DELETED,
    EVENT_TYPE_MODIFIED,
    EVENT_TYPE_MOVED,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from cletus.application import Application
from cletus.clock import Clock

#: An allow-list: each new kind of event that watchdog brought (opened, closed_no_write, attrib) has
#: made reloaders elsewhere reload for ever.
_KINDS = {
    EVENT_TYPE_CLOSED,
    EVENT_TYPE_CREATED,
    EVENT_TYPE_DELETED,
    EVENT_TYPE_MODIFIED,
    EVENT_TYPE_MOVED,
}


class Quiet:
    """Calls back when nothing has happened for a while, and after a tenfold while at the latest.

    Args:
        clock: the reactor.
        seconds: how long it must be quiet.
        call: what to call.
    """

    def __init__(self, clock: Clock, seconds: float, call: Callable[[], None]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._call = call
        self._timer: Any = None
        self._latest = 0.0

    def disturb(self) -> None:
        """Something has happened."""
        now = self._clock.seconds()
        if self._timer is None:
            self._latest = now + 10 * self._seconds
        else:
            self._timer.cancel()
        delay = max(0.0, min(self._seconds, self._latest - now))
        self._timer = self._clock.callLater(delay, self._quiet)

    def cancel(self) -> None:
        """Do not call back any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _quiet(self) -> None:
        self._timer = None
        self._call()


class Watcher(FileSystemEventHandler):
    """Watches the folders of an application.

    Args:
        reactor: its ``callFromThread`` is the only thing that watchdog's thread touches.
        application: what to watch.
        quiet: seconds without a further event before ``changed`` is called.
        changed: called in the reactor's thread when something may have changed.
    """

    log = Logger()

    def __init__(
        self, reactor: Any, application: Application, *, quiet: float, changed: Callable[[], None]
    ) -> None:
        self._reactor = reactor
        self._application = application
        self._quiet = Quiet(reactor, quiet, changed)
        self._observer: Any = None

    @property
    def folders(self) -> tuple[Path, ...]:
        """What is watched: each package's folder, and the folder of each single file."""
        return tuple(dict.fromkeys(_folder(root.path) for root in self._application.roots))

    def start(self) -> None:
        """Watch from now on."""
        self._observer = Observer()
        for folder in self.folders:
            packages = any(root.is_package for root in self._application.roots)
            self._observer.schedule(self, str(folder), recursive=packages)
        self._observer.daemon = True
        self._observer.start()

    def stop(self) -> None:
        """Watch no more; watchdog's threads are gone when this returns."""
        self._quiet.cancel()
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None

    def again(self) -> None:
        """Call back after another quiet time; for a reader that found a file half written."""
        self._quiet.disturb()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called in watchdog's thread."""
        if event.event_type in _KINDS and any(map(_is_of_interest, _paths(event))):
            self._reactor.callFromThread(self._quiet.disturb)


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _paths(event: FileSystemEvent) -> Iterable[str]:
    """Both ends of a move: who saves by renaming shows the file only as its destination."""
    return (os.fsdecode(path) for path in (event.src_path, event.dest_path) if path)


def _is_of_interest(path: str) -> bool:
    """Whether a source file, or a folder that may hold some, may have changed."""
    if "__pycache__" in path:
        return False
    _, ending = os.path.splitext(path)
    return ending in ("", ".py")
