"""What the storage tests need of the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import Postgres, postgres

NOBODY = 65534


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """A folder in memory where there is one: system calls fast enough to be interrupted often."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="cletus-test-", dir=base))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """Run as somebody whom permissions hold back; gives a folder that is theirs."""
    folder = Path(tempfile.mkdtemp(prefix="cletus-test-"))
    root = os.geteuid() == 0
    if root:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        shutil.rmtree(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB; the test is skipped where it cannot be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL server, shared by the tests of a worker: each empties it first."""
    with postgres() as server:
        yield server
