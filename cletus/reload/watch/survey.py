"""A look at the application's files without reading them: what has changed, and what to watch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cletus.reload.watch.file_tree import FileTree, Folder
from cletus.service.application import Root

#: Two equal stamps of a file mean that its content is the same, as far as ``stat`` can tell.
Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Watch:
    """A folder to be watched.

    Attributes:
        path: its real path: a watch on a link sees the link and not what it leads to.
        recursive: whether all that is below it is watched, too.
        inode: which folder that is; another one may come to stand in its place.
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
        latest: when the last of these files and folders was changed, in seconds of the system's clock.
    """

    stamps: dict[str, Stamp]
    watches: dict[str, Watch]
    latest: float = 0.0


def survey(tree: FileTree) -> Survey:
    """Look at all files. What cannot be listed or looked at counts as absent; it never raises."""
    stamps: dict[str, Stamp] = {}
    watches = _Watches()
    folders: list[Stamp] = []
    for root, top in tree.folders(_ignore):
        for folder in top.walk():
            # What has been removed or renamed shows in its folder only.
            folders += [stamp] if (stamp := stamp_of(folder.path)) is not None else []
            for file in folder.files:
                stamp = stamp_of(file.path)
                if stamp is not None:
                    stamps[str(file.path)] = stamp
                if file.path.is_symlink():
                    watches.add_links(file.path)
        watches.add_tree(top)
        watches.add_ways_to(root)
    latest = max((stamp[-1] for stamp in (*stamps.values(), *folders)), default=0)
    return Survey(stamps, watches.found, latest / 1e9)


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a file; ``None`` if there is none.

    The time of the last change of its inode is part of it: unlike the time of modification nobody
    can set it back, and it tells when a file has become readable.
    """
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _ignore(error: OSError) -> None:
    """A folder that cannot be listed: the reader says so, who needs it."""


class _Watches:
    """Collects what is to be watched."""

    def __init__(self) -> None:
        self.found: dict[str, Watch] = {}

    def add_tree(self, folder: Folder) -> None:
        """A folder and what belongs to the application below it: whole where that is sensible."""
        self._add(folder.path, recursive=folder.is_whole)
        if folder.path.is_symlink():
            self.add_links(folder.path)
        if not folder.is_whole:
            for below in folder.folders:
                self.add_tree(below)

    def add_ways_to(self, root: Root) -> None:
        """Where the folder itself, or a link on the way to it, may be replaced by another."""
        folder = root.path if root.is_package else root.path.parent
        self.add_name(folder)
        self.add_links(folder)

    def add_links(self, path: Path) -> None:
        """What a path with links on it leads to, and each link that it leads through."""
        self.add_name(Path(os.path.realpath(path)))
        for step in _links_on(path):
            self.add_name(step)

    def add_name(self, path: Path) -> None:
        """One name in a folder that is not the application's."""
        if path.parent != path:
            self._add(path.parent, recursive=False, only=frozenset((path.name,)))

    def _add(self, path: Path, *, recursive: bool, only: frozenset[str] | None = None) -> None:
        real = os.path.realpath(path)
        try:
            stat = os.stat(real)
        except OSError:
            return
        known = self.found.get(real)
        if known is not None:
            recursive = recursive or known.recursive
            only = None if only is None or known.only is None else only | known.only
        self.found[real] = Watch(real, recursive, (stat.st_dev, stat.st_ino), only)


def _links_on(path: Path) -> Iterator[Path]:
    """The links among a path's steps, and those that they lead to in turn."""
    seen: set[Path] = set()
    left = [path]
    while left:
        for step in (one := left.pop(), *one.parents):
            if step not in seen and step.is_symlink():
                seen.add(step)
                yield step
                left.append(step.parent / os.readlink(step))
