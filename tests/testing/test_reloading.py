"""The kit for testing reloads."""

from __future__ import annotations

import pytest

from cletus import Service
from cletus.errors import SettingError
from cletus.testing import assert_survives_reload, reload_with, start_in_memory
from cletus.testing.portrait import portrait
from tests.reload.conftest import clean_imports, run  # noqa: F401 - fixtures

THINGS = """
    from cletus.storage import Field, Store
    from APP.core import service

    class Thing(Store):
        service = service
        kept = Field(list)
        mood = Field("calm", session=True)

    class Forgetful(Store):
        service = service
        lost = Field("")
        def from_dict(self, data, session=False, **more):
            super().from_dict({}, session, **more)
"""


def test_an_object_that_survives_gives_its_successor(run):  # noqa: F811 - the fixture
    app = run(things=THINGS)
    thing = app.store("thing")("one", kept=[1, {"a": 2}], mood="cross")
    new = assert_survives_reload(app.service, thing)
    assert new is app.active("thing")["one"]
    assert new.kept == [1, {"a": 2}]


def test_an_object_that_loses_a_field_fails_the_assertion_naming_it(run):  # noqa: F811 - the fixture
    app = run(things=THINGS)
    forgetful = app.store("forgetful")("one", lost="precious")
    with pytest.raises(AssertionError, match=r"field 'lost'.*precious"):
        assert_survives_reload(app.service, forgetful)


def test_a_reload_that_is_refused_fails_the_assertion_with_its_report(run):  # noqa: F811 - the fixture
    app = run(things=THINGS)
    thing = app.store("thing")("one")
    thing.mood = eval("lambda: 1", vars(app.module("things")))
    with pytest.raises(AssertionError, match="field 'mood'"):
        assert_survives_reload(app.service, thing)


def test_an_object_that_is_not_active_any_more_fails_the_assertion(run):  # noqa: F811 - the fixture
    app = run(things=THINGS)
    thing = app.store("thing")("one")
    app.store("thing").manager.remove_active(thing)
    with pytest.raises(AssertionError, match="gone"):
        assert_survives_reload(app.service, thing)


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


def test_a_function_for_a_module_that_there_is_not_is_an_error(run):  # noqa: F811 - the fixture
    app = run()
    with pytest.raises(KeyError):
        reload_with(app.service, {"app0.nothing": lambda text: text})


def test_starting_in_memory_raises_what_the_start_raises():
    with pytest.raises(SettingError):
        start_in_memory(Service(), no_such_setting=1)


def test_portraits_tell_sharing_cycles_and_classes_apart():
    shared = [1]
    loop = []
    loop.append(loop)
    assert portrait([shared, shared]) != portrait([[1], [1]])
    assert portrait(loop) == portrait(loop)
    assert portrait([1]) != portrait((1,))
    assert portrait(True) != portrait(1)
    assert portrait({1, 2}) == portrait({2, 1})
