"""What cannot be imported is told with its place; what is imported opens and writes nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from twisted.internet import reactor

from cletus.check import Importer
from cletus.errors import ApplicationNotFound
from tests.check.conftest import checked, must_be, names


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Not where ``make run`` may have left a store."""
    monkeypatch.chdir(tmp_path)


#: What an import raises, and the words for it.
FAILING = {
    "1 / 0  # HERE": "ZeroDivisionError: division by zero",
    "import nowhere_to_be_found  # HERE": "ModuleNotFoundError: No module named 'nowhere_to_be_found'",
    "raise SystemExit(3)  # HERE": "SystemExit: 3",
    "class User(Store):  # HERE\n    service = service\n    save = Field(0)": "User.save: this name is reserved",
    "class User(Store):\n    service = service\n    x = Field(type=object.__new__)  # HERE": "TypeError: Type",
    "class User(Store):  # HERE\n    service = service\n    x = Field('a', type=int)": "User.x: the default: expected int",
    "service.every(0, print)  # HERE": "TimerError: 0 seconds",
    "service.run()\n1 / 0  # HERE": "ZeroDivisionError",
}


@pytest.mark.parametrize("text", FAILING)
def test_an_import_that_fails_has_its_place(text, check, tmp_path):
    found = check(text)
    words = FAILING[text].replace("TimerError: ", "")
    assert must_be(found, "import", words, tmp_path).group == "Import"


def test_every_file_that_cannot_be_compiled_is_named(tmp_path, clean_imports):
    package = tmp_path / "talker"
    package.mkdir()
    (package / "__init__.py").write_text("from cletus import Service\nservice = Service()\n")
    (package / "one.py").write_text("x = (\n")
    (package / "two.py").write_text("\ndef f(:\n")
    found = checked(tmp_path, "talker")
    assert [(one.name, Path(one.file).name, one.line) for one in found] == [
        ("syntax", "one.py", 1),
        ("syntax", "two.py", 2),
    ]


def test_a_file_that_is_no_text_is_named(tmp_path, clean_imports):
    package = tmp_path / "talker"
    package.mkdir()
    (package / "__init__.py").write_text("from cletus import Service\nservice = Service()\n")
    (package / "one.py").write_bytes(b"x = '\xff'\n")
    (found,) = checked(tmp_path, "talker")
    assert (found.name, Path(found.file).name) == ("syntax", "one.py")


def test_an_application_without_a_service_is_named(tmp_path, clean_imports):
    (tmp_path / "app.py").write_text("x = 1\n")
    (found,) = checked(tmp_path)
    assert (found.name, found.file) == ("import", str(tmp_path / "app.py"))
    assert "add: service = Service()" in found.what


def test_there_must_be_such_a_target(tmp_path, clean_imports):
    with pytest.raises(ApplicationNotFound):
        checked(tmp_path, "nowhere.py")


def test_an_endless_import_is_cut_off(tmp_path, clean_imports):
    (tmp_path / "app.py").write_text("import time\nwhile True:\n    time.sleep(0.01)\n")
    importer = Importer("app.py", tmp_path, {}, {}, reactor, timeout=0.2)
    assert importer.load() is None
    (found,) = importer.findings
    assert found.what == "not finished after 0.2 s"
    assert found.file == str(tmp_path / "app.py")


def test_wrong_settings_are_told_of_although_the_import_fails(check):
    assert names(check("1 / 0", {"cletus.toml": "prot = 3"})) == {"setting", "import"}


def test_objects_that_are_saved_and_loaded_by_the_import_stay_in_memory(check, tmp_path):
    """It sees what is saved, and what it saves itself, and the folder is as it was."""
    text = """
        class Room(Store):
            service = service
            name = Field("")

        assert Room("hall").load().name == "Hall"
        assert sorted(Room.manager.keys()) == ["hall", "old"]
        Room("cellar", name="Cellar").save()
        Room("attic").save_soon()
        assert sorted(Room.manager.saved()) == ["attic", "cellar", "hall", "old"]
        Room.manager.delete("old")
        assert Room.manager.get("old") is None
        Room.manager.delete("cellar")
        assert sorted(Room.manager.keys()) == ["attic", "hall"]
        Room("hall", name="Great hall").save(force=True)
    """
    files = {"store/room/hall.json": '{"name": "Hall"}', "store/room/old.json": "{}"}
    # A reload imports it again, and finds what the first import has saved.
    text = text.replace("        assert ", "        assert service.session.staged or ")
    text = text.replace(
        'Room.manager.delete("old")', 'service.session.staged or Room.manager.delete("old")'
    ).replace('Room.manager.delete("cellar")', 'Room("cellar").delete()')
    assert check(text, files) == []
    stored = {path.name: path.read_text() for path in (tmp_path / "store").rglob("*.json")}
    assert stored == {"hall.json": '{"name": "Hall"}', "old.json": "{}"}
    assert {path.name for path in (tmp_path / "store").iterdir()} == {"room"}


def test_what_the_application_prints_is_not_among_the_findings(check, capsys):
    check("print('hello')\n")
    assert capsys.readouterr().out == ""


def test_it_is_not_run_by_its_own_run(check):
    assert check("service.run(port=9000)\n") == []
    assert sys.modules["app"].service.settings.port == 9000


def test_of_two_services_one_is_too_many(check):
    text = "from cletus import Service\nservice = Service()\nother = Service()\n"
    found = check(text, {"cletus.toml": "prot = 3"})
    assert [one.name for one in found] == ["setting", "import"]
    assert "it makes 2 services" in found[1].what
