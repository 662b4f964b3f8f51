"""Importing a new generation: every kind of module, and what Python's own tools see of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest

from cletus.reload.load import load
from cletus.testing import reloaded, start_in_memory
from tests.reload.conftest import CORE


def edit(path: Path, old: str, new: str) -> None:
    """Save a file with a piece of it replaced."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def reload_files(running):
    """Reload from what the files hold."""
    reports = []
    running.service.reload().addCallback(reports.append)
    for _ in range(10):
        running.clock.advance(0)
    return reports[0]


# -- which modules ------------------------------------------------------------------------------


def test_all_submodules_are_of_one_generation(run):
    """Every module of the package is imported anew, whichever of them has changed."""
    running = run(a="N = 1", b="from APP import a\nN = a.N")
    old = {name: sys.modules[name] for name in ("app0", "app0.core", "app0.a", "app0.b")}
    assert running.reload(a="N = 2").ok
    assert all(sys.modules[name] is not module for name, module in old.items())
    assert running.module("b").N == 2
    assert running.module("b").a is running.module("a") is running.module().a


def test_from_import_copies_are_new(run):
    """``from x import y`` in an unchanged module has the new ``y``."""
    running = run(a="def f():\n    return 1\n", b="from APP.a import f")
    assert running.reload(a="def f():\n    return 2\n").ok
    assert running.module("b").f() == 2
    assert running.module("b").f is running.module("a").f


def test_relative_imports(run):
    """Relative imports of all depths find the new modules."""
    running = run(
        {},
        init="from . import core\nfrom .deep.er import most",
        core=CORE,
        value="N = 1",
        **{
            "deep.__init__": "",
            "deep.er": "from . import most\nfrom ..value import N",
            "deep.most": "from .. import value\nfrom ..value import N",
        },
    )
    assert running.reload(value="N = 2").ok
    assert running.module("deep.most").N == running.module("deep.er").N == 2
    assert running.module("deep.most").value is running.module("value")


def test_circular_imports_between_functions(run):
    """Modules that import each other inside functions, or at their tops, meet in one generation."""
    running = run(
        a="from APP import b\ndef f():\n    return b.g()\ndef n():\n    return 1\n",
        b="import APP.a\ndef g():\n    from APP.a import n\n    return n()\n",
    )
    assert running.module("a").f() == 1
    assert running.reload(a=lambda text: text.replace("return 1", "return 2")).ok
    assert running.module("a").f() == 2
    assert running.module("b").g() == 2


def test_single_file_application(tmp_path):
    """An application of one file, run by its path."""
    (tmp_path / "solo.py").write_text(dedent(CORE) + "N = 1\n")
    service = load("solo.py", tmp_path)
    start_in_memory(service)
    assert reloaded(service, {"solo": lambda text: text.replace("N = 1", "N = 2")}).ok
    assert sys.modules["solo"].N == 2
    assert sys.modules["solo"].service is service


def test_several_packages(run, tmp_path):
    """Packages named by ``reload_modules`` are rebuilt together with the application."""
    (tmp_path / "world").mkdir()
    (tmp_path / "world" / "__init__.py").write_text("")
    (tmp_path / "world" / "rooms.py").write_text("N = 1\n")
    (tmp_path / "world" / "hidden.py").write_text("N = 1\n")
    (tmp_path / "lonely.py").write_text("N = 1\n")
    running = run(
        {"reload_modules": ("world.hidden", "lonely", "world.rooms")},
        a="import lonely\nfrom world.rooms import N",
    )
    edit(tmp_path / "world" / "rooms.py", "1", "2")
    edit(tmp_path / "world" / "hidden.py", "1", "3")
    edit(tmp_path / "lonely.py", "1", "4")
    report = reload_files(running)
    assert report.changed == ("lonely", "world.hidden", "world.rooms"), report
    assert running.module("a").N == 2
    assert sys.modules["world.hidden"].N == 3
    assert running.module("a").lonely is sys.modules["lonely"]
    assert sys.modules["lonely"].N == 4


