"""Which changed files imports have written, and which somebody has saved meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cletus.reload.code.sources import Content, Source, Sources
from cletus.reload.watch.generated import GeneratedFiles

START, END = 1000.0, 1000.5


class Scene:
    """A service whose modules are imported again and again.

    Attributes:
        files: their content, and when each was written.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.generated = GeneratedFiles()
        self.files = {"app": (b"0", 0.0), "made": (b"0", 0.0), "note.txt": (b"0", 0.0)}
        self.written: frozenset[str] | None = None
        self._folder = folder
        self._imported: dict[str, bytes] = {}
        monkeypatch.setattr("cletus.reload.watch.generated.time.time", lambda: END)

    def path(self, name: str) -> Path:
        return self._folder / (name if "." in name else f"{name}.py")

    def sources(self) -> Sources:
        modules = {
            name: Source(name, self.path(name), False, data, data)
            for name, (data, _) in self.files.items()
            if "." not in name
        }
        files = {
            name: Content(name, self.path(name), data)
            for name, (data, _) in self.files.items()
            if "." in name
        }
        stamps = {
            str(self.path(name)): (0, 0, int(time * 1e9)) for name, (_, time) in self.files.items()
        }
        return Sources(modules, files=files, stamps=stamps)

    def imports(self, *names: str, exactly: bool = False) -> None:
        """An import, which writes these files."""
        self._imported = self.sources().digests()
        for name in names:
            self.saves(name, START + 0.25)
        paths = frozenset(os.path.realpath(self.path(name)) for name in names)
        self.generated.imported(START, paths if exactly else None)

    def saves(self, name: str, time: float) -> None:
        self.files[name] = self.files[name][0] + b"+", time

    def found(self) -> set[str]:
        return self.generated.among(self.sources(), self._imported)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scene:
    return Scene(monkeypatch, tmp_path)


@pytest.mark.parametrize("name", ["made", "note.txt"])
def test_what_comes_again_after_each_import_is_generated(scene: Scene, name: str) -> None:
    for _ in range(2):
        scene.imports(name)
        assert scene.found() == set()
    scene.imports(name)
    assert scene.found() == {name}


@pytest.mark.parametrize(("name", "reloads"), [("made", 1), ("note.txt", 0)])
def test_what_is_known_as_generated_is_not_reloaded_a_third_time(
    scene: Scene, name: str, reloads: int
) -> None:
    """A module is taken once, since its former text was imported; data is not."""
    for _ in range(3):
        scene.imports(name)
        scene.found()
    scene.saves("app", END + 10)
    assert scene.found() == set()
    for _ in range(reloads):
        scene.imports(name)
        assert scene.found() == set()
    scene.imports(name)
    assert scene.found() == {name}


def test_a_file_that_somebody_saves_during_an_import_is_reloaded(scene: Scene) -> None:
    """Also twice in a row, which is as often as anybody can do it in some milliseconds."""
    for _ in range(2):
        scene.imports("app")
        assert scene.found() == set()
    scene.imports()
    scene.saves("app", END + 10)
    assert scene.found() == set()
    scene.imports("app")
    assert scene.found() == set()


def test_what_was_generated_is_the_authors_again_once_they_save_it(scene: Scene) -> None:
    for _ in range(3):
        scene.imports("note.txt")
        scene.found()
    scene.saves("note.txt", END + 10)
    assert scene.found() == set()
    scene.imports("note.txt")
    assert scene.found() == set()


def test_what_others_save_beside_generated_files_is_reloaded(scene: Scene) -> None:
    for _ in range(4):
        scene.imports("note.txt")
        scene.saves("app", END + 10)
        assert scene.found() == set()


def test_where_it_is_known_what_was_written_one_look_is_enough(scene: Scene) -> None:
    scene.imports("note.txt", exactly=True)
    assert scene.found() == {"note.txt"}


def test_where_it_is_known_what_was_written_others_may_save_as_often_as_they_like(
    scene: Scene,
) -> None:
    for _ in range(9):
        scene.imports("made", exactly=True)
        scene.saves("app", START + 0.25)
        assert scene.found() == set()


def test_the_clock_of_files_may_be_a_tick_behind(scene: Scene) -> None:
    for _ in range(3):
        scene.imports()
        scene.saves("note.txt", START - 0.01)
        found = scene.found()
    assert found == {"note.txt"}


def test_nothing_has_changed(scene: Scene) -> None:
    scene.imports()
    assert scene.found() == set()
