"""All checks run whatever becomes of one, those of other packages among them."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from cletus.check import Level, warning
from cletus.check import run as checks
from tests.check.conftest import names

TEXT = """
class User(Store):
    service = service
    tags = Field(lambda: {1})

@service.listen(events.Receive)
def receive():
    pass
"""


def failing(_subject):
    raise RuntimeError("no idea")
    yield


def giving(_subject):
    yield warning("mood", "it is glum", "cheer it up")


def exiting(_subject):
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("broken", "words"), [(failing, "RuntimeError: no idea"), (exiting, "SystemExit: 3")]
)
def test_a_check_that_raises_is_a_finding_and_hinders_no_other(broken, words, check, monkeypatch):
    monkeypatch.setattr(checks, "check_fields", broken)
    found = check(TEXT)
    assert names(found) == {"check-failed", "listener-signature"}
    assert words in found[0].what
    assert (found[0].level, found[0].group) == (Level.ERROR, "Fields")


def test_code_of_the_application_that_a_check_has_called_is_named(check, tmp_path):
    """A class of settings or a field may do anything when it is looked at."""
    found = check("""
        class Odd(Field):
            @property
            def store(self):
                raise RuntimeError("do not look")  # here

        class User(Store):
            service = service
            odd = Odd()
    """)
    failed = [one for one in found if one.name == "check-failed"]
    assert [(one.file, one.line) for one in failed] == [(str(tmp_path / "app.py"), 8)]


def entries(*values):
    def found(group):
        assert group == "cletus.checks"
        return [EntryPoint(name, value, group) for name, value in values]

    return found


def test_other_packages_bring_checks(check, monkeypatch):
    monkeypatch.setattr(checks, "entry_points", entries(("mood", f"{__name__}:giving")))
    (found,) = check("")
    assert (found.name, found.group) == ("mood", "Mood")


def test_one_that_cannot_be_imported_is_a_finding(check, monkeypatch):
    monkeypatch.setattr(checks, "entry_points", entries(("mood", "nowhere_at_all:giving")))
    (found,) = check("")
    assert (found.name, found.group) == ("check-failed", "Mood")
    assert "No module named 'nowhere_at_all'" in found.what


def test_what_is_found_twice_is_told_once(check, monkeypatch):
    monkeypatch.setattr(checks, "entry_points", entries(*[("mood", f"{__name__}:giving")] * 2))
    assert len(check("")) == 1
