"""Reloading in tests."""

from __future__ import annotations

import pytest

from cletus import Service
from cletus.errors import SettingError
from cletus.testing import reload_with, start_in_memory
from tests.reload.conftest import clean_imports, run  # noqa: F401 - fixtures

THINGS = """
    from cletus.storage import Field, Store
    from APP.core import service

    class Thing(Store):
        service = service
        mood = Field("calm", session=True)
"""


def test_edits_replace_add_and_remove_modules_without_touching_files(run, tmp_path):  # noqa: F811 - the fixture
    app = run(things=THINGS, extra="x = 1")
    files = {path: path.read_text() for path in tmp_path.rglob("*.py")}
    done = reload_with(
        app.service,
        {
            app.name: f"from {app.name} import core, things, fresh\n",
            f"{app.name}.things": lambda text: text.replace("calm", "merry"),
            f"{app.name}.fresh": "y = 2",
            f"{app.name}.extra": None,
        },
    )
    assert done.called
    assert app.store("thing")("new").mood == "merry"
    assert app.module("fresh").y == 2
    assert f"{app.name}.extra" not in app.service.session.application.loaded()
    assert {path: path.read_text() for path in tmp_path.rglob("*.py")} == files


def test_a_function_for_an_unknown_module_is_an_error(run):  # noqa: F811 - the fixture
    app = run()
    with pytest.raises(KeyError):
        reload_with(app.service, {"app0.nothing": lambda text: text})


def test_starting_in_memory_raises_the_error_of_the_start():
    with pytest.raises(SettingError):
        start_in_memory(Service(), no_such_setting=1)
