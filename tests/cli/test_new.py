"""``cletus new``: what it says, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cletus.cli import main
from cletus.cli import new as new_module


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test stands in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["new", *arguments], prog_name="cletus")


def test_it_says_what_to_type_next(folder: Path) -> None:
    result = new("mytalker", "--template", "echo")
    assert result.exit_code == 0
    assert str(folder / "mytalker") in result.output
    commands = [line.strip() for line in result.output.splitlines() if line.startswith("    ")]
    assert [line.partition("  ")[0] for line in commands] == [
        "cd mytalker",
        "cletus run mytalker",
        "make test",
    ]


def test_a_talker_is_what_one_gets_without_asking(folder: Path) -> None:
    assert new("mytalker").output.startswith("A talker ")
    assert (folder / "mytalker/mytalker/rooms.toml").is_file()


@pytest.mark.parametrize(("name", "reason"), [("random", "already"), ("my-talker", "not a name")])
def test_a_name_that_cannot_be_is_one_line_and_code_2(name: str, reason: str) -> None:
    result = new(name)
    assert result.exit_code == 2
    assert result.output.startswith("cletus: ")
    assert reason in result.output
    assert result.output.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/srv/mine")

    monkeypatch.setattr(new_module, "make", make)
    result = new("mine")
    assert (result.exit_code, result.output) == (2, "cletus: /srv/mine: Permission denied\n")


def test_a_template_that_is_none_names_those_that_are() -> None:
    result = new("mine", "--template", "moo")
    assert result.exit_code == 2
    assert "'echo', 'chat', 'talker', 'mud'" in result.output
