"""``cletus/storage/backends/syscalls.py``."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cletus.storage.backends import syscalls as calls
from cletus.storage.backends.syscalls import Syscalls, find_syncfs


@pytest.mark.parametrize(
    ("system", "release"),
    [("Linux", "5.7.19-generic"), ("Linux", "4.19.0"), ("Darwin", "23.1.0"), ("Linux", "odd")],
)
def test_syncfs_is_not_used_where_it_hides_failures(system: str, release: str) -> None:
    """Before Linux 5.8 it reported success whatever happened."""
    assert find_syncfs(system, release) is None


@pytest.mark.parametrize("release", ["5.8.0-1-amd64", "6.1.0", "6.18.44-fc-v657", "10.0"])
def test_syncfs_is_used_where_it_can_be_trusted(release: str) -> None:
    """If the C library has it."""
    assert find_syncfs("Linux", release) is not None


def test_syncfs_flushes(tmp_path: Path) -> None:
    """It takes any descriptor on the file system."""
    fd = os.open(tmp_path, os.O_RDONLY)
    Syscalls().syncfs(fd)
    os.close(fd)


def test_syncfs_reports_what_went_wrong() -> None:
    """As an ``OSError`` like every other call."""
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        Syscalls().syncfs(-1)
    assert caught.value.errno == errno.EBADF


def test_a_missing_syncfs_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """``ENOSYS``, as the kernel would say it."""
    monkeypatch.setattr(calls, "_syncfs", None)
    with pytest.raises(OSError, match="not implemented"):
        Syscalls().syncfs(0)
