"""R12: a write through a forgotten reference to an old store object lands on the live object."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

USERS = """
    from cletus import events
    from cletus.contrib.users import BaseUser
    from cletus.storage import Field
    from APP.core import service

    class User(BaseUser):
        service = service
        coins = Field(0)
        def wealth(self):
            return f"v1 {self.coins}"

    @service.listen(events.Receive)
    async def receive(event):
        user = User.manager.active()["bob"]
        await service.gate
        user.coins += 100
        event.client.write(user.wealth())
"""


@pytest.fixture
def app(run):
    app = run(users=USERS)
    app.store("user")("bob")
    return app


def reload(app):
    report = app.reload(users=lambda text: text.replace("v1", "v2"))
    assert report.ok, str(report)
    return report


def test_a_suspended_coroutine_writes_to_the_live_object(app):
    app.service.gate = Deferred()
    ann = app.person()
    ann.types("go")
    reload(app)
    app.service.gate.callback(None)
    ann.new_text()
    assert app.active("user")["bob"].coins == 100
    assert "v2 100" in ann.screen


def test_the_reference_reads_and_writes_what_the_live_object_has(app):
    old = app.active("user")["bob"]
    reload(app)
    live = app.active("user")["bob"]
    assert old is live
    old.coins = 5
    assert live.coins == 5
    live.coins = 6
    assert old.coins == 6
    assert old.wealth() == "v2 6"
    assert isinstance(old, app.store("user"))


def test_it_equals_the_live_object_and_finds_it_in_sets_and_dicts(app):
    old = app.active("user")["bob"]
    table, crowd = {old: "here"}, {old}
    reload(app)
    live = app.active("user")["bob"]
    assert old == live
    assert table[live] == "here"
    assert live in crowd
    assert old != app.store("user")("ann")


def test_it_goes_on_over_many_reloads(app):
    olds = []
    for n in range(5):
        olds.append(app.active("user")["bob"])
        app.reload(users=lambda text, n=n: f"{text}\nN = {n}\n")
    for n, old in enumerate(olds):
        old.coins += n
    assert app.active("user")["bob"].coins == sum(range(5))
    assert all(type(old) is app.store("user") for old in olds)


def test_saving_through_it_saves_the_live_object(app):
    old = app.active("user")["bob"]
    reload(app)
    app.active("user")["bob"].coins = 9
    old.save()
    app.store("user").manager.remove_active(app.active("user")["bob"])
    assert app.store("user").manager.get("bob").coins == 9


def test_it_pins_no_old_class(app):
    old = app.active("user")["bob"]
    report = reload(app)
    assert report.holders == []
    assert old.coins == 0


def test_it_reaches_a_field_that_is_a_descriptor(app):
    """ClientField binds in ``__set__``: also through the forgotten reference."""
    old, ann = app.active("user")["bob"], app.person()
    reload(app)
    old.client = ann.client
    assert app.active("user")["bob"].client is ann.client
    assert ann.client.user == app.active("user")["bob"]
