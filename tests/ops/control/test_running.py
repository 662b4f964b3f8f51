"""The running service of a target is found without importing a line of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cletus.errors import ApplicationNotFound, NotRunning, SettingError, SeveralRunning
from cletus.ops.control import running as finding
from cletus.ops.control.discovery import Note, Notes
from cletus.ops.control.running import Running
from cletus.ops.control.socket_path import listen_in
from cletus.reload.load import locate


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An application that cannot be imported, and notes of the test's own."""
    (tmp_path / "app.py").write_text("1 / 0 this is no Python")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(finding, "Notes", lambda _: Notes({}, str(tmp_path)))
    return tmp_path


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def runs(stack: ExitStack, store: Path, root: Path | None = None) -> None:
    """Somebody listens in this store folder, and has left a note if they have an application."""
    store.mkdir(parents=True, exist_ok=True)
    (store / ".lock").write_text(f"{os.getpid()}\n")
    stack.enter_context(listen_in(str(store)))
    if root is not None:
        path = Notes({}, str(root.parent)).leave(Note(str(root), str(store), os.getpid()))
        assert path is not None
        stack.callback(path.unlink)


def found(
    target: str, store: str | None = None, environment: dict[str, str] | None = None
) -> tuple[str, str]:
    """The store folder that is called, and the application that is meant."""
    running = Running(target, store, locate, environment or {})
    with running.connect(5.0) as remote:
        return remote.folder, running.root


@pytest.mark.parametrize("target", ["app.py", "app", "./app.py"])
def test_by_the_default(folder: Path, stack: ExitStack, target: str) -> None:
    runs(stack, folder / "store")
    assert found(target) == (f"{folder}/store", f"{folder}/app.py")


def test_by_the_file_of_settings_which_may_have_settings_of_the_applications_own(
    folder: Path, stack: ExitStack
) -> None:
    (folder / "cletus.toml").write_text("store = 'data'\nprize = 3\n")
    runs(stack, folder / "data")
    assert found("app.py")[0] == f"{folder}/data"


def test_by_the_environment(folder: Path, stack: ExitStack) -> None:
    (folder / "cletus.toml").write_text("store = 'data'\n")
    runs(stack, folder / "other")
    assert found("app.py", environment={"CLETUS_STORE": "file:other"})[0] == f"{folder}/other"


def test_by_the_option(folder: Path, stack: ExitStack) -> None:
    runs(stack, folder / "saved")
    assert found("app.py", "saved") == (f"{folder}/saved", f"{folder}/app.py")
    assert found("whatever", "saved") == (f"{folder}/saved", "")


def test_by_the_store_folder_itself(folder: Path, stack: ExitStack) -> None:
    runs(stack, folder / "saved")
    assert found("saved") == found(str(folder / "saved")) == (f"{folder}/saved", "")


def test_beside_the_code_if_one_stands_elsewhere(
    folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(stack, folder / "store")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert found("../app.py")[0] == f"{folder}/store"


def test_by_the_note_that_it_has_left(
    folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever its code or its command line has put the store; before what the settings say."""
    runs(stack, folder / "deep" / "down", folder / "app.py")
    runs(stack, folder / "store")
    monkeypatch.chdir("/")
    assert found(f"{folder}/app.py")[0] == f"{folder}/deep/down"


def test_one_that_runs_several_times_is_not_guessed(folder: Path, stack: ExitStack) -> None:
    runs(stack, folder / "one", folder / "app.py")
    runs(stack, folder / "two", folder / "app.py")
    with pytest.raises(SeveralRunning, match=rf"by --store: {folder}/one, {folder}/two"):
        found("app.py")
    assert found("app.py", "two")[0] == f"{folder}/two"


def test_a_note_of_one_that_was_killed_is_passed_over(folder: Path, stack: ExitStack) -> None:
    Notes({}, str(folder)).leave(Note(str(folder / "app.py"), str(folder / "gone"), os.getpid()))
    with pytest.raises(NotRunning, match=f"no service runs on the store {folder}/gone"):
        found("app.py")
    runs(stack, folder / "store")
    assert found("app.py")[0] == f"{folder}/store"


def test_what_does_not_run_is_named(folder: Path) -> None:
    with pytest.raises(NotRunning, match=f"^no service runs on the store {folder}/store$"):
        found("app.py")


def test_what_is_no_application_is_told(folder: Path) -> None:
    with pytest.raises(ApplicationNotFound):
        Running("nix", None, locate, {})
    with pytest.raises(NotRunning, match="memory:, which ends with its process"):
        Running("app.py", "memory:", locate, {})
    (folder / "cletus.toml").write_text("store = = 'data'")
    with pytest.raises(SettingError):
        Running("app.py", None, locate, {})


def test_nothing_of_it_was_imported() -> None:
    assert "app" not in sys.modules
