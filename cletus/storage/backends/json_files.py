"""Documents as files, ``<folder>/<store>/<key>.json``: the backend that ships.

What a crash can do, at any instant: a document is its old version or its new one, never a part of
one and never neither. With ``sync="full"`` a write that returned is also there after a power cut.
With ``sync="rename"`` nothing is flushed: a killed process loses nothing, a power cut may take the
last half a minute with it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress

from twisted.logger import Logger

from cletus.errors import (
    NotSaved,
    StorageError,
    StoreDenied,
    StoreFull,
    StoreIOError,
    StoreUnusable,
)
from cletus.renamed import with_old_names
from cletus.settings.settings import StoreSync
from cletus.storage.backends.folder_lock import FolderLock
from cletus.storage.backends.group_save import GroupSave
from cletus.storage.backends.store_folder import (
    LEFTOVER,
    SUFFIX,
    StoreFolder,
    check_name,
    file_name,
    unknown_document_reason,
)
from cletus.storage.backends.syscalls import Syscalls
from cletus.storage.interfaces import Document, Failure, UnknownDocument
from cletus.storage.keys import present_form

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
"""Non-blocking, so that a named pipe put there by hand does not hang us. A link is not followed: it
may lead to a file that the person who made the link could not read."""

_CHUNK = 1 << 16

DOCUMENT_MAX = 64 * 1024 * 1024
"""Bytes of a document that is read: far more than an object of an application has."""

_log = Logger()


@with_old_names
class JsonFiles:
    """A folder of stores. It fulfils ``cletus.storage.interfaces.Backend``, which states the contract.

    Its methods may be called from several threads at once; for one document called by two of them
    at once the last rename wins.

    Args:
        folder: where; it and its parents are made by ``open`` if they are missing.
        sync: ``"full"`` flushes everything before it returns, ``"rename"`` flushes nothing.
        calls: the system calls; tests pass some that fail.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        sync: StoreSync = "full",
        calls: Syscalls | None = None,
    ) -> None:
        self.folder = os.path.abspath(folder)
        self.sync = sync
        self._calls = Syscalls() if calls is None else calls
        self._lock = FolderLock(self.folder)
        self._settled: set[str] = set()
        self._opened = False

    # -- opening and closing ------------------------------------------------------------------------

    def open(self) -> None:
        """Make the folder (0700), lock it, remove leftovers of a crash, see that all is writable.

        Raises:
            StoreLocked: another process has it.
            StoreUnusable: it, or the folder of one store, cannot be made, read or written.
        """
        if self._opened:
            return
        try:
            self._make_folders()
            _see_that_it_is_ours(self.folder)
            self._lock.take()
        except OSError as error:
            raise StoreUnusable(error.filename or self.folder, _reason(error)) from error
        try:
            self._take_stock()
        except OSError as error:
            self._lock.release()
            raise StoreUnusable(error.filename or self.folder, _reason(error)) from error
        self._opened = True

    def leave(self) -> tuple[int, None]:
        """As ``Movable.leave``: the descriptor of the lock."""
        return self._lock.descriptor, None

    def adopt(self, descriptor: int, state: None) -> None:
        """As ``Movable.adopt``."""
        self._lock.adopt(descriptor)
        self._settled = set(self._stores())
        self._opened = True

    def sign(self) -> None:
        """As ``Movable.sign``."""
        self._lock.sign()

    def close(self) -> None:
        """Let go of the lock. Closing twice is harmless."""
        self._opened = False
        self._lock.release()

    def _make_folders(self) -> None:
        missing = []
        path = self.folder
        while not os.path.isdir(path) and path != os.path.dirname(path):
            missing.append(path)
            path = os.path.dirname(path)
        for folder in reversed(missing):
            self._make_folder(folder)

    def _make_folder(self, path: str) -> None:
        """Make a folder that only we can enter, and flush its name into its parent."""
        with suppress(FileExistsError):
            self._calls.mkdir(path, 0o700)
            self._calls.chmod(path, 0o700)  # the umask may have taken even the owner's bits
        self._flush_folder(os.path.dirname(path))

    def _flush_folder(self, path: str) -> None:
        if self.sync == "full":
            folder = StoreFolder(path, self._calls)
            try:
                folder.flush()
            finally:
                folder.close()

    def _take_stock(self) -> None:
        """Sweep every store's folder, and flush it: what is read from now on is there to stay."""
        _try_writing(self.folder)
        stores = list(self._stores())
        for store in stores:
            _see_that_it_is_ours(os.path.join(self.folder, store))
            self._sweep(os.path.join(self.folder, store))
            self._flush_folder(os.path.join(self.folder, store))
        self._flush_folder(self.folder)
        self._settled = set(stores)

    def _sweep(self, path: str) -> None:
        """Remove the temporary files that a killed process left in one store's folder."""
        for name in self._calls.listdir(path):
            if LEFTOVER.fullmatch(name):
                os.unlink(os.path.join(path, name))
            elif name.endswith(SUFFIX) and not name.isascii():
                self._bring_to_present_form(path, name)
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, "the folder of this store is not writable", path)

    def _bring_to_present_form(self, path: str, name: str) -> None:
        """Rename the document of a key whose normal form has changed, which would not be found otherwise."""
        present = present_form(name.removesuffix(SUFFIX)) + SUFFIX
        target = os.path.join(path, present)
        if present != name and not os.path.lexists(target):
            self._calls.rename(os.path.join(path, name), target)
            _log.info(
                "{path}: {name} is called {present} now", path=path, name=name, present=present
            )

    # -- reading --------------------------------------------------------------------------------

    def location(self, store: str, key: str) -> str:
        """The path of this document; see ``Backend.location``.

        Raises:
            UnsafeName: that would not be a file of that store's folder.
        """
        return f"{self.folder}/{store}/{file_name(store, key)}"

    def read(self, store: str, key: str) -> bytes:
        """The document as it was last written; see ``Backend.read``."""
        path = self.location(store, key)
        try:
            fd = self._calls.open(path, _FILE)
            try:
                return self._read_all(fd)
            finally:
                self._calls.close(fd)
        except (FileNotFoundError, NotADirectoryError):
            raise NotSaved(store, key) from None
        except OSError as error:
            raise self._named(error, store, key, "read") from error

    def _read_all(self, fd: int) -> bytes:
        """Read to the end: some file systems return less than was asked for before it."""
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
            raise OSError(
                number, "it is not a plain file" if number == errno.EINVAL else os.strerror(number)
            )
        chunks, size = [], 0
        while chunk := self._calls.read(fd, _CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > DOCUMENT_MAX:
                raise OSError(errno.EFBIG, f"it has more than {DOCUMENT_MAX} bytes")
        return b"".join(chunks)

    def keys(self, store: str) -> list[str]:
        """The names of all ``.json`` files in this store's folder, without their suffix.

        Raises:
            UnsafeName: it is not the name of a store.
            StoreIOError: the folder is there and cannot be listed.
        """
        check_name(store, store, "")
        try:
            names = self._calls.listdir(os.path.join(self.folder, store))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._named(error, store, "", "list") from error
        cut = -len(SUFFIX)
        return [name[:cut] for name in names if name.endswith(SUFFIX) and name[0] != "."]

    # -- Browsable: looking into the folder of a running service ----------------------------------

    def stores(self) -> list[str]:
        """The names of all folders of stores; see ``Browsable.stores``."""
        try:
            return list(self._stores())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreUnusable(error.filename or self.folder, _reason(error)) from error

    def _stores(self) -> Iterator[str]:
        with os.scandir(self.folder) as entries:
            yield from (entry.name for entry in entries if _is_store(entry))

    def saved_at(self, store: str, key: str) -> float | None:
        """When the file was put there; see ``Browsable.saved_at``."""
        path = self.location(store, key)
        try:
            return os.lstat(path).st_mtime
        except (FileNotFoundError, NotADirectoryError):
            raise NotSaved(store, key) from None
        except OSError as error:
            raise self._named(error, store, key, "read") from error

    def unknown_documents(self, store: str) -> list[UnknownDocument]:
        """Leftovers of killed processes, and what people put there; see ``Browsable.unknown_documents``."""
        folder = os.path.join(self.folder, store)
        try:
            names = self._calls.listdir(folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._named(error, store, "", "list") from error
        reasons = ((name, unknown_document_reason(name)) for name in sorted(names))
        return [UnknownDocument(f"{folder}/{name}", reason) for name, reason in reasons if reason]

    # -- writing --------------------------------------------------------------------------------

    def write(self, store: str, key: str, data: bytes) -> None:
        """Write one document; see ``Backend.write``."""
        name = file_name(store, key)
        full = self.sync == "full"
        renamed = False
        try:
            folder = self._enter(store)
            try:
                folder.commit(folder.stage(data, flush=full), name)
                renamed = True
                if full:
                    folder.flush()
            finally:
                folder.close()
        except OSError as error:
            raise self._named(error, store, key, "save", certain=not renamed) from error

    def write_many(self, documents: Sequence[Document]) -> list[Failure]:
        """Write these with shared flushes; see ``Backend.write_many`` and ``GroupSave``."""
        group = GroupSave(self._enter, self.sync == "full")
        try:
            group.save(documents)
        finally:
            group.close()
        return [self._failure(*failed) for failed in group.failed]

    def delete(self, store: str, key: str) -> None:
        """Remove one document for good; see ``Backend.delete``."""
        name = file_name(store, key)
        removed = False
        try:
            folder = StoreFolder(os.path.join(self._open_folder(), store), self._calls)
            try:
                folder.remove(name)
                removed = True
                if self.sync == "full":
                    folder.flush()
            finally:
                folder.close()
        except (FileNotFoundError, NotADirectoryError):
            raise NotSaved(store, key) from None
        except OSError as error:
            raise self._named(error, store, key, "delete", certain=not removed) from error

    def _enter(self, store: str) -> StoreFolder:
        """The open folder of this store, made if it is missing, its own name surely on the disk."""
        path = os.path.join(self._open_folder(), store)
        if store not in self._settled:
            self._make_folder(path)
            self._settled.add(store)
        try:
            return StoreFolder(path, self._calls)
        except FileNotFoundError:  # someone removed it by hand while we were running
            self._settled.discard(store)
            self._make_folder(path)
            self._settled.add(store)
            return StoreFolder(path, self._calls)

    def _open_folder(self) -> str:
        if not self._opened:
            raise StoreUnusable(self.folder, "it is not open")
        self._lock.keep()
        return self.folder

    # -- naming what went wrong -----------------------------------------------------------------

    def _named(
        self, error: OSError, store: str, key: str, action: str, *, certain: bool = True
    ) -> StoreIOError:
        error_class = StoreIOError
        if error.errno in _FULL:
            error_class = StoreFull
        elif error.errno in _DENIED:
            error_class = StoreDenied
        location = self.location(store, key) if key else os.path.join(self.folder, store)
        return error_class(
            store, key, _reason(error), action=action, location=location, certain=certain
        )

    def _failure(self, document: Document, error: OSError | StorageError, certain: bool) -> Failure:
        if isinstance(error, StorageError):
            return Failure(document, error)
        named = self._named(error, document.store, document.key, "save", certain=certain)
        named.__cause__ = error
        return Failure(document, named)


def _see_that_it_is_ours(path: str) -> None:
    """Check the owner and mode of a folder: who may write to it can replace anybody's data and roles.

    A folder of root's is trusted, for root can do so anyway. Root may use anybody's, as a container
    does that runs as root on a volume of its host.

    Raises:
        StoreUnusable: it belongs to another user, and this one is not root.
    """
    found = os.stat(path)
    if found.st_uid not in (0, os.geteuid()):
        reason = f"{path} belongs to user {found.st_uid}; run as that user, or change its owner"
        if os.geteuid() != 0:
            raise StoreUnusable(path, reason)
        _log.warn("{reason}", reason=reason)
    if found.st_mode & stat.S_IWOTH:
        _log.warn("every user of this machine can write to {path}: chmod o-w it", path=path)


def _reason(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "it is a symbolic link"
    return error.strerror or str(error) or type(error).__name__


def _try_writing(path: str) -> None:
    """Fail now if files cannot be made in this folder, rather than at the first save."""
    probe = os.path.join(path, f".probe-{os.getpid()}")
    with suppress(FileNotFoundError):
        os.unlink(probe)
    os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    os.unlink(probe)


def _is_store(entry: os.DirEntry[str]) -> bool:
    """Whether this is the folder of a store; ``lost+found`` of a mounted disk, for example, is not."""
    return entry.is_dir() and entry.name.isidentifier()