def test_namespace_package_inside(run):
    """A folder without ``__init__.py`` is a package of each generation."""
    running = run(
        {},
        init="from APP import core\nimport APP.space.thing",
        core=CORE,
        **{"space.thing": "N = 1"},
    )
    old = sys.modules["app0.space"]
    assert running.reload(**{"space.thing": "N = 2"}).ok
    assert sys.modules["app0.space"] is not old
    assert sys.modules["app0.space"].thing.N == 2


def test_root_in_a_namespace_package(tmp_path):
    """The outside namespace package that holds the application's package shows the new one."""
    package = tmp_path / "outer" / "talker"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(dedent(CORE) + "N = 1\n")
    service = load("outer.talker", tmp_path)
    start_in_memory(service)
    outer = sys.modules["outer"]
    assert reloaded(service, {"outer.talker": lambda text: text + "N = 2\n"}).ok
    assert sys.modules["outer"] is outer
    assert outer.talker is sys.modules["outer.talker"]
    assert outer.talker.N == 2
    good = outer.talker
    assert not reloaded(service, {"outer.talker": lambda text: text + "N = 3\n1 / 0\n"}).ok
    assert outer.talker is good


def test_lazy_import_belongs_to_the_generation(run):
    """A module that is first imported by a call is taken from the sources of the generation in force."""
    running = run(
        {},
        init="from APP import core",
        core=CORE + "def lazily():\n    from APP import later\n    return later.N\n",
        later="N = 1",
    )
    path = Path(running.module().__file__).with_name("later.py")
    path.write_text("N = 99  # not reloaded yet\n")
    assert running.module("core").lazily() == 1
    assert reload_files(running).ok
    assert sys.modules["app0.later"].N == 99
    assert running.module("core").lazily() == 99


def test_lazy_module_goes_with_its_import_statement(run):
    """A lazily imported module is kept while a statement names it, and gone afterwards."""
    running = run(
        {},
        init="from APP import core",
        core=CORE + "def lazily():\n    from . import later\n    return later.N\n",
        later="N = 1",
    )
    running.module("core").lazily()
    assert running.reload(later="N = 2").ok
    assert sys.modules["app0.later"].N == 2
    assert running.reload(core=CORE).ok
    assert "app0.later" not in sys.modules


def test_module_imported_by_name_only_stays(run):
    """A plug-in that no import statement names is imported again as long as its file is there."""
    running = run(
        {},
        init="from APP import core",
        core=CORE + "import importlib\ndef plug(name):\n    return importlib.import_module(name)\n",
        plugin="N = 1",
    )
    running.module("core").plug("app0.plugin")
    assert running.reload(plugin="N = 2").ok
    assert sys.modules["app0.plugin"].N == 2
    assert running.reload(plugin=None).ok
    assert "app0.plugin" not in sys.modules


def test_module_no_longer_imported_is_gone(run):
    """When nothing imports a module any more, ``sys.modules`` and its package forget it."""
    running = run(a="N = 1", b="from APP import a")
    assert running.reload(init="from app0 import core", b="").ok
    assert "app0.a" not in sys.modules
    assert not hasattr(running.module(), "a")


def test_removed_file_is_no_module(run):
    """A file that is gone cannot be imported, whatever ``__pycache__`` still holds."""
    running = run(a="N = 1", b="try:\n    from APP import a\nexcept ImportError:\n    a = None\n")
    path = Path(running.module("a").__file__)
    subprocess.run([sys.executable, "-m", "py_compile", path], check=True)
    path.with_suffix(".pyc").write_bytes(next(path.parent.glob("__pycache__/a.*")).read_bytes())
    path.unlink()
    edit(Path(running.module().__file__), "from app0 import a\n", "")
    report = reload_files(running)
    assert report.removed == ("app0.a",)
    assert "app0.a" not in sys.modules
    assert running.module("b").a is None


