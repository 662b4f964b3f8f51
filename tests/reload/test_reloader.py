"""When it reads, when it reads again, and when it gives up; on a ``Clock``, with a watcher that is played."""

import time
from pathlib import Path
from typing import Any

import pytest

from cletus import events
from cletus.reload import reloader as module
from cletus.reload.code.sources import Unsettled, read


class PlayedWatcher:
    """Tells when the test says so."""

    def __init__(self, reactor: Any, tree: Any, in_thread: Any, *, changed: Any, **_: Any) -> None:
        self.changed = changed
        self.is_disturbed = False
        self.moved = ""
        self.again_asked = 0

    def moved_since(self, stamps: object) -> str:
        return self.moved

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def again(self) -> None:
        self.again_asked += 1


class Restless:
    """In place of ``read``: the files move for so many readings."""

    def __init__(self, times: float, during: Any = None) -> None:
        self.times = times
        self.during = during
        self.readings = 0

    def __call__(self, tree: Any, former: Any) -> Any:
        self.readings += 1
        if self.during is not None:
            self.during()
        if self.readings <= self.times:
            raise Unsettled("/talker/a.py")
        return read(tree, former)


class Scene:
    def __init__(self, running: Any, folder: Path) -> None:
        self.app = running
        self.folder = folder
        self.service = running.service
        self.failed: list[Any] = []
        self.service.listen(events.ReloadFailed)(lambda event: self.failed.append(event.report))

    @property
    def watcher(self) -> PlayedWatcher:
        return self.service.reloader._watcher

    @property
    def generation(self) -> int:
        return self.service.session.generation

    def turn(self) -> None:
        for _ in range(5):
            self.app.clock.advance(0)

    def edit(self, name: str = "core", text: str = "# more\n") -> None:
        with (self.folder / f"{name}.py").open("a") as file:
            file.write(text)

    def save_again(self, name: str = "core") -> None:
        time.sleep(0.01)  # the system's clock for files may be that much behind
        path = self.folder / f"{name}.py"
        path.write_bytes(path.read_bytes())

    def tell(self) -> None:
        self.watcher.changed()
        self.turn()


@pytest.fixture
def scene(run, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "Watcher", PlayedWatcher)
    running = run()
    # Applications in memory have no watch; this one is to have one.
    running.service.reloader._watch()
    return Scene(running, tmp_path / running.name)


def test_a_change_is_a_reload(scene):
    scene.edit()
    scene.tell()
    assert scene.generation == 1


def test_each_reload_is_in_the_audit_log_with_its_outcome(scene, monkeypatch):
    lines = []
    monkeypatch.setattr(module, "audit", lambda *facts, outcome="": lines.append((*facts, outcome)))
    scene.edit()
    scene.tell()
    scene.edit(text="1 / 0\n")
    scene.tell()
    assert [line[0] for line in lines] == ["reload", "reload"]
    assert [line[2] for line in lines] == ["committed, generation 1", "refused, generation 1"]


def test_no_change_is_none(scene):
    scene.tell()
    assert scene.generation == 0
    assert scene.service.last_reload is None


def test_a_refused_content_is_not_tried_again_until_it_changes(scene):
    scene.edit(text="1 / 0\n")
    scene.tell()
    scene.tell()
    assert len(scene.failed) == 1
    scene.edit(text="# more\n")
    scene.tell()
    assert len(scene.failed) == 2


def test_who_undoes_a_refused_edit_is_told_that_the_files_hold_what_runs(scene):
    undone: list[Any] = []
    scene.service.listen(events.EditUndone)(lambda event: undone.append(event.report))
    good = (scene.folder / "core.py").read_text()
    scene.edit(text="1 / 0\n")
    scene.tell()
    (scene.folder / "core.py").write_text(good)
    scene.tell()
    scene.tell()
    assert [str(report) for report in undone] == [
        "Nothing to reload: the files hold what runs (generation 0)"
    ]
    assert scene.service.last_reload is undone[0]


def test_files_that_move_are_read_again_when_it_is_quiet(scene, monkeypatch):
    restless = Restless(3)
    monkeypatch.setattr(module, "read", restless)
    scene.edit()
    for n in range(1, 4):
        scene.tell()
        assert (scene.watcher.again_asked, scene.generation) == (n, 0)
    scene.tell()
    assert scene.generation == 1
    assert restless.readings == 4


def test_files_that_never_rest_are_given_up_and_named(scene, monkeypatch):
    """The retries are bounded; a later save begins anew."""
    scene.service.configure(reload_retries=3)
    monkeypatch.setattr(module, "read", Restless(4))
    scene.edit()
    for _ in range(4):
        scene.tell()
    assert [report.error for report in scene.failed] == [
        "/talker/a.py: it is missing, or keeps changing; save it once more"
    ]
    scene.tell()
    assert scene.generation == 1


def test_who_has_asked_waits_until_the_files_rest(scene, monkeypatch):
    """A request is not forgotten when its reading is put off, and is a reload even if nothing differs."""
    monkeypatch.setattr(module, "read", Restless(1))
    reports: list[Any] = []
    scene.service.reload().addCallback(reports.append)
    scene.turn()
    assert reports == []
    scene.tell()
    assert [report.generation for report in reports] == [1]


def test_without_a_watch_it_reads_again_by_itself(scene, monkeypatch):
    scene.service.reloader._watcher = None
    monkeypatch.setattr(module, "read", Restless(2))
    reports: list[Any] = []
    scene.service.reload().addCallback(reports.append)
    for _ in range(3):
        scene.turn()
        scene.app.clock.advance(0.2)
    scene.turn()
    assert [report.generation for report in reports] == [1]


