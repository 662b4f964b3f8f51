"""``assert_survives_reload``: of one object, and of everything that a service holds."""

from __future__ import annotations

import pytest

from cletus.testing import assert_survives_reload
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
    app.service.configure(reload_strict=True)
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


EVERYTHING = """
    from cletus import Dialogue, events, step
    from cletus.storage import Field
    from APP.core import service

    class Order(Dialogue):
        dish = Field("")

        @step("What? ")
        def what(self, line):
            self.dish = line
            return self.how_many

        @step("How many? ")
        def how_many(self, line):
            return self.done()

    class Point:
        def __init__(self):
            self.x = 1

    class Slippery(Point):
        def __reduce_ex__(self, protocol):
            return Slippery, (), {"x": id(Slippery)}

    def strike():
        pass

    @service.every(60)
    def tick():
        pass

    @service.listen(events.Connect)
    def connect(event):
        event.client.lives = [3]
        event.client.start_dialogue(Order())
"""


def test_everything_that_a_service_holds_is_compared(run):  # noqa: F811 - the fixture
    app = run(things=THINGS, everything=EVERYTHING)
    app.store("thing")("one", kept=[1])
    app.person().types("soup")
    app.service.weather = "rain"
    app.service.call_later(90, app.module("everything").strike)
    app.clock.advance(30)
    report = assert_survives_reload(app.service)
    assert report.ok
    assert report.generation == 1
    (client,) = app.service.clients
    assert client.dialogues[0].dish == "soup"


def test_a_timer_that_has_ended_need_not_survive(run):  # noqa: F811 - the fixture
    app = run(everything=EVERYTHING)
    strike = app.module("everything").strike
    over, _ = app.service.call_later(90, strike), app.service.call_later(90, strike)
    over.cancel()
    assert assert_survives_reload(app.service).ok


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        ("service.clients[0].point = Slippery()", r"<Client 1 .*>\.point: "),
        ("service.point = Slippery()", r"service\.point: "),
        ("service.clients[0].dialogues[0].dish = Slippery()", "dialogue 0, field 'dish': "),
    ],
)
def test_each_difference_is_named_with_its_location(run, spoil, named):  # noqa: F811 - the fixture
    app = run(everything=EVERYTHING)
    app.person()
    exec(spoil, vars(app.module("everything")))
    with pytest.raises(AssertionError, match=named + r".*before the reload, .* after it"):
        assert_survives_reload(app.service)


def test_of_many_differences_the_first_are_named(run):  # noqa: F811 - the fixture
    app = run(things=THINGS)
    for number in range(30):
        app.store("forgetful")(f"number-{number}", lost="precious")
    with pytest.raises(AssertionError, match="and 20 more"):
        assert_survives_reload(app.service)


def test_a_reload_that_is_refused_fails_the_assertion(run):  # noqa: F811 - the fixture
    app = run(things=THINGS)
    app.service.configure(reload_strict=True)
    app.store("thing")("one").mood = eval("lambda: 1", vars(app.module("things")))
    with pytest.raises(AssertionError, match="refused"):
        assert_survives_reload(app.service)
