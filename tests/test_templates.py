"""What ``cletus new`` writes runs at once."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cletus import templates
from cletus.cli import main
from cletus.errors import TemplateError
from cletus.reload.loading import load
from cletus.templates import make_talker
from cletus.testing import Person, reloaded, start_in_memory
from tests.reload.conftest import clean_imports  # noqa: F401 - a fixture


def test_a_talker_under_its_own_name_runs_and_reloads(tmp_path, clean_imports):  # noqa: F811 - the fixture
    folder = make_talker("lighthouse", tmp_path)
    assert not any("example_service" in path.read_text() for path in folder.iterdir())
    service = load("lighthouse", tmp_path)
    clock = start_in_memory(service)
    person = Person(service, clock)
    assert person.sees("What is your name")
    report = reloaded(service, {"lighthouse.talk": lambda text: text + "\n"})
    assert report.ok, str(report)
    assert "Is that who you want to be" in person.types("Bob")
    service.stop()
    clock.advance(10)


@pytest.mark.parametrize("name", ["my-talker", "class", "", "../up", "1st"])
def test_a_name_that_is_none_for_a_package_is_refused(tmp_path, name):
    with pytest.raises(TemplateError, match="no name for a package"):
        make_talker(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(TemplateError, match="there already"):
        make_talker("mine", tmp_path)


def test_an_installed_cletus_has_its_own_copy(tmp_path, monkeypatch):
    (tmp_path / "template_talker").mkdir()
    monkeypatch.setattr(templates, "__file__", str(tmp_path / "templates.py"))
    assert templates._template() == tmp_path / "template_talker"


def test_the_command_says_what_to_do_next(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["new", "mytalker", "--template", "talker"])
    assert result.exit_code == 0
    assert "cletus run mytalker" in result.output
    again = CliRunner().invoke(main, ["new", "mytalker"])
    assert (again.exit_code, "there already" in again.output) == (2, True)
