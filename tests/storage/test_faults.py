"""Statements 3 to 5: each system call of a save fails in turn, and nothing is lost.

After the method of SQLite's I/O error tests (reliability notes, 2.2): the first call fails, then
the second, and so on until a save runs through. ``test_strace.py`` does it with the real kernel.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cletus.errors import NotSaved, StoreDenied, StoreFull, StoreIOError
from cletus.storage.backends.json_files import JsonFiles
from cletus.storage.interfaces import Document
from tests.storage import mutants
from tests.storage.doubles import Faulty, TakesNothing

KIND = {
    errno.ENOSPC: StoreFull,
    errno.EDQUOT: StoreFull,
    errno.EIO: StoreIOError,
    errno.EMFILE: StoreIOError,
    errno.ENFILE: StoreIOError,
    errno.EACCES: StoreDenied,
    errno.EROFS: StoreDenied,
}

Make = Callable[..., JsonFiles]


def temporaries(folder: str | Path) -> list[str]:
    return [path.name for path in Path(folder).rglob("*.tmp")]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def content(home: JsonFiles, key: str) -> bytes | None:
    try:
        return home.read("user", key)
    except NotSaved:
        return None


def raised_by(home: JsonFiles, data: bytes) -> StoreIOError | None:
    try:
        home.write("user", "bob", data)
    except StoreIOError as error:
        return error
    return None


def check_each_call_fails(make: Make, folder: Path, error: int, *, first: bool) -> int:
    """Fail call after call of ``write``; returns how many calls could fail."""
    calls = Faulty()
    home = make(folder, calls=calls)
    home.open()
    if not first:
        home.write("user", "bob", b"old")
    for at in range(100):
        before, open_before, new = content(home, "bob"), descriptors(), b"new %d" % at * 9
        calls.arm(at, error)
        caught = raised_by(home, new)
        calls.repair()
        if caught is None:
            assert content(home, "bob") == new
            if at >= len(calls.made):
                home.close()
                return at
        else:
            assert type(caught) is KIND[error], caught
            assert os.strerror(error) in str(caught)
            assert content(home, "bob") in ({before} if caught.certain else {before, new})
        assert temporaries(folder) == []
        assert descriptors() == open_before
        home.write("user", "bob", b"good %d" % at)
        assert content(home, "bob") == b"good %d" % at
        if first and at < 5:  # let the folder itself be new again
            home.delete("user", "bob")
            os.rmdir(folder / "user")
    raise AssertionError("it never ran through")


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("error", KIND)
def test_whichever_call_fails_the_old_version_stands(
    tmp_path: Path, error: int, first: bool
) -> None:
    """A named error, no temporary file, no descriptor lost, and the next save works."""
    assert check_each_call_fails(JsonFiles, tmp_path, error, first=first) >= 9


@pytest.mark.parametrize("make", [mutants.LEAVES_TEMPORARIES, mutants.RawErrors])
def test_fault_mutants(tmp_path: Path, make: Make) -> None:
    """A temporary file left, or an error that is not ours, is noticed."""
    with pytest.raises((AssertionError, OSError)):
        check_each_call_fails(make, tmp_path, errno.ENOSPC, first=False)


GROUP = [Document(store, f"k{n}", b"new") for store in ("user", "room") for n in range(4)]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EMFILE])
@pytest.mark.parametrize("group", [GROUP, GROUP[:3]], ids=["shared", "alone"])
def test_a_failure_in_a_group_is_the_documents_own(
    tmp_path: Path, error: int, group: list[Document]
) -> None:
    """Whichever call fails: what is reported stands as it was, all else is saved."""
    calls = Faulty()
    home = JsonFiles(tmp_path, calls=calls)
    home.open()
    for at in range(200):
        home.write_many([Document(one.store, one.key, b"old") for one in group])
        open_before = descriptors()
        calls.arm(at, error)
        failures = home.write_many(group)
        calls.repair()
        failed = {id(failure.document): failure.error for failure in failures}
        for one in group:
            data, caught = home.read(one.store, one.key), failed.get(id(one))
            if caught is None:
                assert data == b"new"
            else:
                assert type(caught) is KIND[error]
                assert data == (b"old" if caught.certain else b"new")
        assert temporaries(tmp_path) == []
        assert descriptors() == open_before
        if at >= len(calls.made):
            assert failures == []
            return
    raise AssertionError("it never ran through")


def test_a_write_that_takes_nothing_is_no_endless_loop(tmp_path: Path) -> None:
    """No system was seen to do that to a file; if one does, it is an error like others."""
    home = JsonFiles(tmp_path, calls=TakesNothing())
    home.open()
    with pytest.raises(StoreIOError, match="Input/output error"):
        home.write("user", "bob", b"0123456789")
    assert temporaries(tmp_path) == []


def test_a_failed_folder_flush_says_old_or_new(tmp_path: Path) -> None:
    """After the rename nobody can tell what a power cut would leave: the error says just that."""
    calls = Faulty()
    home = JsonFiles(tmp_path, calls=calls)
    home.open()
    home.write("user", "bob", b"old")
    calls.arm(7, errno.EIO)
    with pytest.raises(StoreIOError, match="either the old or the new version") as caught:
        home.write("user", "bob", b"new")
    assert not caught.value.certain
    calls.arm(2, errno.EIO)
    with pytest.raises(StoreIOError, match="either the old or the new version"):
        home.delete("user", "bob")


def test_a_failed_flush_of_a_new_store_is_made_up_for(tmp_path: Path) -> None:
    """The folder's name was not flushed: the next save, which finds it there, flushes it."""
    calls = Faulty()
    home = JsonFiles(tmp_path, calls=calls)
    home.open()
    calls.arm(3, errno.EIO)
    with pytest.raises(StoreIOError):
        home.write("user", "bob", b"{}")
    assert (tmp_path / "user").is_dir()
    calls.arm(-1, 0)
    home.write("user", "bob", b"{}")
    assert calls.made.count("fsync") == 3


