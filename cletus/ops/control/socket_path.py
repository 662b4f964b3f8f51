"""The control socket in the store folder, under a name that no store can have.

The address of a Unix socket has about a hundred bytes. A longer path is shortened by opening the folder
and naming it by its descriptor below ``/proc``, which Linux has.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

NAME: Final = ".control.sock"

_PATH_MAX: Final = 103
"""Bytes of a path in ``sockaddr_un``: 104 with its NUL on BSD and macOS, 108 on Linux."""

_BACKLOG: Final = 16
_OPEN_FOLDERS: Final = "/proc/self/fd"


def listen_in(folder: str) -> socket.socket:
    """A socket that listens in this folder. From the first moment, only its owner can open it.

    One that a killed process has left is removed: only the process that holds the lock of the folder
    may listen there.

    Raises:
        OSError: it cannot be created; a ``FileExistsError`` if another file has its name.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        _remove_stale(folder)
        with _reachable(folder) as path:
            mask = os.umask(0o177)
            try:
                listening.bind(path)
            finally:
                os.umask(mask)
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def connect_in(folder: str, timeout: float) -> socket.socket:
    """A blocking socket that is connected to the one in this folder.

    Args:
        folder: of the store.
        timeout: seconds for connecting, and for each read and write after that.

    Raises:
        OSError: nothing listens there.
    """
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connected.settimeout(timeout)
        with _reachable(folder) as path:
            connected.connect(path)
    except BaseException:
        connected.close()
        raise
    return connected


def remove_from(folder: str) -> None:
    """Remove the socket of this folder, if it is still there."""
    with suppress(OSError):
        os.unlink(os.path.join(folder, NAME))


def process_of(connected: socket.socket) -> tuple[int, int]:
    """The process at the other end and its user, as (pid, uid); (0, -1) if the system does not tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return 0, -1
    size = struct.calcsize("3i")
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    pid, uid, _ = struct.unpack("3i", credentials)
    return pid, uid


def _remove_stale(folder: str) -> None:
    path = os.path.join(folder, NAME)
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "another file has that name", path)
    os.unlink(path)


@contextmanager
def _reachable(folder: str) -> Iterator[str]:
    """A path of the socket that is short enough, valid inside the ``with`` block."""
    path = os.path.join(folder, NAME)
    if len(os.fsencode(path)) <= _PATH_MAX:
        yield path
        return
    if not os.path.isdir(_OPEN_FOLDERS):
        raise OSError(errno.ENAMETOOLONG, "the path is too long for a Unix socket", path)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"{_OPEN_FOLDERS}/{fd}/{NAME}"
    finally:
        os.close(fd)
