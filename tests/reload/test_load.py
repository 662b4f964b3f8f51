"""Locating an application, and importing it with its settings in force."""

from __future__ import annotations

import importlib.util
import sys
from functools import partial
from pathlib import Path

import pytest

from cletus.errors import ApplicationNotFound, ImportFailed, ServiceNotFound, SourceError
from cletus.reload.load import apply_settings, load, locate
from tests.reload.conftest import CORE, write_package


def test_a_package_is_loaded_by_its_name(tmp_path):
    write_package(tmp_path, "byname", {"init": "from byname.core import service", "core": CORE})
    service = load("byname", tmp_path)
    root = service.session.application.roots[0]
    assert (root.name, root.path, root.is_package) == ("byname", tmp_path / "byname", True)
    assert sys.modules["byname.core"].service is service


def test_a_package_is_loaded_by_the_path_of_its_folder(tmp_path):
    write_package(tmp_path / "deep", "bypath", {"init": CORE})
    assert load("deep/bypath", tmp_path).session.application.roots[0].name == "bypath"


@pytest.mark.parametrize("target", ["project", "./project", "project/project"])
def test_a_folder_with_a_package_of_its_name_stands_for_the_package(tmp_path, target):
    """As ``cletus new`` makes them. The package's own imports find it."""
    modules = {"init": "from project.core import service", "core": CORE}
    write_package(tmp_path / "project", "project", modules)
    (tmp_path / "project/tests").mkdir()
    root = load(target, tmp_path).session.application.roots[0]
    assert (root.name, root.path) == ("project", tmp_path / "project/project")


def test_a_package_that_contains_one_of_its_own_name_is_loaded_itself(tmp_path):
    write_package(tmp_path, "twin", {"init": CORE})
    write_package(tmp_path / "twin", "twin", {"init": "1 / 0"})
    assert load("twin", tmp_path).session.application.roots[0].path == tmp_path / "twin"


def test_a_module_inside_a_package_rebuilds_the_whole_package(tmp_path):
    write_package(tmp_path, "inner", {"main": "from inner.core import service", "core": CORE})
    application = load("inner.main", tmp_path).session.application
    assert application.entries == ("inner.main",)
    assert application.owns("inner.other")


def test_a_single_file_is_loaded_by_its_path(tmp_path):
    (tmp_path / "single.py").write_text(CORE)
    (tmp_path / "neighbour.py").write_text("x = 1")
    application = load("single.py", tmp_path).session.application
    assert application.owns("single")
    assert not application.owns("neighbour")


def test_a_package_in_a_namespace_is_its_own_root(tmp_path):
    (tmp_path / "space").mkdir()
    write_package(tmp_path / "space", "talker", {"init": CORE})
    application = load("space.talker", tmp_path).session.application
    assert application.roots[0].name == "space.talker"
    assert not application.owns("space")


@pytest.mark.parametrize("target", ["nothing_here", "no/such/folder", "missing.py", "x.y.z", ""])
def test_a_missing_target_is_named(tmp_path, target):
    with pytest.raises(ApplicationNotFound, match=target or "no module"):
        load(target, tmp_path)


def test_a_file_that_is_not_a_module_is_refused(tmp_path):
    (tmp_path / "my-app.py").write_text(CORE)
    with pytest.raises(ApplicationNotFound, match=r"my-app\.py"):
        locate("my-app.py", tmp_path)


def test_an_application_without_a_service_is_told_what_to_add(tmp_path):
    (tmp_path / "bare.py").write_text("x = 1")
    with pytest.raises(ServiceNotFound, match="service = Service"):
        load("bare.py", tmp_path)
    assert not any(type(one).__name__ == "ApplicationFinder" for one in sys.meta_path)


def test_two_services_are_refused(tmp_path):
    (tmp_path / "twice.py").write_text(f"{CORE}\nother = Service()")
    with pytest.raises(ServiceNotFound, match="2 services"):
        load("twice.py", tmp_path)


def test_a_syntax_error_names_file_and_line(tmp_path):
    (tmp_path / "wrong.py").write_text("x = 1\ny = (\n")
    with pytest.raises(SourceError) as caught:
        load("wrong.py", tmp_path)
    assert (caught.value.path, caught.value.line) == (tmp_path / "wrong.py", 2)


@pytest.mark.parametrize("text", ["1/0", "import nothing_of_this_name", "raise SystemExit(3)"])
def test_an_import_that_fails_is_told_with_its_line(tmp_path, text):
    (tmp_path / "failing.py").write_text(f"{CORE}\n{text}\n")
    with pytest.raises(ImportFailed, match=r"failing\.py:5"):
        load("failing.py", tmp_path)


def test_the_first_import_does_not_use_pyc_files(tmp_path):
    """A stale .pyc beside the source, or one without a source, is ignored."""
    import py_compile

    package = write_package(tmp_path, "stale", {"init": CORE, "part": "x = 'old'"})
    part = package / "part.py"
    py_compile.compile(str(part), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    part.write_text("x = 'new'")
    (package / "__init__.py").write_text(f"{CORE}\nfrom stale import part")
    load("stale", tmp_path)
    assert sys.modules["stale.part"].x == "new"


def test_the_folder_is_first_on_the_path(tmp_path):
    (tmp_path / "single.py").write_text(CORE)
    load("single.py", tmp_path)
    assert sys.path[0] == str(Path(tmp_path).resolve())


def test_a_file_that_is_not_there_is_called_a_file(tmp_path: Path) -> None:
    """The message speaks of a file where the target is a path."""
    with pytest.raises(ApplicationNotFound, match=r"talker\.py: no such file; give a package"):
        load("talker.py", tmp_path)


def test_the_settings_are_in_force_while_the_application_is_imported(tmp_path, monkeypatch):
    """The options, the environment, and the file beside the application."""
    (tmp_path / "cletus.toml").write_text('store = "of-file"\nport = 1\nline_max = 1\n')
    monkeypatch.setenv("CLETUS_PORT", "2")
    monkeypatch.setenv("CLETUS_LINE_MAX", "2")
    write_package(tmp_path, "early", {"init": f"{CORE}\nSEEN = service.settings"})
    options = partial(apply_settings, options={"line_max": 3})
    service = load("early", tmp_path, options)
    seen = sys.modules["early"].SEEN
    assert (seen.store, seen.port, seen.line_max) == (str(tmp_path / "of-file"), 2, 3)
    assert service.settings == seen


def test_a_service_made_in_a_function_reads_the_file_of_its_application(tmp_path):
    (tmp_path / "cletus.toml").write_text("port = 1\n")
    make = "def make():\n    return Service()\nservice = make()\nSEEN = service.settings.port\n"
    write_package(tmp_path, "factory", {"init": f"from cletus import Service\n{make}"})
    load("factory", tmp_path)
    assert sys.modules["factory"].SEEN == 1


def test_an_application_that_was_imported_before_gets_its_settings(tmp_path, monkeypatch):
    (tmp_path / "cletus.toml").write_text("port = 1\n")
    write_package(tmp_path, "before", {"init": CORE})
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("before")
    assert load("before", tmp_path).settings.port == 1


def test_a_package_that_only_a_finder_knows_is_found(tmp_path, monkeypatch):
    """As with an editable install that maps names to folders."""
    package = write_package(tmp_path / "elsewhere", "mapped", {"init": CORE})

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "mapped":
                return importlib.util.spec_from_file_location(
                    name, package / "__init__.py", submodule_search_locations=[str(package)]
                )
            return None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    service = load("mapped", tmp_path)
    assert service.session.application.roots[0].path == package
