import os
from pathlib import Path

import pytest

from cletus.reload.watch.file_tree import FileTree
from cletus.reload.watch.survey import Survey, survey, wait_for_change
from cletus.service.application import Application, Root


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "talker"
    folder.mkdir()
    (folder / "__init__.py").write_text("a = 1\n")
    return folder


def look(path: Path, *patterns: str) -> Survey:
    root = Root("talker", path, path.suffix != ".py")
    return survey(FileTree(Application((root,), ("talker",)), patterns))


def watched(found: Survey) -> dict[str, bool | frozenset[str]]:
    """Path to whether it is watched recursively, or to the names that are watched in it."""
    return {
        path: watch.recursive if watch.only is None else watch.only
        for path, watch in found.watches.items()
    }


def test_equal_as_long_as_nothing_happens(package):
    assert look(package) == look(package)


def test_an_equal_size_and_a_time_put_back_do_not_hide_a_change(package):
    """``rsync -t``, ``cp -p`` and ``mv`` of a backup bring older times of modification."""
    file = package / "__init__.py"
    before, stat = look(package), file.stat()
    file.write_text("a = 2\n")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert file.stat().st_mtime_ns == stat.st_mtime_ns
    assert look(package).stamps != before.stamps


@pytest.mark.parametrize("act", ["new", "gone", "renamed", "mode", "relinked"])
def test_stamps_tell_of(package, act):
    other = package / "other.py"
    other.touch()
    (package.parent / "one.py").touch()
    (package.parent / "two.py").touch()
    (package / "link.py").symlink_to(package.parent / "one.py")
    before = look(package)
    if act == "new":
        (package / "new.py").touch()
    elif act == "gone":
        other.unlink()
    elif act == "renamed":
        other.rename(package / "another.py")
    elif act == "mode":
        other.chmod(0o600)
    else:
        (package / "link.py").unlink()
        (package / "link.py").symlink_to(package.parent / "two.py")
    assert look(package).stamps != before.stamps


def test_what_does_not_belong_to_it_does_not_count(package):
    before = look(package)
    (package / "notes.txt").touch()
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "x.py").touch()
    assert look(package).stamps == before.stamps
    assert look(package, "*.txt").stamps != before.stamps


def test_a_folder_that_is_gone_is_an_empty_one(package):
    before = look(package)
    package.rename(package.parent / "old")
    assert look(package).stamps == {}
    assert before.stamps != {}
    assert watched(look(package)) == {str(package.parent): frozenset(("talker",))}


def test_a_plain_package_is_watched_as_a_whole_and_its_place_in_its_parent(package):
    (package / "sub").mkdir()
    assert watched(look(package)) == {
        str(package): True,
        str(package.parent): frozenset(("talker",)),
    }


def test_foreign_folders_are_not_watched(package):
    for name in (".git", "node_modules", "sub", "sub/deep"):
        (package / name).mkdir()
    assert watched(look(package)) == {
        str(package): False,
        str(package / "sub"): True,
        str(package.parent): frozenset(("talker",)),
    }


def test_of_a_single_file_its_folder_is_watched_and_nothing_below_it(package):
    assert watched(look(package / "__init__.py")) == {
        str(package): False,
        str(package.parent): frozenset(("talker",)),
    }


def test_links_are_watched_where_they_are_and_where_they_lead(package):
    elsewhere = package.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file.py").touch()
    (elsewhere / "folder").mkdir()
    (package / "sub").symlink_to(elsewhere / "folder")
    (package / "file.py").symlink_to(elsewhere / "file.py")
    assert watched(look(package)) == {
        str(package): False,
        str(elsewhere / "folder"): True,
        str(elsewhere): frozenset(("file.py", "folder")),
        str(package.parent): frozenset(("talker",)),
    }


def test_links_on_the_way_to_it_are_watched(tmp_path):
    """``current -> live -> releases/1``: either link may be switched."""
    package = tmp_path / "releases" / "1" / "talker"
    package.mkdir(parents=True)
    (tmp_path / "live").symlink_to("releases/1")
    (tmp_path / "current").symlink_to("live")
    found = watched(look(tmp_path / "current" / "talker"))
    assert found == {
        str(package): True,
        str(package.parent): frozenset(("talker",)),
        str(tmp_path): frozenset(("current", "live")),
    }


def test_links_that_lead_through_links_are_watched_at_each_step(package):
    elsewhere = package.parent / "elsewhere"
    for name in ("v1", "v1/folder"):
        (elsewhere / name).mkdir(parents=True)
    (elsewhere / "v1" / "file.py").touch()
    (elsewhere / "live").symlink_to("v1")
    (package / "file.py").symlink_to(elsewhere / "live" / "file.py")
    (package / "sub").symlink_to(elsewhere / "live" / "folder")
    found = watched(look(package))
    assert found[str(elsewhere)] == frozenset(("live",))
    assert found[str(elsewhere / "v1")] == frozenset(("file.py", "folder"))
    assert found[str(elsewhere / "v1" / "folder")] is True


def test_a_folder_in_the_place_of_another_is_another_one(package):
    before = look(package).watches[str(package)]
    package.rename(package.parent / "old")
    package.mkdir()
    after = look(package).watches[str(package)]
    assert before.path == after.path
    assert before.inode != after.inode


def test_links_that_go_round_in_circles_end(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert look(tmp_path / "a").stamps == {}


def test_the_settings_file_is_looked_at_and_its_name_watched(tmp_path):
    """Also before there is one."""
    package = tmp_path / "talker"
    package.mkdir()
    (package / "__init__.py").write_text("")
    path = tmp_path / "cletus.toml"
    application = Application((Root("talker", package, True),), ("talker",))
    tree = FileTree(application, single=(path,))
    seen = survey(tree)
    assert str(path) not in seen.stamps
    assert path.name in (seen.watches[str(tmp_path)].only or ())
    assert tree.matters(str(path))
    path.write_text("port = 4000\n")
    assert str(path) in survey(tree).stamps


def test_a_change_is_waited_for_and_then_the_end_of_the_saving(tmp_path, monkeypatch):
    """As ``cletus run --dev`` does after a start that has failed."""
    path = tmp_path / "talker.py"
    path.write_text("1")
    tree = FileTree(Application((Root("talker", path, False),), ("talker",)))
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) in {3, 4}:
            path.write_text("x" * len(naps))

    monkeypatch.setattr("cletus.reload.watch.survey.time.sleep", nap)
    wait_for_change(tree, survey(tree).stamps)
    assert len(naps) == 5
