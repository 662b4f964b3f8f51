"""``cletus/storage/backends/folder_lock.py``. Statement 12: one process has a store folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cletus.errors import StartError, StoreLocked
from cletus.storage.backends.json_files import JsonFiles
from tests.storage import mutants

OWNER = """
import sys
from cletus.storage.backends.json_files import JsonFiles
home = JsonFiles(sys.argv[1])
home.open()
print("open", flush=True)
sys.stdin.read()
"""


def check_second_is_refused(make: Callable[..., JsonFiles], folder: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert owner.stdout.readline() == b"open\n"
        with pytest.raises(StoreLocked, match=f"process {owner.pid} has it open") as caught:
            make(folder).open()
        assert caught.value.pid == owner.pid
        assert isinstance(caught.value, StartError), "the start ends with its message"
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.communicate()
    home = make(folder)
    home.open()  # the kernel let go of the lock of the killed process
    assert (folder / ".lock").read_text() == f"{os.getpid()}\n"
    home.close()


def test_the_second_process_is_refused(tmp_path: Path) -> None:
    """It is told the number of the first; when that is gone, however it went, it may."""
    check_second_is_refused(JsonFiles, tmp_path)


def test_lock_mutant(tmp_path: Path) -> None:
    """A home without a lock is noticed."""
    with pytest.raises(pytest.fail.Exception):
        check_second_is_refused(mutants.NoLock, tmp_path)


def test_two_homes_in_one_process_are_two_owners(tmp_path: Path) -> None:
    """The second is refused like another process's, until the first is closed."""
    first, second = JsonFiles(tmp_path), JsonFiles(tmp_path)
    first.open()
    with pytest.raises(StoreLocked, match=f"process {os.getpid()} has it open"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_an_owner_that_has_not_written_its_number(tmp_path: Path) -> None:
    """In the instant between lock and number it is just "another process"."""
    first, second = JsonFiles(tmp_path), JsonFiles(tmp_path)
    first.open()
    (tmp_path / ".lock").write_text("")
    with pytest.raises(StoreLocked, match="another process has it open") as caught:
        second.open()
    assert caught.value.pid == 0


def test_a_lock_file_is_not_inherited(tmp_path: Path) -> None:
    """A program that the service starts does not keep the folder locked."""
    home = JsonFiles(tmp_path)
    home.open()
    done = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, check=True)
    assert "->" in done.stdout
    assert ".lock" not in done.stdout
    home.close()
