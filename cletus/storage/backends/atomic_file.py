"""A file that is there whole or not at all, like a saved document: a temporary file, flushed, renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO


@contextmanager
def atomic_file(path: str) -> Iterator[BinaryIO]:
    """Write a file; when the block ends without an error, it is in its place and durable.

    Until then, and after an error, what was there before is untouched. It can be read by its owner
    alone, for there may be password hashes in it.

    Args:
        path: where it shall be; its folder is there.

    Raises:
        OSError: it cannot be written there.
    """
    path = os.path.realpath(path)  # where a link points to, and not in place of the link
    folder = os.path.dirname(path)
    fd, temp = tempfile.mkstemp(
        prefix=f".{os.path.basename(path)[:100]}.", suffix=".tmp", dir=folder
    )
    try:
        with open(fd, "wb") as file:
            yield file
            file.flush()
            os.fsync(fd)
        os.rename(temp, path)
    except BaseException:  # a KeyboardInterrupt leaves nothing either
        with suppress(OSError):
            os.unlink(temp)
        raise
    _flush_folder(folder)


def _flush_folder(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
