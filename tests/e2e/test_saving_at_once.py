"""However many files are saved at once, by whatever tool: one reload, of what they hold in the end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.harness import Caller, Talker

FILES = 20


def package(version: str) -> dict[str, str]:
    """An application of many modules, all of which say which version they are of."""
    files = {f"talk/part{n}.py": f"VERSION = {version!r}\n" for n in range(FILES)}
    names = ", ".join(f"part{n}" for n in range(FILES))
    files["talk/__init__.py"] = (
        "from cletus import Service, events\n"
        f"from talk import {names}\n"
        "service = Service()\n"
        f"PARTS = [{names}]\n"
        "@service.listen(events.Receive)\n"
        "def receive(event):\n"
        "    event.client.write(' '.join(sorted({part.VERSION for part in PARTS})) + '.')\n"
    )
    return files


@pytest.fixture
def talker(tmp_path: Path, run: Callable[..., Talker]) -> Talker:
    """The application of many modules, running, in version one."""
    (tmp_path / "talk").mkdir()
    for file, text in package("one").items():
        (tmp_path / file).write_text(text)
    return run("talk")


def in_place(talker: Talker, files: dict[str, str]) -> None:
    """As ``cp`` and many editors do."""
    for file, text in files.items():
        (talker.folder / file).write_text(text)


def beside_and_renamed(talker: Talker, files: dict[str, str]) -> None:
    """As careful editors do."""
    for file, text in files.items():
        talker.write(file, text)


def deleted_and_created(talker: Talker, files: dict[str, str]) -> None:
    """As ``git checkout`` does."""
    for file, text in files.items():
        (talker.folder / file).unlink()
        (talker.folder / file).write_text(text)


def backed_up(talker: Talker, files: dict[str, str]) -> None:
    """As vim does: the old file is renamed, a new one is made, the old one is deleted."""
    for file, text in files.items():
        path = talker.folder / file
        backup = path.with_name(path.name + "~")
        path.rename(backup)
        path.write_text(text)
        backup.unlink()


def folder_swapped(talker: Talker, files: dict[str, str]) -> None:
    """As a deployment does: a whole new folder takes the place of the old one."""
    new = talker.folder / "talk.new"
    new.mkdir()
    for file, text in files.items():
        (talker.folder / file.replace("talk/", "talk.new/")).write_text(text)
    (talker.folder / "talk").rename(talker.folder / "talk.old")
    new.rename(talker.folder / "talk")


@pytest.mark.parametrize(
    "save",
    [in_place, beside_and_renamed, deleted_and_created, backed_up],
    ids=lambda way: way.__name__,
)
def test_a_burst_of_files_is_one_reload(
    talker: Talker,
    call: Callable[[Talker], Caller],
    save: Callable[[Talker, dict[str, str]], None],
) -> None:
    alice = call(talker)
    alice.types("version?")
    assert alice.sees(".\r\n") == "one.\r\n"
    new = {"talk/new.py": "'one file more'\n"} if save is in_place else {}
    with talker.held():
        save(talker, {**package("two"), **new})
    talker.prints("Reloaded, generation 1")
    alice.types("version?")
    assert alice.sees(".\r\n") == "two.\r\n"

    # Whatever was still under way then would come before the reload of this one.
    with talker.held():
        save(talker, package("three"))
    talker.prints("Reloaded, generation 2")
    alice.types("version?")
    assert alice.sees(".\r\n") == "three.\r\n"
    assert talker.reloads == 2
    assert "refused" not in talker.output


def test_what_changes_nothing_reloads_nothing(
    talker: Talker, call: Callable[[Talker], Caller]
) -> None:
    """A touch, the same text saved again, and files of others are no edit."""
    alice = call(talker)
    alice.types("version?")
    alice.sees("one.\r\n")
    for file, text in package("one").items():
        (talker.folder / file).write_text(text)
        os.utime(talker.folder / file)
    (talker.folder / "talk/notes.txt").write_text("buy milk")
    (talker.folder / "talk/.part1.py.swp").write_text("half a")
    (talker.folder / "talk/4913").write_text("")
    talker.write("talk/part0.py", "VERSION = 'two'\n")
    talker.prints("Reloaded, generation 1: talk.part0 changed")
    assert talker.reloads == 1
    assert "refused" not in talker.output
