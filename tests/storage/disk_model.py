"""A disk that can be cut off at any system call: what could be on it afterwards?

The calls are really made, and a model is kept beside them, with the rules that POSIX promises and
no more: data is on the disk once its file was flushed; a new name, a rename or a removal is on the
disk once its folder was flushed; until then each of them, for itself, may be there or not. A file
whose data was not flushed may hold all of it, a part, or nothing. ``syncfs`` flushes everything.

``outcomes(path)`` gives every content that the file may have after a power cut now, ``None`` for
"no such file". ``at_each_call`` is called before every system call: the instant of the cut.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cletus.storage.backends.syscalls import Syscalls


@dataclass(eq=False)
class File:
    data: bytes = b""
    safe: bool = False

    def outcomes(self) -> set[bytes | None]:
        if self.safe:
            return {self.data}
        return {self.data, self.data[: len(self.data) // 2], b""}


@dataclass(eq=False)
class Folder:
    safe: dict[str, Any] = field(default_factory=dict)
    """Names as they surely are on the disk."""
    pending: list[tuple[str, Any]] = field(default_factory=list)
    """Changes since: (name, what it names now or ``None``)."""

    def change(self, name: str, entry: Any) -> None:
        self.pending.append((name, entry))

    def flush(self) -> None:
        for name, entry in self.pending:
            self.safe[name] = entry
        self.pending.clear()

    def possible(self, name: str) -> Iterator[Any]:
        yield self.safe.get(name)
        yield from (entry for changed, entry in self.pending if changed == name)

    def now(self, name: str) -> Any:
        return list(self.possible(name))[-1]


class DiskModel(Syscalls):
    """Calls below ``root``, an existing and durable folder, are modelled."""

    def __init__(self, root: str) -> None:
        self.at_each_call: Callable[[], None] = lambda: None
        self._root = root
        self._folders = {root: Folder()}
        self._open: dict[int, File | Folder] = {}
        self._files: list[File] = []

    # -- what may be there after a cut -----------------------------------------------------------

    def outcomes(self, path: str) -> set[bytes | None]:
        parent, name = os.path.split(path)
        found = self._contents(parent, name)
        return found if self._is_sure(parent) else {None} | found

    def _is_sure(self, path: str) -> bool:
        """Whether this folder and all above it would be found again."""
        if path == self._root:
            return True
        parent, name = os.path.split(path)
        folder = self._folders.get(parent)
        entries = list(folder.possible(name)) if folder else [None]
        return None not in entries and self._is_sure(parent)

    def _contents(self, parent: str, name: str) -> set[bytes | None]:
        found: set[bytes | None] = set()
        folder = self._folders.get(parent)
        for entry in folder.possible(name) if folder else [None]:
            found |= {None} if entry is None else entry.outcomes()
        return found

    # -- the calls -------------------------------------------------------------------------------

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        self.at_each_call()
        fd = os.open(path, flags, mode, dir_fd=dir_fd)
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            self._open[fd] = self._folders.setdefault(path, Folder())
        elif flags & os.O_CREAT:
            self._open[fd] = file = File()
            self._files.append(file)
            self._open[dir_fd].change(path, file)
        return fd

    def write(self, fd: int, data: bytes) -> int:
        self.at_each_call()
        file = self._open[fd]
        file.data, file.safe = file.data + data, False
        return os.write(fd, data)

    def fsync(self, fd: int) -> None:
        self.at_each_call()
        flushed = self._open[fd]
        if isinstance(flushed, Folder):
            flushed.flush()
        else:
            flushed.safe = True

    def syncfs(self, fd: int) -> None:
        self.at_each_call()
        for file in self._files:
            file.safe = True
        for folder in self._folders.values():
            folder.flush()

    def rename(self, old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        self.at_each_call()
        os.rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        folder = self._open[dst_dir_fd]
        folder.change(new, folder.now(old))
        folder.change(old, None)

    def unlink(self, path: str, *, dir_fd: int) -> None:
        self.at_each_call()
        os.unlink(path, dir_fd=dir_fd)
        self._open[dir_fd].change(path, None)

    def mkdir(self, path: str, mode: int) -> None:
        self.at_each_call()
        os.mkdir(path, mode)
        self._folders[path] = Folder()
        parent, name = os.path.split(path)
        self._folders[parent].change(name, self._folders[path])

    def close(self, fd: int) -> None:
        self.at_each_call()
        self._open.pop(fd, None)
        os.close(fd)
