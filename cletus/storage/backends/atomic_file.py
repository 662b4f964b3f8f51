"""Write a whole file atomically: a temporary file in the same folder, flushed, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from cletus.storage.backends.store_folder import StoreFolder
from cletus.storage.backends.syscalls import Syscalls


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Write a file; when the block ends without an error, it is in its place and durable.

    Until then, and after an error, what was there before is untouched. Only its owner can read it,
    because it may contain password hashes.

    Args:
        path: of the file; its folder must exist. A symbolic link is followed, not replaced.

    Raises:
        OSError: it cannot be written there.
    """
    parent, name = os.path.split(os.path.realpath(path))
    folder = StoreFolder(parent, Syscalls())
    try:
        temp, fd = folder.create()
        try:
            with open(fd, "wb") as file:
                yield file
                file.flush()
                os.fsync(fd)
        except BaseException:  # a KeyboardInterrupt leaves no temporary file either
            folder.discard(temp)
            raise
        folder.commit(temp, name)
        folder.flush()
    finally:
        folder.close()
