"""The system calls that files are saved with, as one object.

``JsonFiles`` makes every call that can fail through a ``Syscalls``, so that a test can make each of
them fail in turn without leaving the process. Nothing is wrapped: the attributes are the functions
of ``os`` themselves, and cost what those cost.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Callable


class Syscalls:
    """The real thing. A subclass may replace any of them; arguments are those of ``os``."""

    open = staticmethod(os.open)
    read = staticmethod(os.read)
    write = staticmethod(os.write)
    fchmod = staticmethod(os.fchmod)
    fsync = staticmethod(os.fsync)
    close = staticmethod(os.close)
    rename = staticmethod(os.rename)
    unlink = staticmethod(os.unlink)
    mkdir = staticmethod(os.mkdir)
    chmod = staticmethod(os.chmod)
    listdir = staticmethod(os.listdir)

    def syncfs(self, fd: int) -> None:
        """Flush the whole file system that ``fd`` is on (syncfs(2)).

        Raises:
            OSError: writing failed; or, ``ENOSYS``, this system cannot do it and tell of failures.
        """
        if _syncfs is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        if _syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def find_syncfs(system: str, release: str) -> Callable[[int], int] | None:
    """The C library's ``syncfs``, where it can be relied upon.

    Linux only, and not before 5.8: until then it returned success although writing had failed
    (syncfs(2), "Versions").
    """
    if system != "Linux" or _version(release) < (5, 8):
        return None
    function = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if function is None:
        return None
    function.argtypes = [ctypes.c_int]
    function.restype = ctypes.c_int
    syncfs: Callable[[int], int] = function
    return syncfs


def _version(release: str) -> tuple[int, ...]:
    """``6.1.0-13-amd64`` as (6, 1); what does not look like that is (0,)."""
    try:
        return tuple(int(part) for part in release.split(".")[:2])
    except ValueError:
        return (0,)


_syncfs = find_syncfs(platform.system(), platform.release())
