"""``cletus/storage/backends/folder_lock.py``. Statement 12: one process has a store folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cletus.errors import StartError, StoreLocked, StoreUnusable
from cletus.storage.backends.json_files import JsonFiles
from cletus.storage.interfaces import Document
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
    assert (folder / ".lock").read_text().splitlines()[0] == str(os.getpid())
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


def _owner_of(folder: Path) -> subprocess.Popen[bytes]:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"open\n"
    return owner


def test_a_copy_in_the_place_of_a_folder_that_was_moved_away(tmp_path: Path) -> None:
    """Its lock file names the process that still has this path; so nobody else gets it."""
    folder, moved = tmp_path / "store", tmp_path / "moved"
    owner = _owner_of(folder)
    try:
        folder.rename(moved)
        shutil.copytree(moved, folder)
        with pytest.raises(StoreLocked, match=f"process {owner.pid} has it open"):
            JsonFiles(folder).open()
        elsewhere = JsonFiles(shutil.copytree(moved, tmp_path / "copy"))
        elsewhere.open()  # a copy at another path is another store
        elsewhere.close()
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.communicate()
    home = JsonFiles(folder)
    home.open()
    home.close()


def test_the_number_of_another_process_is_not_taken_for_the_owner(tmp_path: Path) -> None:
    """Numbers are given again: what is of a killed process does not lock the folder for ever."""
    (tmp_path / ".lock").write_text(f"{os.getppid()}\n1\n{tmp_path}\n")
    home = JsonFiles(tmp_path)
    home.open()
    home.close()
    assert (tmp_path / ".lock").read_text() == ""


def test_the_owner_writes_nothing_into_another_folder(tmp_path: Path) -> None:
    """Once its own is back in its place, it goes on."""
    folder, moved = tmp_path / "store", tmp_path / "moved"
    home = JsonFiles(folder)
    home.open()
    home.write("user", "bob", b"{}")
    folder.rename(moved)
    shutil.copytree(moved, folder)
    document = Document("user", "bob", b"[]")
    with pytest.raises(StoreUnusable, match="moved or replaced while it was open"):
        home.write("user", "bob", b"[]")
    with pytest.raises(StoreUnusable):
        home.delete("user", "bob")
    assert [type(failure.error) for failure in home.write_many([document])] == [StoreUnusable]
    assert (folder / "user" / "bob.json").read_bytes() == b"{}"
    shutil.rmtree(folder)
    moved.rename(folder)
    home.write("user", "bob", b"[]")
    home.close()


def test_a_link_in_the_place_of_the_lock_file_is_not_followed(tmp_path: Path) -> None:
    """What it leads to would be overwritten."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / ".lock").symlink_to(victim)
    home = JsonFiles(folder)
    home.open()
    home.close()
    assert victim.read_text() == "precious"
    (folder / ".lock").unlink()
    (folder / ".lock").hardlink_to(victim)
    with pytest.raises(StoreUnusable, match="not a plain file of its own"):
        home.open()
    assert victim.read_text() == "precious"


def test_a_lock_file_is_not_inherited(tmp_path: Path) -> None:
    """A program that the service starts does not keep the folder locked."""
    home = JsonFiles(tmp_path)
    home.open()
    done = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, check=True)
    assert "->" in done.stdout
    assert ".lock" not in done.stdout
    home.close()
