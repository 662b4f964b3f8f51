"""Going back to the sources of the generation before."""

from __future__ import annotations

from pathlib import Path

import pytest

from cletus import Service
from cletus.errors import ReloadError, ServiceStateError
from tests.reload.code.test_modules import reload_files
from tests.reload.conftest import CORE

TALK = """
    from cletus import events
    from APP.core import service

    @service.listen(events.Receive)
    def receive(event):
        event.client.write("v0")
"""


@pytest.fixture
def app(run):
    app = run({"reload_keep": 3}, talk=TALK)
    app.bob = app.person()
    return app


def to_version(app, n):
    report = app.reload(talk=lambda text: f"{text[: text.index('write(')]}write('v{n}')\n")
    assert report.ok, str(report)


def back(app):
    reports = []
    app.service.rollback().addCallback(reports.append)
    for _ in range(5):
        app.clock.advance(0)
    assert reports[0].ok, str(reports[0])
    return reports[0]


def test_rollback_brings_the_code_of_the_generation_before(app):
    to_version(app, 1)
    to_version(app, 2)
    report = back(app)
    assert report.changed == ("app0.talk",)
    assert app.bob.types("x") == "v1\n"
    assert app.service.session.generation == 3


def test_going_back_twice_goes_back_two_generations(app):
    for n in (1, 2):
        to_version(app, n)
    back(app)
    back(app)
    assert app.bob.types("x") == "v0\n"


def test_the_next_edit_goes_forward_again_and_can_be_taken_back(app):
    to_version(app, 1)
    to_version(app, 2)
    back(app)
    to_version(app, 3)
    assert app.bob.types("x") == "v3\n"
    back(app)
    assert app.bob.types("x") == "v1\n"


def test_only_so_many_generations_are_kept(app):
    for n in range(1, 7):
        to_version(app, n)
    for n in (5, 4, 3):
        back(app)
        assert app.bob.types("x") == f"v{n}\n"
    with pytest.raises(ReloadError, match="no earlier generation"):
        app.service.rollback()


def test_reloads_without_a_change_and_refused_ones_are_nothing_to_go_back_to(app):
    to_version(app, 1)
    app.reload()
    app.reload(talk="1/0")
    back(app)
    assert app.bob.types("x") == "v0\n"


def test_the_files_are_not_touched(app, tmp_path):
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.py")}
    to_version(app, 1)
    back(app)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.py")} == before


def test_a_service_that_does_not_run_has_nothing_to_go_back_to():
    with pytest.raises(ServiceStateError):
        Service().rollback()


PLUGINS = {
    "pkgutil": """
        import importlib, pkgutil
        from APP.core import service
        loaded = {
            one.name: importlib.import_module(f"{__name__}.{one.name}")
            for one in pkgutil.iter_modules(__path__)
        }
    """,
    "glob": """
        import importlib, pathlib
        loaded = {
            path.stem: importlib.import_module(f"{__name__}.{path.stem}")
            for path in sorted(pathlib.Path(__file__).parent.glob("*.py"))
            if path.stem != "__init__"
        }
    """,
}


@pytest.fixture(params=PLUGINS)
def plugins(run, request):
    """An application with a folder of plugins, and one that has come since its start."""
    texts = {"plugins.__init__": PLUGINS[request.param], "plugins.dice": "FACES = 6"}
    app = run({"reload_keep": 3}, init="from APP import core, plugins\n", core=CORE, **texts)
    app.how = request.param
    Path(app.module("plugins").__file__).with_name("curse.py").write_text("DAMAGE = 100\n")
    assert reload_files(app).ok
    assert list(app.module("plugins").loaded) == ["curse", "dice"]
    return app


def test_rollback_before_a_plugin_came_leaves_its_file_and_succeeds(plugins):
    """Code that lists its folder finds the new file there."""
    report = back(plugins)
    if plugins.how == "pkgutil":
        assert list(plugins.module("plugins").loaded) == ["dice"]
        assert not report.notes
    else:
        assert "app0.plugins.curse is newer than what is gone back to" in "".join(report.notes)
    assert not reload_files(plugins).notes
    assert list(plugins.module("plugins").loaded) == ["curse", "dice"]


@pytest.mark.parametrize("plugins", ["pkgutil"], indirect=True)
def test_rollback_before_a_plugin_was_removed_has_it_again(plugins):
    Path(plugins.module("plugins").__file__).with_name("dice.py").unlink()
    assert reload_files(plugins).ok
    assert list(plugins.module("plugins").loaded) == ["curse"]
    back(plugins)
    assert plugins.module("plugins").loaded["dice"].FACES == 6