def test_third_party_modules_stay(run, tmp_path):
    """Modules of others are never dropped, also when a refused reload was the first to import them."""
    (tmp_path / "thirdparty.py").write_text("COUNT = []\n")
    (tmp_path / "laterparty.py").write_text("")
    running = run(a="import thirdparty")
    third = sys.modules["thirdparty"]
    others = {name: id(one) for name, one in sys.modules.items() if not name.startswith("app0")}
    assert not running.reload(a="import laterparty\n1 / 0").ok
    later = sys.modules["laterparty"]
    assert running.reload(a="import laterparty, thirdparty").ok
    assert sys.modules["laterparty"] is later
    assert running.module("a").thirdparty is third
    assert {name: id(sys.modules[name]) for name in others} == others


def test_refused_import_leaves_sys_modules_as_it_was(run):
    """After a refused reload ``sys.modules`` has the same objects under the same names."""
    running = run(a="N = 1", b="N = 1")
    before = {name: one for name, one in sys.modules.items() if name.startswith("app0")}
    report = running.reload(new="", a="from app0 import new\nN = 2", b="raise ValueError('no')")
    assert not report.ok
    assert {name: one for name, one in sys.modules.items() if name.startswith("app0")} == before
    assert running.module().a is before["app0.a"]
    assert not hasattr(running.module(), "new")


@pytest.mark.parametrize(
    "statement", ["raise SystemExit(3)", "import sys; sys.exit()", "raise KeyboardInterrupt"]
)
def test_exit_at_import_refuses(run, statement):
    """A module that calls for an exit ends the reload, not the service."""
    running = run(a="N = 1")
    report = running.reload(a=statement)
    assert not report.ok
    assert "called for an exit" in report.error
    assert running.module("a").N == 1


def test_equal_size_edits_are_never_stale(run):
    """Edits of equal size, milliseconds apart, are each seen: nothing is taken from ``.pyc``."""
    running = run(a="N = 1000")
    path = Path(running.module("a").__file__)
    stamp = path.stat().st_mtime_ns
    for number in range(1001, 1031):
        path.write_text(f"N = {number}\n")
        if number % 2:
            os.utime(path, ns=(stamp, stamp))  # as `cp -p` leaves it
        time.sleep(0.01 if number % 10 == 0 else 0)
        assert reload_files(running).ok
        assert number == running.module("a").N


@pytest.mark.parametrize("stand_in", ["Config()", "types.SimpleNamespace(value=1)", "None"])
def test_a_module_may_put_something_else_in_its_own_place(run, stand_in):
    """``sys.modules[__name__] = Config()``; it need not have anything that modules have."""
    app = run(
        config=f"""
        import sys, types
        class Config:
            __slots__ = ()
            value = 1
        sys.modules[__name__] = {stand_in}
        """
    )
    before = sys.modules[f"{app.name}.config"]
    assert not app.reload(core=lambda text: text + "1/0").ok
    assert sys.modules[f"{app.name}.config"] is before
    report = app.reload(config=lambda text: text.replace("value = 1", "value = 2"))
    assert report.ok, str(report)
    if before is not None:
        assert sys.modules[f"{app.name}.config"] is not before
    assert app.reload().ok


def test_resources_in_a_folder_without_init_are_read(run, tmp_path):
    """A folder of texts, and one of texts and modules; as without Cletus."""
    text = "from importlib.resources import files\n"
    text += "def read(folder, name): return files(f'APP.{folder}').joinpath(name).read_text()\n"
    app = run(talk=text)
    for folder in ("texts", "plugins"):
        (tmp_path / "app0" / folder).mkdir()
        (tmp_path / "app0" / folder / "motd.txt").write_text(f"of {folder}")
    (tmp_path / "app0" / "plugins" / "dice.py").write_text("")
    assert app.module("talk").read("texts", "motd.txt") == "of texts"
    assert app.module("talk").read("plugins", "motd.txt") == "of plugins"
    assert app.reload(talk=lambda text: text + "# more").ok
    assert app.module("talk").read("texts", "motd.txt") == "of texts"
