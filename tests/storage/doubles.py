"""System calls for tests: ones that are counted, that fail, or that lie.

Each wraps another ``Syscalls`` and is passed to ``JsonFiles(calls=...)``.
"""

from __future__ import annotations

import os
import stat
from typing import Any

from cletus.storage.backends.syscalls import Syscalls


class Through:
    """All calls go through to ``inner``; a subclass overrides ``perform`` or single calls."""

    def __init__(self, inner: Any = None) -> None:
        self.inner = Syscalls() if inner is None else inner

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.inner, name)

        def perform(*args: Any, **kwargs: Any) -> Any:
            return self.perform(name, call, args, kwargs)

        return perform

    def perform(self, name: str, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return call(*args, **kwargs)


class Recorded(Through):
    """Tells afterwards which calls were made, in order."""

    def __init__(self, inner: Any = None) -> None:
        super().__init__(inner)
        self.made: list[str] = []

    def perform(self, name: str, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.made.append(name)
        return call(*args, **kwargs)


class Faulty(Recorded):
    """Fails on demand: the n-th call from ``arm`` on, or all calls of one name until ``repair``."""

    def __init__(self, inner: Any = None) -> None:
        super().__init__(inner)
        self._at = -1
        self._name = ""
        self._errno = 0

    def arm(self, at: int, errno: int) -> None:
        self.made.clear()
        self._at, self._errno = at, errno

    def break_for_good(self, name: str, errno: int) -> None:
        self._name, self._errno = name, errno

    def repair(self) -> None:
        self._at, self._name = -1, ""

    def perform(self, name: str, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.made.append(name)
        if len(self.made) - 1 != self._at and name != self._name:
            return call(*args, **kwargs)
        if name == "close":
            call(*args, **kwargs)  # Linux closes it even when it reports an error (close(2))
        if name == "write":
            call(args[0], args[1][: len(args[1]) // 2])  # a full disk takes a part first
        raise OSError(self._errno, os.strerror(self._errno))


class Sluggish(Through):
    """Writes take, and reads give, three bytes at a time."""

    def write(self, fd: int, data: bytes) -> int:
        return self.inner.write(fd, data[:3])

    def read(self, fd: int, size: int) -> bytes:
        return self.inner.read(fd, min(size, 3))


class TakesNothing(Through):
    """A write that takes a part and then, time after time, nothing."""

    def write(self, fd: int, data: bytes) -> int:
        return 0 if len(data) < 9 else self.inner.write(fd, data[:3])


# -- calls that lie: each is a mistake somebody makes ----------------------------------------------


class NoFileFlush(Through):
    """Mutant: renames what may not be on the disk yet."""

    def fsync(self, fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            self.inner.fsync(fd)

    def syncfs(self, fd: int) -> None:
        pass


class NoFolderFlush(Through):
    """Mutant: the rename itself may be lost."""

    def fsync(self, fd: int) -> None:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            self.inner.fsync(fd)


class FlushTriedAgain(Through):
    """Mutant: a failed flush is tried again on the same file, and then "works"."""

    def fsync(self, fd: int) -> None:
        try:
            self.inner.fsync(fd)
        except OSError:
            self.inner.fsync(fd)


class LeavesTemporaries(Through):
    """Mutant: does not clean up after a failure."""

    def unlink(self, path: str, **kwargs: Any) -> None:
        if not path.endswith(".tmp"):
            self.inner.unlink(path, **kwargs)


class OneWriteOnly(Through):
    """Mutant: believes that a write takes everything."""

    def write(self, fd: int, data: bytes) -> int:
        self.inner.write(fd, data)
        return len(data)


class ModeByUmask(Through):
    """Mutant: leaves the permissions to the umask."""

    def open(self, path: str, flags: int, mode: int = 0o777, **kwargs: Any) -> int:
        return self.inner.open(path, flags, mode | 0o066, **kwargs)

    def fchmod(self, fd: int, mode: int) -> None:
        pass

    def mkdir(self, path: str, mode: int) -> None:
        self.inner.mkdir(path, 0o777)

    def chmod(self, path: str, mode: int) -> None:
        pass


class SyncfsMissing(Through):
    """A system without syncfs (not a mutant)."""

    def syncfs(self, fd: int) -> None:
        raise OSError(38, "Function not implemented")