def check_failed_flush(make: Make, folder: Path) -> None:
    calls = Faulty()
    home = make(folder, calls=calls)
    home.open()
    home.write("user", "bob", b"old")
    calls.arm(4, errno.EIO)
    with pytest.raises(StoreIOError):
        home.write("user", "bob", b"new")
    after = calls.made[4:]
    assert after == ["fsync", "close", "unlink", "close"], after


def test_a_failed_flush_is_never_tried_again(tmp_path: Path) -> None:
    """Statement 4: after EIO the kernel may call the lost pages clean; a new file is written."""
    check_failed_flush(JsonFiles, tmp_path)


def test_flush_mutant(tmp_path: Path) -> None:
    """A second flush of the same file, which then "works", is noticed."""
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check_failed_flush(mutants.FLUSH_TRIED_AGAIN, tmp_path)


def test_a_failed_shared_flush_writes_everything_anew(tmp_path: Path) -> None:
    """``syncfs`` does not tell which file failed: each is written again and flushed by itself."""
    calls = Faulty()
    home = JsonFiles(tmp_path, calls=calls)
    home.open()
    home.write_many(GROUP)
    calls.made.clear()
    calls.break_for_good("syncfs", errno.EIO)
    assert home.write_many(GROUP) == []
    opened_files = calls.made.count("write")
    assert opened_files == 2 * len(GROUP)
    assert calls.made.count("fsync") == len(GROUP) + 2
    assert temporaries(tmp_path) == []


def check_small_disk(make: Make, folder: Path) -> None:
    home = make(folder / "store")
    home.open()
    try:
        check_full(home, folder)
    finally:
        home.close()


def check_full(home: JsonFiles, folder: Path) -> None:
    home.write("user", "bob", b"old")
    home.write("user", "ballast", b"x" * 20_000)
    with pytest.raises(StoreFull, match="No space left on device"):
        home.write("user", "bob", b"x" * 60_000)
    group = [Document("user", f"k{n}", b"x" * 15_000) for n in range(4)]
    failures = home.write_many([*group, Document("user", "bob", b"newer")])
    assert {type(failure.error) for failure in failures} == {StoreFull}
    assert temporaries(folder) == []
    assert home.read("user", "bob") in {b"old", b"newer"}
    home.delete("user", "ballast")
    home.write("user", "bob", b"newest")
    assert home.read("user", "bob") == b"newest"


@pytest.mark.parametrize("sync", ["full", "rename"])
def test_a_full_disk(small_disk: Path, sync: str) -> None:
    """Statement 3, on a disk that is really full."""
    check_small_disk(lambda folder: JsonFiles(folder, sync=sync), small_disk)


@pytest.mark.parametrize("make", [mutants.PlainWrite, mutants.LEAVES_TEMPORARIES])
def test_full_disk_mutants(small_disk: Path, make: Make) -> None:
    """Writing into the document itself, or leaving the temporary file, is noticed."""
    with pytest.raises((AssertionError, OSError, pytest.fail.Exception)):
        check_small_disk(make, small_disk)


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def check_without_descriptors(make: Make, folder: Path) -> None:
    home = make(folder)
    home.open()
    home.write("user", "bob", b"old")
    with no_more_descriptors():
        errors = []
        for act in (
            lambda: home.write("user", "bob", b"new"),
            lambda: home.read("user", "bob"),
            lambda: home.keys("user"),
            lambda: home.delete("user", "bob"),
        ):
            with pytest.raises(StoreIOError, match="Too many open files") as caught:
                act()
            errors.append(caught.value)
        failures = home.write_many(GROUP)
    assert len(failures) == len(GROUP)
    assert home.read("user", "bob") == b"old"
    home.write("user", "bob", b"new")
    assert home.write_many(GROUP) == []


def test_no_descriptors_left(tmp_path: Path) -> None:
    """Statement 5: with none to be had each call has a named error, and afterwards all is well."""
    check_without_descriptors(JsonFiles, tmp_path)


def test_descriptors_mutant(tmp_path: Path) -> None:
    """An error that is not ours is noticed."""
    with pytest.raises((AssertionError, OSError)):
        check_without_descriptors(mutants.RawErrors, tmp_path)
