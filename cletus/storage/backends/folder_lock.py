"""The lock on a store folder: one process owns it, and says which.

flock(2) on ``.lock`` in the folder. The kernel releases it when the process ends, however it ends, so
there are no stale locks. The file itself stays: removing it would let two processes lock two files of
the same name.

An operator may move the folder away while the service runs, and put a backup in its place. The lock
moves with the old folder. So the file also says which process has locked which path, for the next
process; and before each write the owner checks that the file is still the one that it has locked.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from twisted.logger import Logger

from cletus.errors import StoreLocked, StoreUnusable

NAME = ".lock"

_log = Logger()


def is_running(pid: int) -> bool:
    """Whether there is a process of this number, of whichever user."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # there is one, of another user
    return pid > 0  # 0 and below mean groups of processes


class FolderLock:
    """Held from ``take`` to ``release``.

    Args:
        folder: an existing folder.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._path = os.path.join(folder, NAME)
        self._fd: int | None = None
        self._file: tuple[int, int] = (0, 0)

    def take(self) -> None:
        """Lock the folder, and write into the lock file which process has it.

        Raises:
            StoreLocked: another process has it (or this one, through another object).
            OSError: the lock file cannot be made, or is not a plain file of its own.
        """
        fd = _open(self._path)
        try:
            self._lock(fd)
            os.fchmod(fd, 0o600)
            os.ftruncate(fd, 0)
            os.pwrite(fd, _note(os.getpid(), self._folder), 0)
        except BaseException:
            os.close(fd)
            raise
        self._fd, self._file = fd, _identity(os.fstat(fd))

    def _lock(self, fd: int) -> None:
        note = os.pread(fd, 5000, 0)
        number = note.partition(b"\n")[0].strip()
        pid = int(number) if number.isdigit() else 0
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreLocked(self._folder, pid) from None
        # This file is not locked. But it may be a copy, put in the place of a folder that was
        # moved away, and the process that it names still runs and writes to this path.
        if pid not in (0, os.getpid()) and _started(pid) and note == _note(pid, self._folder):
            raise StoreLocked(self._folder, pid)

    @property
    def descriptor(self) -> int:
        """Of the locked file: who has a copy of it holds the lock, too. -1 if it is not taken."""
        return -1 if self._fd is None else self._fd

    def adopt(self, descriptor: int) -> None:
        """Hold a lock that another process of ours holds as well, by this descriptor.

        Raises:
            StoreUnusable: it is the lock of another folder.
        """
        file = _identity(os.fstat(descriptor))
        if file != _identity(os.lstat(self._path)):
            raise StoreUnusable(
                self._folder, "it is not the folder that the service has used so far"
            )
        os.set_inheritable(descriptor, False)
        self._fd, self._file = descriptor, file

    def sign(self) -> None:
        """Write into the lock file that this process has it."""
        if self._fd is not None:
            note = _note(os.getpid(), self._folder)
            os.pwrite(self._fd, note, 0)
            os.ftruncate(self._fd, len(note))

    def keep(self) -> None:
        """See that the folder is still the locked one.

        Raises:
            StoreUnusable: its place, or the lock file's, has been taken by another.
        """
        try:
            if _identity(os.lstat(self._path)) == self._file:
                return
        except OSError:
            pass  # the lock file is gone
        reason = (
            "the folder was moved or replaced while it was open, and another process may use it: "
            "nothing is written there before a restart"
        )
        raise StoreUnusable(self._folder, reason)

    def release(self) -> None:
        """Unlock the folder. Twice is harmless."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)  # so that a copy of the file does not name this process
            os.close(self._fd)
            self._fd = None


def _open(path: str) -> int:
    """Open the lock file. It is written to, so a link must not be followed."""
    if os.path.islink(path):
        _log.warn("{path} was a symbolic link, and is replaced by a file", path=path)
        os.unlink(path)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(fd)
        raise OSError(errno.EINVAL, "it is not a plain file of its own", path)
    return fd


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _note(pid: int, folder: str) -> bytes:
    """What the lock file of a process says: its number, when it started, and what it has locked."""
    return b"%d\n%b\n%b\n" % (pid, _started(pid), os.fsencode(os.path.realpath(folder)))


def _started(pid: int) -> bytes:
    """When a process started, in ticks since the boot (proc(5)); empty where that is not known.

    With it, a number that another process has by now is not taken for the one that wrote it.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19]
    except (OSError, IndexError):
        return b""
