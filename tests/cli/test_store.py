"""``cletus store``: what an operator sees and does with stored data."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cletus.cli import display, main
from cletus.reload.code.modules import ApplicationFinder
from cletus.storage.backends.json_files import JsonFiles
from cletus.text.plural import counted

APP = """
from cletus import Service
from cletus.storage import Field, Store, StoreField, TempStoreMixin

service = Service()

class Room(Store):
    service = service
    version = 1
    title = Field("")

class User(Store):
    service = service
    room = StoreField("room")
    password = Field(type=str, secret=True)

class Fight(TempStoreMixin, Store):
    service = service

User("made-at-import").save()
service.run()
"""
FILES = {
    "room/hall.json": '{\n  "_version": 1,\n  "title": "Hall"\n}\n',
    "room/attic.json": '{"title": "Attic"}',
    "user/bob.json": '{\n  "room": "hall",\n  "password": "hunter2"\n}\n',
    "gone/x.json": '{"api_token": "abc"}',
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Each test has an application and its store, and forgets what was imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "app.py").write_text(APP)
    for name, text in FILES.items():
        path = tmp_path / "store" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    before = set(sys.modules)
    yield tmp_path
    _forget(before)


def _forget(before: set[str]) -> None:
    for name in set(sys.modules) - before:
        if name == "app":
            del sys.modules[name]
    sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, ApplicationFinder)]


@pytest.fixture
def run(folder: Path) -> Callable[..., Result]:
    """Runs a command of the group; it must end as it is said to."""

    def run(*arguments: str, code: int = 0, stdin: str | bytes = "") -> Result:
        before = set(sys.modules)
        result = CliRunner().invoke(main, ["store", *arguments], input=stdin)
        _forget(before)
        assert result.exit_code == code, result.output
        return result

    return run


Run = Callable[..., Result]


def files(folder: Path) -> dict[str, str]:
    """The documents that are on the disk."""
    found = (folder / "store").glob("*/*")
    return {str(path.relative_to(folder / "store")): path.read_text() for path in found}


def test_stores_are_listed(run: Run, folder: Path) -> None:
    """Those of the code and those of the disk; what an application saves at import is forgotten."""
    assert run("list", "app").stdout.splitlines() == [
        "fight\t0\t0\t\ttemporary",
        "gone\t1\t20\t0\tnot in the code",
        "room\t2\t57\t0: 1, 1: 1\t1 older than the code (1)",
        "user\t1\t46\t0\t",
    ]
    assert files(folder) == FILES
    assert not (folder / "store" / ".lock").exists()


def test_what_the_code_knows_is_told_to_programs(run: Run) -> None:
    """As JSON."""
    found = {one["store"]: one for one in json.loads(run("list", "app", "--json").stdout)}
    assert found["room"] == {
        "store": "room",
        "objects": 2,
        "bytes": 57,
        "versions": {"0": 1, "1": 1},
        "unreadable": 0,
        "code_version": 1,
        "in_code": True,
    }
    assert found["gone"]["in_code"] is False


def test_objects_are_listed(run: Run, folder: Path) -> None:
    """With the time of saving, size and version; names that a terminal would obey are escaped."""
    (folder / "store" / "room" / "\x1b[31m.json").write_text("no")
    lines = [line.split("\t") for line in run("list", "app", "Room").stdout.splitlines()]
    assert [(key, size, version) for key, _, size, version in lines] == [
        ("\\u001b[31m", "2", "unreadable"),
        ("attic", "18", "0"),
        ("hall", "39", "1"),
    ]
    (item, *_) = json.loads(run("list", "app", "user", "--json").stdout)
    assert (item["key"], item["bytes"], item["version"]) == ("bob", 46, 0)
    assert item["saved_at"].endswith("+00:00")
    assert "there is no store 'usr'; there are fight" in run("list", "app", "usr", code=2).stderr


def test_a_document_is_shown_without_its_secrets(run: Run) -> None:
    """Unless they are asked for."""
    shown = run("show", "app", "User", "Bob")
    assert json.loads(shown.stdout) == {"room": "hall", "password": "***"}
    assert shown.stderr == "Hidden: password (--secrets shows them)\n"
    assert (
        json.loads(run("show", "app", "user", "bob", "--secrets").stdout)["password"] == "hunter2"
    )
    assert "***" in run("show", "app", "gone", "x").stdout


def test_a_document_is_shown_as_it_is(run: Run, folder: Path) -> None:
    """Byte for byte, if nothing in it is secret, or that is wanted."""
    assert run("show", "app", "room", "attic", "--raw").stdout == FILES["room/attic.json"]
    refused = run("show", "app", "user", "bob", "--raw", code=2)
    assert "password is secret: add --secrets" in refused.stderr
    assert "hunter2" not in refused.output
    assert run("show", "app", "user", "bob", "--raw", "--secrets").stdout == FILES["user/bob.json"]
    (folder / "store" / "user" / "eve.json").write_text('{"password": "hunter2"')
    refused = run("show", "app", "user", "eve", code=2)
    assert "cannot be read" in refused.stderr
    assert "hunter2" not in refused.output
    assert "hunter2" in run("show", "app", "user", "eve", "--raw", "--secrets").stdout


def test_a_document_that_is_not_there(run: Run) -> None:
    """The nearest key is told."""
    shown = run("show", "app", "room", "atic", code=2)
    assert shown.stderr == "Did you mean 'attic'?\ncletus: room 'atic' is not saved\n"


def test_everything_goes_into_one_file_and_back(run: Run, folder: Path) -> None:
    """The same documents, byte for byte; and once more, for nothing is left to be done."""
    assert run("export", "app", "all.jsonl").stderr == "Exported 4 documents to all.jsonl\n"
    header, *_, end = (folder / "all.jsonl").read_text().splitlines()
    assert json.loads(header)["name"] == "app"
    assert json.loads(end) == {"end": 4}
    assert (folder / "all.jsonl").stat().st_mode & 0o777 == 0o600
    for path in (folder / "store").glob("*/*"):
        path.unlink()

    trial = run("import", "app", "all.jsonl", "--dry-run")
    assert trial.stdout == "gone: 1 new\nroom: 2 new\nuser: 1 new\n"
    assert trial.stderr == "4 documents would be imported\n"
    assert files(folder) == {}
    assert run("import", "app", "all.jsonl").stderr == "Imported 4 documents\n"
    assert files(folder) == FILES
    assert "user: 1 there already" in run("import", "app", "all.jsonl").stdout


def test_pipes(run: Run, folder: Path) -> None:
    """A hyphen is the standard output, and the standard input."""
    exported = run("export", "app", "-", "--only", "room")
    assert len(exported.stdout.splitlines()) == 4
    run("import", "app", "-", "--store", "other", stdin=exported.stdout_bytes)
    assert (folder / "other/room/attic.json").read_text() == FILES["room/attic.json"]


def test_an_import_that_is_refused_changes_nothing(run: Run, folder: Path) -> None:
    """Each line is told; other documents of the same keys want a word."""
    run("export", "app", "all.jsonl")
    (folder / "store/room/hall.json").write_text("{}")
    refused = run("import", "app", "all.jsonl", code=2)
    assert "--replace writes over them, --skip leaves them" in refused.stderr
    assert "line 4: " in refused.stderr
    assert (folder / "store/room/hall.json").read_text() == "{}"
    assert "room: 1 skipped, 1 there" in run("import", "app", "all.jsonl", "--skip").stdout
    assert "room: 1 replaced, 1 there" in run("import", "app", "all.jsonl", "--replace").stdout
    assert files(folder) == FILES
    assert (
        "missing.jsonl cannot be read: No such file"
        in run("import", "app", "missing.jsonl", code=2).stderr
    )
    assert "begins with no" in run("import", "app", "app.py", code=2).stderr


def test_a_file_that_cannot_be_written(run: Run, folder: Path) -> None:
    """One line, and nothing is left."""
    failed = run("export", "app", "nowhere/all.jsonl", code=2)
    assert (
        failed.stderr == "cletus: nowhere/all.jsonl cannot be written: No such file or directory\n"
    )


def test_documents_are_brought_up(run: Run, folder: Path) -> None:
    """After a backup, which a second run does not write over."""
    assert run("migrate", "app", "--dry-run").stdout == (
        "room (version 1): 1 would be migrated, 1 up to date\nuser (version 0): 1 up to date\n"
    )
    assert files(folder) == FILES
    done = run("migrate", "app", "--backup", "backup.jsonl")
    assert "room (version 1): 1 migrated, 1 up to date" in done.stdout
    changed = {**FILES, "room/attic.json": '{\n  "_version": 1,\n  "title": "Attic"\n}\n'}
    assert files(folder) == changed
    assert (folder / "backup.jsonl").read_text().endswith('{"end":4}\n')
    again = run("migrate", "app", "--backup", "backup.jsonl", code=2)
    assert "backup.jsonl exists already" in again.stderr


def test_what_cannot_be_brought_up_is_named(run: Run, folder: Path) -> None:
    """The others are brought up, and the exit code tells."""
    (folder / "store/room/cellar.json").write_text("no")
    done = run("migrate", "app", code=1)
    assert f"{folder}/store/room/cellar.json:1: room 'cellar' cannot be read" in done.stdout
    assert "1 migrated, 1 failed, 1 up to date" in done.stdout


def test_everything_is_verified(run: Run, folder: Path) -> None:
    """Warnings are no errors; what is of an earlier version is merely counted."""
    fine = run("verify", "app")
    assert fine.stdout == (
        "warning: gone: the code has no such store; its documents are left as they are\n"
    )
    assert fine.stderr.startswith("4 documents: 0 errors, 1 warning; 1 of an earlier version")
    assert "note: " in run("verify", "app", "--verbose").stdout
    (folder / "store/user/eve.json").write_text('{"password": 5}')
    bad = run("verify", "app", "--only", "user", code=1)
    assert bad.stdout == (
        f"error: {folder}/store/user/eve.json:1: user 'eve': password: expected str, found another "
        "value, which is secret\n"
    )
    findings = [
        json.loads(line) for line in run("verify", "app", "--json", code=1).stdout.splitlines()
    ]
    assert [one["severity"] for one in findings] == ["warning", "note", "error"]


def test_while_the_service_runs(run: Run, folder: Path) -> None:
    """What only reads works, and what writes says what to do."""
    service = JsonFiles(folder / "store")
    service.open()
    try:
        run("export", "app", "all.jsonl")
        run("verify", "app")
        run("list", "app")
        run("migrate", "app", "--dry-run")
        run("import", "app", "all.jsonl", "--dry-run")
        for command in (["migrate", "app"], ["import", "app", "all.jsonl"]):
            refused = run(*command, code=2)
            assert "the service is running (process " in refused.stderr
            assert "stop it first (cletus shutdown TARGET)" in refused.stderr
    finally:
        service.close()
    assert files(folder) == FILES


def test_without_the_code(run: Run, folder: Path) -> None:
    """An application that cannot be imported still has its documents."""
    (folder / "app.py").write_text("import nonsense_that_is_nowhere\n")
    (folder / "cletus.toml").write_text('store = "store"\nunknown = 1\n')
    broken = run("list", "app", code=2)
    assert "--no-code works without it" in broken.stderr
    assert "room\t2\t57" in run("list", "app", "--no-code").stdout
    assert json.loads(run("show", "app", "user", "bob", "--no-code").stdout)["password"] == "***"
    run("verify", "app", "--no-code")
    run("export", "gone", "all.jsonl", "--no-code", "--store", "store")
    run("import", "gone", "all.jsonl", "--no-code", "--store", "other")
    assert (folder / "other/user/bob.json").read_text() == FILES["user/bob.json"]


def test_another_home(run: Run) -> None:
    """Any that is registered: this one is empty, and gone afterwards."""
    assert run("list", "app", "--store", "memory:", "--json").stdout.count('"objects": 0') == 3
    run("export", "app", "all.jsonl")
    run("import", "app", "all.jsonl", "--store", "memory:")
    run("migrate", "app", "--store", "memory:")
    assert run("list", "app", "--store", "nowhere").exit_code == 0


def test_sizes_and_counts_are_for_people() -> None:
    """With units of thousands."""
    assert [display.size(n) for n in (0, 999, 1500, 2_000_000, 3 * 10**9, 10**13)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "2.0 MB",
        "3.0 GB",
        "10.0 TB",
    ]
    assert counted(1, "document") == "1 document"
    assert counted(1200, "document") == "1,200 documents"


def test_a_terminal_gets_a_table_and_colours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing that it would obey."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    display.table((("key", False), ("size", True)), [("b\x1b[2J", "5")], "place")
    display.line("wrong", "red")
    display.json_text('{"a": "\x9b\U0001f98a\U000e0001"}')
    with display.progress("Working", 3) as advance:
        advance()
        advance(1, 2)
    out, err = capsys.readouterr()
    assert "\x1b[2J" not in out
    assert "b\\u001b[2J" in out
    assert "\x1b[31mwrong" in out
    assert "\x9b" not in out
    assert "\\u009b\U0001f98a\\udb40\\udc01" in out
    assert "Working" in err


def test_copy_moves_all_to_another_store(run: Callable[..., Result], folder: Path) -> None:
    """To SQLite and back: every file is there again, byte for byte."""
    done = run("copy", "store", "sqlite:talker.db")
    assert done.exit_code == 0, done.output
    assert "Copied 4 documents to sqlite:talker.db" in done.stderr
    assert re.fullmatch(r"SHA-256 of both: [0-9a-f]{64}\n", done.stdout)
    assert run("copy", "sqlite:talker.db", "again").exit_code == 0
    for name, text in FILES.items():
        assert (folder / "again" / name).read_text() == text


def test_copy_refuses_what_is_in_use_or_empty(run: Callable[..., Result], folder: Path) -> None:
    """With what to do, and nothing is made."""
    backend = JsonFiles(folder / "store")
    backend.open()
    done = run("copy", "store", "sqlite:talker.db", code=2)
    backend.close()
    assert "the service is running" in done.stderr
    done = run("copy", "nowhere", "sqlite:other.db", code=2)
    assert "nowhere has no documents" in done.stderr
    assert not (folder / "nowhere").exists()
    assert not (folder / "other.db").exists()


@pytest.mark.parametrize("store", ["store", "sqlite:same.db"])
def test_copy_refuses_a_target_that_is_the_source_or_nowhere(
    run: Callable[..., Result], store: str
) -> None:
    if store != "store":
        run("copy", "store", store)
    assert run("copy", store, store, code=2).stderr.startswith("cletus: FROM and TO are both ")
    assert "would end with this command" in run("copy", store, "memory:", code=2).stderr
