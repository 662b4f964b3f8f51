"""The lock on a store folder: one process owns it, and says which.

flock(2) on ``.lock`` in the folder. The kernel lets go of it when the process ends, however it
ends, so there are no stale locks. The file itself stays: removing it would let two processes lock
two files of the same name.
"""

from __future__ import annotations

import fcntl
import os

from cletus.errors import StoreLocked

NAME = ".lock"


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
        self._fd: int | None = None

    def take(self) -> None:
        """Lock the folder and write this process's number into the lock file.

        Raises:
            StoreLocked: another process has it (or this one, through another object).
            OSError: the lock file cannot be made.
        """
        fd = os.open(os.path.join(self._folder, NAME), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._lock(fd)
            os.fchmod(fd, 0o600)
            os.ftruncate(fd, 0)
            os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def _lock(self, fd: int) -> None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            number = os.pread(fd, 20, 0).strip()
            raise StoreLocked(self._folder, int(number) if number.isdigit() else 0) from None

    def release(self) -> None:
        """Let go. Twice is harmless."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
