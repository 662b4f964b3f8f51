"""What ``cletus new`` writes: a folder with a package of one's own name, which runs and reloads."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from cletus.cli.templates import TEMPLATES, make, making
from cletus.doors.web import WebDoor
from cletus.errors import TemplateError
from cletus.settings.settings import Settings
from cletus.testing import MemoryDoor, StepClock, assert_survives_reload, staged

#: What somebody who connects reads first.
GREETINGS = {
    "echo": "Welcome!",
    "chat": "What is your name?",
    "talker": "T H E   L A N T E R N",
    "mud": "T H E   M A R S H",
}


@pytest.fixture
def clock() -> Clock:
    return StepClock()


def test_a_mud_is_small(tmp_path: Path) -> None:
    """Its code and its areas have fewer than 600 lines."""
    package = make("marsh", "mud", tmp_path) / "marsh"
    paths = [path for path in package.rglob("*") if path.suffix in (".py", ".toml")]
    assert sum(len(path.read_text().splitlines()) for path in paths) < 600


@pytest.mark.parametrize("template", TEMPLATES)
def test_it_runs_and_reloads(template: str, tmp_path: Path, clock: Clock) -> None:
    folder = make("lighthouse", template, tmp_path)
    with staged("lighthouse", folder, clock) as service:
        ann = MemoryDoor(service).connect()
        assert ann.sees(GREETINGS[template])
        assert_survives_reload(service)


@pytest.mark.parametrize("template", TEMPLATES)
def test_it_runs_from_where_it_was_made(template: str, tmp_path: Path, clock: Clock) -> None:
    """``cletus new lighthouse``, ``cletus run lighthouse``."""
    make("lighthouse", template, tmp_path)
    with staged("lighthouse", tmp_path, clock) as service:
        (root,) = service.session.application.roots
        assert (root.name, root.path) == ("lighthouse", tmp_path / "lighthouse/lighthouse")
        assert service.sources.folder == tmp_path / "lighthouse", "its settings are found"


@pytest.mark.parametrize("template", TEMPLATES)
def test_nothing_of_it_has_the_name_that_the_template_has(template: str, tmp_path: Path) -> None:
    folder = make("lighthouse", template, tmp_path)
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        assert "example_" not in str(path.relative_to(folder))
        assert "example_" not in path.read_text()
    names = {str(path.relative_to(folder)) for path in files}
    shared = {"Makefile", "README.md", "pyproject.toml", ".gitignore"}
    assert shared | {"lighthouse/__init__.py", "tests/test_lighthouse.py"} <= names
    assert not any(name.endswith(("ruff.toml", ".pyc")) for name in names)


@pytest.mark.parametrize("template", TEMPLATES)
def test_its_settings_are_settings(template: str, tmp_path: Path) -> None:
    folder = make("lighthouse", template, tmp_path)
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["name"] == "lighthouse"
    assert set(project["tool"]["cletus"]) <= set(Settings.__struct_fields__)


@pytest.mark.parametrize("template", TEMPLATES)
def test_its_page_has_its_name_and_its_look(template: str, tmp_path: Path, clock: Clock) -> None:
    folder = make("night_owl", template, tmp_path)
    theme = folder / "web" / "theme.css"
    with staged("night_owl", folder, clock) as service:
        door = WebDoor(service)
        assert b"<title>Night owl</title>" in door.site.files["/index.html"].data
        assert door.site.files["/theme.css"].data == theme.read_bytes()
        assert b"Night owl" in door.site.files["/theme.css"].data
    lines = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    assert not any("The Lantern" in text or "Example Package" in text for text in lines)


def test_an_echo_is_a_dozen_lines(tmp_path: Path) -> None:
    code = (make("mine", "echo", tmp_path) / "mine/__init__.py").read_text()
    assert len([line for line in code.splitlines() if line.strip()]) <= 15


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_people_copy_fits_their_window(template: str, tmp_path: Path) -> None:
    folder = make("mine", template, tmp_path)
    for path in folder.rglob("*.py"):
        wide = [line for line in path.read_text().splitlines() if len(line) > 79]
        assert wide == [], path


# -- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["my-talker", "class", "", "../up", "1st", "_mine", "caf\u00e9"])
def test_a_name_that_is_none_for_a_package_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TemplateError, match="not a name for a package"):
        make(name, "echo", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["random", "msvcrt", "cletus", "twisted", "__main__", "zope"])
def test_a_module_that_is_there_already_is_not_hidden(tmp_path: Path, name: str) -> None:
    """Of Python, also of Python elsewhere, or installed."""
    with pytest.raises(TemplateError, match=r"already|not a name"):
        make(name, "echo", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["tests", "store"])
def test_what_lies_beside_the_package_is_not_its_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(TemplateError, match="beside"):
        make(name, "echo", tmp_path)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("mine", "link"):
        with pytest.raises(TemplateError, match="exists already"):
            make(name, "echo", tmp_path)
    assert list((tmp_path / "mine").iterdir()) == []


def test_what_cannot_be_written_whole_is_not_there_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, text: str, **_: object) -> int:
        if self.suffix == ".py":
            raise OSError(28, "No space left on device", str(self))
        return len(text)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        make("mine", "echo", tmp_path)
    assert list(tmp_path.iterdir()) == []


# -- where from -------------------------------------------------------------------------------------


def test_an_installed_cletus_has_its_own_copy_of_the_talker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "data/talker/example_service"
    shipped.mkdir(parents=True)
    (shipped / "__init__.py").write_text("import example_service\n")
    (tmp_path / "data/project").mkdir()
    monkeypatch.setattr(making, "_DATA", tmp_path / "data")
    folder = make("mine", "talker", tmp_path)
    assert (folder / "mine/__init__.py").read_text() == "import mine\n"


def test_what_tools_leave_behind_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    echo = tmp_path / "data/echo"
    for file in ("a.py", "__pycache__/a.cpython-311.pyc", ".cache/x.bin", "a.py~", "b.py.orig"):
        (echo / file).parent.mkdir(parents=True, exist_ok=True)
        (echo / file).write_bytes(b"\xff" if not file.endswith("a.py") else b"")
    (tmp_path / "data/project").mkdir()
    monkeypatch.setattr(making, "_DATA", tmp_path / "data")
    folder = make("mine", "echo", tmp_path)
    assert [path.name for path in folder.rglob("*")] == ["a.py"]


@pytest.mark.parametrize("found", [True, False])
def test_make_takes_the_python_that_has_cletus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: bool
) -> None:
    """By its name, where a shell finds it by that."""
    monkeypatch.setattr(making.sys, "executable", "/opt/env/bin/python3")  # type: ignore[attr-defined]  # sys, as there
    monkeypatch.setattr(
        making.shutil,  # type: ignore[attr-defined]  # shutil, as there
        "which",
        lambda name: f"/opt/env/bin/{name}" if found else f"/usr/bin/{name}",
    )
    text = (make("mine", "echo", tmp_path) / "Makefile").read_text()
    assert f"PYTHON ?= {'python3' if found else '/opt/env/bin/python3'}\n" in text
