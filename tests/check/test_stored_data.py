"""Saved files are read as ``saved()`` would read them, told of with their paths, and never written."""

from __future__ import annotations

import fcntl
import os

import pytest
from twisted.internet import reactor

from cletus.check import Importer
from cletus.check import stored_data as saved
from tests.check.conftest import HEAD, names

TEXT = """
class Room(Store):
    service = service
    name = Field("", type=str)
    exits = Field(dict, type=dict[str, int])

class User(Store):
    service = service
    version = 2
    room = StoreField("room")
    level = Field(0, type=int)

    @classmethod
    def migrate(cls, data, version):
        data["level"] = int(data["level"])
        return data
"""

HALL = {"store/room/hall.json": '{"name": "Hall"}'}

#: (name, the files, the words, the path, the line)
CASES = {
    "no JSON": (
        "unreadable", {"store/room/hall.json": '{\n  "name": \n'}, "Input data was truncated",
        "store/room/hall.json", 3,
    ),
    "a value of another type": (
        "unreadable",
        {"store/room/hall.json": '{\n  "name": "Hall",\n  "exits": {"n": "x"}\n}'},
        "exits['n']: expected int, found str",
        "store/room/hall.json", 3,
    ),
    "a migration that raises": (
        "unreadable", {**HALL, "store/user/bob.json": '{"level": "many"}'}, "migrate()",
        "store/user/bob.json", 0,
    ),
    "a later version": (
        "newer", {"store/room/hall.json": '{"_version": 3}'}, "of version 3",
        "store/room/hall.json", 0,
    ),
    "a name that is not a key": (
        "misnamed", {"store/room/Hall.json": "{}"}, "objects are called 'hall'",
        "store/room/Hall.json", 0,
    ),
    "a reference to nothing": (
        "dangling", {"store/user/bob.json": '{"_version": 2, "room": "hall"}'},
        "room refers to room 'hall', which is not saved",
        "store/user/bob.json", 0,
    ),
    "an earlier version": (
        "outdated", {"store/user/bob.json": '{"level": 3}'}, "1 document is of an earlier version",
        "store/user/bob.json", 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_file_that_could_not_be_used_is_named(case, check, tmp_path):
    name, files, words, path, line = case
    (found,) = check(TEXT, files)
    assert (found.name, found.group) == (name, "Saved files")
    assert words in found.what
    assert (found.file, found.line) == (str(tmp_path / path), line)


def test_a_store_without_a_class_is_named(check):
    (found,) = check(TEXT, {"store/planet/mars.json": "{}"})
    assert found.name == "unknown-store"
    assert "planet" in found.what


def test_sound_files_are_let_by(check):
    bob = '{"_version": 2, "room": "hall", "level": 3, "colour": "red"}'
    assert check(TEXT, {**HALL, "store/user/bob.json": bob}) == []


def test_a_reference_to_what_the_import_makes_is_let_by(check):
    found = check(
        TEXT + "Room('hall')\n", {"store/user/bob.json": '{"_version": 2, "room": "hall"}'}
    )
    assert found == []


def test_many_outdated_files_are_one_finding(check):
    files = {f"store/user/bob{number}.json": '{"level": 3}' for number in range(5)}
    (found,) = check(TEXT, files)
    assert found.what.startswith("5 documents are of an earlier version of 'user'")


def test_of_a_spoilt_store_only_so_many_are_told_one_by_one(check, monkeypatch):
    monkeypatch.setattr(saved, "FINDINGS_MAX", 2)
    found = check(TEXT, {f"store/room/hall{number}.json": "{" for number in range(5)})
    assert [one.name for one in found] == ["unreadable", "unreadable", "more"]
    assert found[-1].what.startswith("3 more findings")


def test_a_store_that_another_process_has_open_is_read_all_the_same(check, tmp_path):
    """It takes no lock, writes nothing, and leaves no file behind."""
    (tmp_path / "store").mkdir()
    before = {}
    lock = os.open(tmp_path / "store" / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    files = {**HALL, "store/user/bob.json": '{"level": 3}'}
    found = check(TEXT, files)
    for path in (tmp_path / "store").rglob("*"):
        before[path.relative_to(tmp_path).as_posix()] = path.read_text() if path.is_file() else None
    os.close(lock)
    assert "outdated" in names(found)
    assert {name: text for name, text in before.items() if text} == files


class Closed:
    """A home that says nothing without being opened."""

    def __init__(self, _url, _settings):
        pass


def test_a_home_that_has_to_be_opened_is_said_to_be_unseen(check, monkeypatch):
    from cletus.storage.backends import urls

    monkeypatch.setattr(urls, "_opener", lambda _url, _scheme: Closed)
    (found,) = check(TEXT, {"cletus.toml": 'store = "sqlite:x.db"'})
    assert (found.name, found.level.value) == ("unseen", "warning")


def test_progress_is_told(tmp_path, monkeypatch, clean_imports):
    for number in range(3):
        path = tmp_path / "store" / "room" / f"hall{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    (tmp_path / "app.py").write_text(HEAD + TEXT)
    monkeypatch.chdir(tmp_path)
    told = []
    importer = Importer("app.py", tmp_path, {}, {}, reactor)
    subject = importer.load(lambda *progress: told.append(progress))
    assert list(saved.check_stored_data(subject)) == []
    assert told == [("Reading room", 3, number) for number in (1, 2, 3)]
