"""``cletus check``: what it prints, for people and for machines, and how it ends."""

from __future__ import annotations

import json
import os
import sys

import click
import pytest
from click.testing import CliRunner

from cletus.cli import main
from tests.check.conftest import HEAD, clean_imports  # noqa: F401 - a fixture that every test here needs

WARNING = "online = {}\ndef come(name):\n    online[name] = 1\n"
ERROR = "class User(Store):\n    service = service\n    tags = Field(lambda: {1})\n"
BROKEN = "1 / 0\n"


@pytest.fixture
def check(tmp_path, monkeypatch, clean_imports):  # noqa: F811 - the fixture
    """Runs the command on an application of this text."""
    monkeypatch.chdir(tmp_path)

    def run(text, *options):
        (tmp_path / "app.py").write_text(HEAD + text)
        return CliRunner().invoke(main, ["check", "app.py", *options])

    return run


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        ("", [], 0),
        ("", ["--strict"], 0),
        (WARNING, [], 0),
        (WARNING, ["--strict"], 1),
        (WARNING, ["--strict", "--ignore", "lost"], 0),
        (ERROR, [], 1),
        (ERROR, ["--ignore", "field-default"], 0),
        (BROKEN, [], 2),
        (BROKEN, ["--ignore", "import"], 2),
    ],
)
def test_the_exit_code_is_for_machines(text, options, code, check):
    result = check(text, *options)
    assert result.exit_code == code, result.output


def test_each_finding_has_its_level_place_reason_and_remedy(check):
    result = check(ERROR + WARNING)
    assert result.stdout.splitlines() == [
        "Fields",
        (
            "  error    app.py:6  User.tags: the default: expected what JSON takes, found set (state the"
            " field's type: Field(type=...)) [field-default]"
        ),
        "           give a default of that type, or another type, or do not save it: session=True",
        "State of modules",
        (
            "  warning  app.py:7  app.online is filled while the service runs, and is empty again after"
            " each reload [lost]"
        ),
        (
            "           keep it in a Field of a store (session=True if it is not to be saved), or as an"
            " attribute of the service"
        ),
        "app.py: 1 error, 1 warning",
    ]


def test_a_clean_application_is_one_line(check):
    assert check("").stdout == "app.py: no problems found\n"


def test_what_cannot_be_imported_says_where(check):
    lines = check(BROKEN).stdout.splitlines()
    assert lines[1].startswith("  error    app.py:4  ZeroDivisionError: division by zero")
    assert lines[-1] == "app.py cannot be imported: 1 error"


def test_there_must_be_such_a_target(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["check", "nowhere.py"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "cletus: nowhere.py" in result.stderr


def test_machines_get_one_object(check):
    """Whatever the application prints goes to stderr."""
    result = check("print('hello')\n" + ERROR, "--json")
    said = json.loads(result.stdout)
    (found,) = said.pop("findings")
    assert said == {"target": "app.py", "loaded": True, "errors": 1, "warnings": 0}
    assert (found["level"], found["name"], found["group"]) == ("error", "field-default", "Fields")
    assert (found["file"], found["line"]) == ("app.py", 7)
    assert "hello" in result.stderr


def test_machines_are_told_that_it_cannot_be_imported(check):
    result = check(BROKEN, "--json")
    said = json.loads(result.stdout)
    assert (said["loaded"], said["errors"], result.exit_code) == (False, 1, 2)


def test_the_environment_is_read(check, monkeypatch):
    monkeypatch.setenv("CLETUS_PROT", "3")
    assert "environment CLETUS_PROT  setting 'prot' is unknown" in check("").stdout


def test_another_store_can_be_named(check, tmp_path):
    (tmp_path / "backup" / "user").mkdir(parents=True)
    (tmp_path / "backup" / "user" / "bob.json").write_text("{")
    text = "class User(Store):\n    service = service\n"
    result = check(text, "--store", "backup")
    assert "backup/user/bob.json:1" in result.stdout


def test_an_endless_import_comes_to_an_end(check):
    result = check("import time\nwhile True: time.sleep(0.01)\n", "--timeout", "0.2")
    assert result.exit_code == 2
    assert "not finished after 0.2 s" in result.stdout


def test_square_brackets_in_what_the_code_says_are_shown_as_they_are(check):
    """They are no markup of rich's."""
    result = check("raise ValueError('[red]no[/red]')\n")
    assert "ValueError: [red]no[/red]" in result.stdout


def test_nothing_is_left_in_the_folder(check, tmp_path):
    check(ERROR)
    assert os.listdir(tmp_path) == ["app.py"]
    assert sys.modules["app"]


def test_a_bar_is_shown_on_a_terminal_for_what_takes_long(check, tmp_path, monkeypatch):
    folder = tmp_path / "store" / "user"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"bob{number}.json").write_text("{}")
    monkeypatch.setattr(sys.modules["cletus.cli.check"], "_PROGRESS_MIN", 2)
    monkeypatch.setattr(sys.modules["cletus.cli.check"], "_is_terminal", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")  # to rich, this is a terminal
    result = check("class User(Store):\n    service = service\n")
    assert result.exit_code == 0
    assert "Reading user" in result.stderr


def test_on_a_terminal_a_finding_is_wrapped_beside_its_level(check, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    lines = [click.unstyle(line).rstrip() for line in check(ERROR).stdout.splitlines()]
    assert lines[1].startswith("  error    app.py:6  User.tags: ")
    assert all(len(line) <= 60 for line in lines)
    assert all(line.startswith(" " * 11) for line in lines[2:-1])
    assert lines[-1] == "app.py: 1 error"
