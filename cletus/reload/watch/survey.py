"""The stamps of the application's files, without reading them, and the folders to watch."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cletus.reload.watch.file_tree import FileTree, Folder
from cletus.service.application import Root

#: If two stamps of a file are equal, its content is the same, as far as ``stat`` can tell.
Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Watch:
    """A folder to watch.

    Attributes:
        path: its real path: a watch on a link sees the link and not its target.
        recursive: whether everything below it is watched, too.
        inode: identifies the folder; another one may take its place.
        only: the names in it that are of interest; ``None`` for all.
    """

    path: str
    recursive: bool
    inode: tuple[int, int]
    only: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """The application's files at one time.

    Attributes:
        stamps: path of each file to its stamp.
        watches: real path of each folder to how it is watched.
        latest: when one of these files and folders was last changed, in seconds since the epoch.
    """

    stamps: dict[str, Stamp]
    watches: dict[str, Watch]
    latest: float = 0.0


def survey(tree: FileTree) -> Survey:
    """Look at all files. Those that cannot be looked at count as absent; this never raises."""
    stamps: dict[str, Stamp] = {}
    watches = _Watches()
    folders: list[Stamp] = []
    for root, top in tree.folders(_ignore):
        for folder in top.walk():
            # A removed or renamed file shows in the stamp of its folder only.
            folders += [stamp] if (stamp := stamp_of(folder.path)) is not None else []
            for file in folder.files:
                stamp = stamp_of(file.path)
                if stamp is not None:
                    stamps[str(file.path)] = stamp
                if file.path.is_symlink():
                    watches.add_links(file.path)
        watches.add_tree(top)
        watches.add_ways_to(root)
    for path in tree.single:
        watches.add_name(path)
        stamp = stamp_of(path)
        if stamp is not None:
            stamps[str(path)] = stamp
    latest = max((stamp[-1] for stamp in (*stamps.values(), *folders)), default=0)
    return Survey(stamps, watches.watches, latest / 1e9)


def wait_for_change(tree: FileTree, stamps: dict[str, Stamp], interval: float = 0.2) -> None:
    """Block until a file differs from its stamp, and then until no file changes any more.

    Args:
        tree: the files.
        stamps: of all files, as ``survey`` has found them.
        interval: seconds between two looks.
    """
    latest = stamps
    while True:
        time.sleep(interval)
        before, latest = latest, survey(tree).stamps
        if latest == before != stamps:
            return


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a file; ``None`` if there is none.

    It includes the time at which the inode has changed: unlike the time of modification, it cannot be
    set, and it shows when a file has become readable.
    """
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _ignore(error: OSError) -> None:
    """Ignore a folder that cannot be listed: reading the sources will report it."""


class _Watches:
    """Collects the folders to watch."""

    def __init__(self) -> None:
        self.watches: dict[str, Watch] = {}

    def add_tree(self, folder: Folder) -> None:
        """A folder and those below it that belong to the application; as one watch where possible."""
        self._add(folder.path, recursive=folder.is_whole)
        if folder.path.is_symlink():
            self.add_links(folder.path)
        if not folder.is_whole:
            for below in folder.folders:
                self.add_tree(below)

    def add_ways_to(self, root: Root) -> None:
        """The parents in which the root's folder, or a link on its path, may be replaced."""
        folder = root.path if root.is_package else root.path.parent
        self.add_name(folder)
        self.add_links(folder)

    def add_links(self, path: Path) -> None:
        """The target of a path with links on it, and each of these links."""
        self.add_name(Path(os.path.realpath(path)))
        for step in _links_on(path):
            self.add_name(step)

    def add_name(self, path: Path) -> None:
        """A single name in a folder that is not the application's."""
        if path.parent != path:
            self._add(path.parent, recursive=False, only=frozenset((path.name,)))

    def _add(self, path: Path, *, recursive: bool, only: frozenset[str] | None = None) -> None:
        real = os.path.realpath(path)
        try:
            stat = os.stat(real)
        except OSError:
            return
        known = self.watches.get(real)
        if known is not None:
            recursive = recursive or known.recursive
            only = None if only is None or known.only is None else only | known.only
        self.watches[real] = Watch(real, recursive, (stat.st_dev, stat.st_ino), only)


def _links_on(path: Path) -> Iterator[Path]:
    """The links among a path and its parents, and those that they lead to in turn."""
    seen: set[Path] = set()
    remaining = [path]
    while remaining:
        for step in (current := remaining.pop(), *current.parents):
            if step not in seen and step.is_symlink():
                seen.add(step)
                yield step
                remaining.append(step.parent / os.readlink(step))
