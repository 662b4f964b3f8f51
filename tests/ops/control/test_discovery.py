"""Notes of running services: found by the application, and private."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cletus.ops.control.discovery import Note, Notes

#: A number that no process has: more than Linux gives.
_NOBODY = 1 << 22 | 1


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    return Notes({"XDG_RUNTIME_DIR": str(runtime)}, str(tmp_path))


def test_the_stores_of_an_application_are_found(notes: Notes, tmp_path: Path) -> None:
    for root, store in (("/app", "/one"), ("/app", "/two"), ("/other", "/three")):
        notes.leave(Note(root, store, os.getpid()))
    assert sorted(notes.stores_of("/app")) == ["/one", "/two"]
    assert notes.stores_of("/nowhere") == []
    assert notes.stores_of(str(tmp_path / "link")) == []
    (tmp_path / "link").symlink_to("/app")
    assert sorted(notes.stores_of(str(tmp_path / "link"))) == ["/one", "/two"]


def test_a_service_that_starts_again_has_one_note(notes: Notes) -> None:
    first = notes.leave(Note("/app", "/one", 1))
    assert first == notes.leave(Note("/app", "/one", os.getpid()))
    assert first is not None
    assert [one.name for one in first.parent.iterdir()] == [first.name]
    assert first.stat().st_mode & 0o077 == 0 or first.parent.stat().st_mode & 0o077 == 0


def test_notes_of_processes_that_are_no_more_are_removed(notes: Notes) -> None:
    gone = notes.leave(Note("/app", "/one", _NOBODY))
    assert gone is not None
    notes.leave(Note("/app", "/two", os.getpid()))
    assert notes.stores_of("/app") == ["/two"]
    assert not gone.exists()


def test_without_a_runtime_folder_they_are_among_the_temporary_files(tmp_path: Path) -> None:
    notes = Notes({}, str(tmp_path))
    path = notes.leave(Note("/app", "/one", os.getpid()))
    assert path is not None
    if not os.path.isdir(f"/run/user/{os.getuid()}"):
        assert path.parent == tmp_path / f"cletus-{os.getuid()}"
    assert notes.stores_of("/app") == ["/one"]
    path.unlink()


def test_a_folder_that_others_can_write_to_is_not_trusted(tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    (runtime / "cletus").mkdir(parents=True)
    (runtime / "cletus").chmod(0o777)
    environment = {"XDG_RUNTIME_DIR": str(runtime)}
    trap = runtime / "cletus" / "trap.json"
    trap.write_text('{"root": "/app", "store": "/evil", "pid": 1}')
    notes = Notes(environment, str(tmp_path))
    assert notes.stores_of("/app") == []
    path = notes.leave(Note("/app", "/one", os.getpid()))
    assert path is not None
    assert path.parent != runtime / "cletus"
    path.unlink()


def test_where_nothing_can_be_written_there_is_no_note(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    notes = Notes({}, str(tmp_path / "file"))
    notes._folders = notes._folders[-1:]  # whatever /run/user has on this machine
    assert notes.leave(Note("/app", "/one", 1)) is None
    assert notes.stores_of("/app") == []


def test_garbage_among_them_is_passed_over(notes: Notes) -> None:
    path = notes.leave(Note("/app", "/one", os.getpid()))
    assert path is not None
    (path.parent / "a.json").write_bytes(b"\xff{")
    (path.parent / "b.json").write_text("{}")
    (path.parent / "c.json").mkdir()
    assert notes.stores_of("/app") == ["/one"]
