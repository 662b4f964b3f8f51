"""One store's folder, held open while documents are put into it.

The steps of a save, in an order in which a power cut cannot do harm (section 3 of the reliability
notes): ``stage`` writes a temporary file in the same folder and flushes it, ``commit`` renames it
over the document, ``flush`` makes the rename itself durable. Until ``commit`` the old version is
in place. Everything is done relative to the open folder, so nothing is ever written outside of it.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import stat
from contextlib import suppress

from cletus.errors import UnsafeName
from cletus.storage.backends.folder_lock import is_running
from cletus.storage.backends.syscalls import Syscalls

SUFFIX = ".json"
LEFTOVER = re.compile(r"\.save-(\d+)-\d+\.tmp")
"""What the temporary files are called: the number of the process, the number of the save."""

_NAME_MAX = 255
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_numbers = itertools.count()


def file_name(store: str, key: str) -> str:
    """The name of the file of this document within its store's folder.

    Keys have passed ``keys.normalise`` already; this is a second check.

    Raises:
        UnsafeName: the key or the store is empty, hidden, a path, or too long for a file name.
    """
    check_names(store, key)
    return key + SUFFIX


def check_names(store: str, key: str) -> None:
    """Refuse a store or key that cannot be one visible name within a folder, in whatever backend.

    Raises:
        UnsafeName: naming the store and the key.
    """
    check_name(store, store, key)
    check_name(key, store, key)


def check_name(name: str, store: str, key: str) -> None:
    """Refuse what cannot be one visible name within a folder.

    Raises:
        UnsafeName: naming the store and the key.
    """
    if not name or name[0] == "." or "/" in name or "\0" in name:
        raise UnsafeName(store, key)
    if _length(name) > _NAME_MAX - len(SUFFIX):
        raise UnsafeName(store, key)


def unknown_document_reason(name: str) -> str:
    """Why a file in a store's folder is not a document; empty for documents and files to ignore.

    Args:
        name: of the file, within the folder.
    """
    leftover = LEFTOVER.fullmatch(name)
    if leftover is not None:
        if is_running(int(leftover[1])):  # a save that is just being made
            return ""
        return "left by a process that was killed; the next start removes it"
    if name.endswith(SUFFIX) or name[0] == ".":  # what is hidden is an editor's or the system's
        return ""
    return f"not a document: its name does not end in {SUFFIX}; it is left as it is"


def _length(name: str) -> int:
    """In bytes, as the file system counts; what has no bytes is too long for any."""
    if name.isascii():  # most are, and this is done for every document that is read
        return len(name)
    try:
        return len(os.fsencode(name))
    except UnicodeEncodeError:
        return _NAME_MAX + 1


def _link_owner(path: str) -> int | None:
    """The user who has made this symbolic link; ``None`` if it is not one, or not there."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_uid if stat.S_ISLNK(status.st_mode) else None


class StoreFolder:
    """An open folder. All methods raise ``OSError``; ``JsonFiles`` gives it our names.

    Args:
        path: the folder.
        calls: the system calls.

    Raises:
        OSError: it does not exist, is not a folder, or is a symbolic link that somebody else has made.
    """

    def __init__(self, path: str, calls: Syscalls) -> None:
        self.path = path
        self._calls = calls
        if _link_owner(path) not in (None, 0, os.geteuid()):
            # Our own may lead to another disk; of somebody else's, who knows where it leads.
            raise OSError(errno.ELOOP, "it is a symbolic link of another user", path)
        self._fd = calls.open(path, _FOLDER)

    def create(self) -> tuple[str, int]:
        """A new, empty temporary file: its name, and the descriptor that it is open under."""
        temp = f".save-{os.getpid()}-{next(_numbers)}.tmp"
        return temp, self._calls.open(temp, _NEW_FILE, 0o600, dir_fd=self._fd)

    def stage(self, data: bytes, *, flush: bool) -> str:
        """Write a temporary file; on return it is complete, and with ``flush`` on the disk.

        Returns:
            its name. If this raises, the file has been removed.
        """
        temp, fd = self.create()
        try:
            try:
                self._calls.fchmod(fd, 0o600)  # the umask may have taken even the owner's bits
                self._write(fd, data)
                if flush:
                    self._calls.fsync(fd)
            finally:
                self._calls.close(fd)
        except BaseException:  # a KeyboardInterrupt leaves no temporary file either
            self.discard(temp)
            raise
        return temp

    def _write(self, fd: int, data: bytes) -> None:
        """All of it: a write may take a part only, near the end of a disk for instance."""
        written = self._calls.write(fd, data)
        while written < len(data):
            more = self._calls.write(fd, data[written:])
            if more == 0:  # never seen of a file, but it must not become an endless loop
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            written += more

    def commit(self, temp: str, name: str) -> None:
        """Put the temporary file in the place of the document, or remove it and raise."""
        try:
            self._calls.rename(temp, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except BaseException:
            self.discard(temp)
            raise

    def discard(self, temp: str) -> None:
        """Remove a temporary file. If even that fails, the next ``open`` of the backend sweeps it."""
        with suppress(OSError):
            self._calls.unlink(temp, dir_fd=self._fd)

    def remove(self, name: str) -> None:
        """Remove a document."""
        self._calls.unlink(name, dir_fd=self._fd)

    def flush(self) -> None:
        """Make renames and removals in this folder durable."""
        self._calls.fsync(self._fd)

    def flush_everything(self) -> None:
        """Flush the whole file system that this folder is on, in one call."""
        self._calls.syncfs(self._fd)

    def device(self) -> int:
        """The number of the file system: two folders with the same one share a flush."""
        return os.fstat(self._fd).st_dev

    def close(self) -> None:
        """Let go of the folder. Nothing that was written depends on it, so it does not raise."""
        try:  # noqa: SIM105 - suppress() is a call more in every save
            self._calls.close(self._fd)
        except OSError:
            pass