def test_stopped_it_does_not_read_again(scene, monkeypatch):
    scene.service.reloader._watcher = None
    monkeypatch.setattr(module, "read", Restless(100))
    reports: list[Any] = []
    scene.service.reload().addCallback(reports.append)
    scene.turn()
    scene.service.reloader.stop()
    scene.app.clock.advance(10)
    assert [report.error for report in reports] == ["the service is stopping"]


def test_a_save_that_begins_while_the_files_are_read_is_waited_for(scene, monkeypatch):
    """What was read may be the half of it, and may compile."""

    def disturb() -> None:
        scene.watcher.is_disturbed = True

    monkeypatch.setattr(module, "read", Restless(0, during=disturb))
    scene.edit()
    scene.tell()
    assert (scene.generation, scene.watcher.again_asked) == (0, 1)
    monkeypatch.setattr(module, "read", read)
    scene.watcher.is_disturbed = False
    scene.tell()
    assert scene.generation == 1


def test_files_that_are_not_as_they_were_when_it_was_quiet_are_read_again(scene):
    """Their events may be late."""
    scene.edit()
    scene.watcher.moved = "/talker/a.py"
    scene.tell()
    assert (scene.generation, scene.watcher.again_asked) == (0, 1)
    scene.watcher.moved = ""
    scene.tell()
    assert scene.generation == 1


def test_a_save_that_begins_while_the_files_are_compiled_is_waited_for(scene, monkeypatch):
    compile_all = module.compile_all

    def disturb(*args: Any) -> None:
        compile_all(*args)
        scene.watcher.is_disturbed = True

    monkeypatch.setattr(module, "compile_all", disturb)
    scene.edit()
    scene.tell()
    assert (scene.generation, scene.watcher.again_asked) == (0, 1)
    monkeypatch.setattr(module, "compile_all", compile_all)
    scene.watcher.is_disturbed = False
    scene.tell()
    assert scene.generation == 1


def test_a_change_that_is_told_during_a_reload_is_looked_at_after_it(scene):
    """It would be lost otherwise: its events have come and gone."""

    def edit(_: object) -> None:
        if scene.generation == 1:
            scene.edit()
            scene.watcher.changed()

    scene.service.listen(events.PostReload)(edit)
    scene.edit()
    scene.tell()
    scene.turn()
    assert scene.generation == 2


def test_the_folder_of_the_stores_is_not_the_applications(scene):
    """However it is written: each save would else be a change."""
    beside = scene.folder.parent
    for store, folder in (("saved", beside / "saved"), ("file:saved", Path("saved").resolve())):
        scene.service.configure(store=store)
        assert scene.service.reloader._file_tree().excluded == (folder,)


def test_a_save_at_the_moment_of_going_back_is_not_forgotten(scene):
    """Going back does not look at the files, so they are looked at after it."""
    scene.edit(text="VERSION = 1\n")
    scene.tell()
    scene.edit(text="VERSION = 2\n")
    scene.watcher.changed()
    scene.service.rollback()
    scene.turn()
    scene.turn()
    assert scene.app.module("core").VERSION == 2


def test_who_asks_while_a_file_is_being_saved_waits_until_it_rests(scene):
    """A file that is cut short for a moment is a valid module, without the stores that it had."""
    scene.edit()
    scene.watcher.moved = "/talker/core.py"
    scene.service.reload()
    scene.turn()
    assert (scene.watcher.again_asked, scene.generation) == (1, 0)
    scene.watcher.moved = ""
    scene.tell()
    assert scene.generation == 1


def test_saving_again_after_a_refusal_tries_again(scene):
    """The reason may have passed: a listener's veto, a value, a file that was missing."""
    refuse = [True]

    def veto(event: Any) -> None:
        if refuse:
            event.veto("not now")

    scene.service.listen(events.PreReload)(veto)
    scene.edit(text="# more\n")
    scene.tell()
    scene.tell()
    assert [report.error for report in scene.failed] == ["not now"]
    refuse.clear()
    scene.save_again()
    scene.tell()
    assert scene.generation == 1
    scene.save_again()
    scene.tell()
    assert scene.generation == 1


def test_an_emptied_file_is_waited_for(scene):
    """Some editors empty a file first, and write it a moment later."""
    path = scene.folder / "core.py"
    text = path.read_text()
    path.write_text("")
    scene.tell()
    assert (scene.watcher.again_asked, scene.failed) == (1, [])
    path.write_text(text + "VERSION = 2\n")
    scene.tell()
    assert scene.app.module("core").VERSION == 2


def test_a_file_that_stays_empty_is_taken_as_it_is(scene):
    """After a while it is the author's wish."""
    scene.edit(text="VERSION = 1\n")
    (scene.folder / "extra.py").write_text("X = 1\n")
    (scene.folder / "__init__.py").write_text(
        f"import {scene.app.name}.core, {scene.app.name}.extra\n"
    )
    scene.tell()
    (scene.folder / "extra.py").write_text("")
    scene.tell()
    assert scene.generation == 1
    scene.app.clock.advance(3)
    scene.tell()
    assert scene.generation == 2
    assert not hasattr(scene.app.module("extra"), "X")


def test_an_edit_of_the_settings_file_is_a_reload(scene):
    """And after a refusal for its sake, mending it is enough."""
    path = scene.folder.parent / "cletus.toml"
    path.write_text("line_max = 100\n")
    scene.tell()
    assert scene.service.settings.line_max == 100
    path.write_text("line_max = \n")
    scene.tell()
    (refused,) = scene.failed
    assert "cletus.toml" in refused.error
    assert scene.service.settings.line_max == 100
    path.write_text("line_max = 200\n")
    scene.tell()
    assert (scene.service.settings.line_max, scene.generation) == (200, 2)
