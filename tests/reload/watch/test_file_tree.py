import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from cletus.errors import SettingError
from cletus.reload.watch.file_tree import FileTree, FileType, check_patterns
from cletus.service.application import Application, Root

SO = EXTENSION_SUFFIXES[0]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "talker"
    folder.mkdir()
    (folder / "__init__.py").touch()
    return folder


def scope(package: Path, *patterns: str, excluded: tuple[Path, ...] = ()) -> FileTree:
    root = Root(package.name, package, True)
    return FileTree(Application((root,), (root.name,)), patterns, excluded)


def of_file(path: Path, *patterns: str) -> FileTree:
    root = Root(path.stem, path, False)
    return FileTree(Application((root,), (root.name,)), patterns)


def fail(error: OSError) -> None:
    raise error


def names(scope: FileTree) -> dict[str, FileType]:
    return {
        file.name: file.type
        for _, tree in scope.folders(fail)
        for folder in tree.walk()
        for file in folder.files
    }


def write(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()


def test_modules_are_what_python_would_import(package):
    write(package, "users.py", "sub/__init__.py", "sub/deep.py", "spread/alone.py", f"fast{SO}")
    assert names(scope(package)) == {
        "talker": FileType.MODULE,
        "talker.users": FileType.MODULE,
        "talker.sub": FileType.MODULE,
        "talker.sub.deep": FileType.MODULE,
        "talker.spread.alone": FileType.MODULE,
        "talker.fast": FileType.EXTENSION,
    }


def test_what_editors_leave_behind_is_no_module(package):
    write(package, "a.py~", ".a.py.swp", "#a.py#", "4913", "a-b.py", "a.py___jb_tmp___", "a.pyc")
    (package / ".#a.py").symlink_to("somebody@somewhere.1234:5678")
    (package / "broken.py").symlink_to("nowhere")
    (package / "itself.py").symlink_to("itself.py")
    os.mkfifo(package / "pipe.py")
    assert names(scope(package)) == {"talker": FileType.MODULE}


def test_foreign_folders_are_not_looked_into(package):
    write(
        package,
        "__pycache__/x.py",
        "node_modules/x.py",
        ".git/x.py",
        "venv/pyvenv.cfg",
        "venv/x.py",
        "a-b/x.py",
    )
    assert names(scope(package)) == {"talker": FileType.MODULE}


def test_links_to_folders_are_followed_and_loops_are_not(package):
    write(package, "sub/x.py")
    write(package.parent, "elsewhere/y.py")
    (package / "linked").symlink_to(package.parent / "elsewhere")
    (package / "sub" / "up").symlink_to(package)
    (package / "sub" / "here").symlink_to(".")
    (package.parent / "elsewhere" / "back").symlink_to(package)
    assert set(names(scope(package))) == {"talker", "talker.sub.x", "talker.linked.y"}


def test_one_folder_may_be_linked_under_two_names(package):
    write(package.parent, "common/x.py")
    for name in ("a", "b"):
        (package / name).symlink_to(package.parent / "common")
    assert {"talker.a.x", "talker.b.x"} <= set(names(scope(package)))


def test_patterns_name_data(package):
    """A pattern without a slash matches at any depth, one with a slash from the package's folder."""
    write(package, "a.toml", "help-files/b.toml", "data/c.json", "data/deep/e.json", "d.json")
    assert set(names(scope(package))) == {"talker"}
    assert set(names(scope(package, "*.toml"))) == {
        "talker",
        "talker/a.toml",
        "talker/help-files/b.toml",
    }
    assert set(names(scope(package, "data/*.json"))) == {
        "talker",
        "talker/data/c.json",
        "talker/data/deep/e.json",
    }


def test_modules_below_a_folder_that_is_no_identifier_are_data_at_most(package):
    write(package, "help-files/x.py")
    assert names(scope(package, "*.toml")) == {"talker": FileType.MODULE}
    assert names(scope(package, "*.py"))["talker/help-files/x.py"] is FileType.DATA


def test_hidden_files_are_no_data(package):
    write(package, ".a.toml", ".cache/b.toml")
    assert set(names(scope(package, "*.toml"))) == {"talker"}


def test_the_folder_of_the_stores_is_left_out(package):
    """Else each save of a store would be a change of the application."""
    write(package, "store/user/bob.json", "rooms.json")
    found = scope(package, "*.json", excluded=(package / "store",))
    assert set(names(found)) == {"talker", "talker/rooms.json"}
    assert not found.matters(str(package / "store" / "user" / "bob.json"))
    assert not found.matters(str(package / "store"))
    assert found.matters(str(package / "rooms.json"))


def test_of_a_single_file_only_it_and_named_data_belong_to_the_application(tmp_path):
    write(tmp_path, "app.py", "other.py", "a.toml", "sub/b.toml", "data/c.toml", "data/d.txt")
    app = tmp_path / "app.py"
    holder = tmp_path.name
    assert set(names(of_file(app))) == {"app"}
    assert set(names(of_file(app, "*.toml"))) == {"app", f"{holder}/a.toml"}
    assert set(names(of_file(app, "data/*.toml"))) == {"app", f"{holder}/data/c.toml"}


def test_what_makes_it_an_application_is_listed_even_if_it_is_missing(package, tmp_path):
    """A package whose ``__init__.py`` is gone would else import as an empty namespace package."""
    (package / "__init__.py").unlink()
    assert set(names(scope(package))) == {"talker"}
    assert set(names(of_file(tmp_path / "gone.py"))) == {"gone"}


def test_a_folder_that_cannot_be_listed_is_told_of(package):
    problems: list[OSError] = []
    (package / "__init__.py").unlink()
    package.rmdir()
    list(scope(package).folders(problems.append))
    assert [Path(problem.filename) for problem in problems] == [package]


@pytest.mark.parametrize(
    ("path", "is_whole"),
    [
        ("sub/x.py", True),
        ("__pycache__/x.pyc", True),
        ("sub/__pycache__/x.pyc", True),
        ("sub/.git/x", False),
        ("node_modules/x", False),
    ],
)
def test_a_tree_with_foreign_folders_in_it_is_not_whole(package, path, is_whole):
    write(package, path)
    [(_, tree)] = scope(package).folders(fail)
    assert tree.is_whole is is_whole


def test_a_tree_with_links_in_it_is_not_whole(package):
    (package.parent / "elsewhere").mkdir()
    (package / "linked").symlink_to(package.parent / "elsewhere")
    [(_, tree)] = scope(package).folders(fail)
    assert not tree.is_whole


@pytest.mark.parametrize(
    "path",
    ["/t/a.py", "/t/new_package", "/t/help-files", f"/t/fast{SO}", "/t/x.toml", "/t/data/c.json"],
)
def test_events_that_may_matter(path):
    assert scope(Path("/t"), "*.toml", "data/*.json").matters(path)


@pytest.mark.parametrize(
    "path",
    [
        "/t/__pycache__/a.cpython-311.pyc",
        "/t/__pycache__",
        "/t/a.py~",
        "/t/.a.py.swp",
        "/t/.#a.py",
        "/t/#a.py#",
        "/t/a.pyc",
        "/t/notes.txt",
        "/t/a-b.py",
    ],
)
def test_events_that_cannot_matter(path):
    assert not scope(Path("/t"), "*.toml").matters(path)


@pytest.mark.parametrize(
    "pattern", ["../world/*.txt", "/etc/*.conf", "/../*", "./*.txt", "a//b", "", "a\\b"]
)
def test_a_pattern_that_cannot_match_is_an_error(pattern):
    """It would be taken without a word, and the edits of such files would never be seen."""
    with pytest.raises(SettingError, match="reload_patterns"):
        check_patterns(["*.toml", pattern])


def test_patterns_that_can_match_are_none():
    check_patterns(["*.toml", "data/*.json", "data/**/*.txt", ".env"])
