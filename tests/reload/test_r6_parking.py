"""R6: a store or field that disappears parks its data; when it comes back, the data is back."""

from __future__ import annotations

import json

import pytest

USERS = """
    import enum
    from cletus.contrib.users import BaseUser
    from cletus.storage import Field, Store
    from APP.core import service

    class Mood(enum.Enum):
        GOOD = 1
        BAD = 2

    class Pet:
        def __init__(self, name):
            self.name = name

    class User(BaseUser):
        service = service
        title = Field("new")
        mood = Field(session=True)
        pet = Field(session=True)
        room = Field(session=True)

    class Room(Store):
        service = service
        text = Field("bare")
        seen = Field(0, session=True)
        guests = Field(list, session=True)
"""
LINES = {
    "title": '    title = Field("new")\n',
    "mood": "    mood = Field(session=True)\n",
    "pet": "    pet = Field(session=True)\n",
}


@pytest.fixture
def app(run):
    app = run(users=USERS)
    users = app.module("users")
    app.bob = app.person()
    user, hall = users.User("bob"), users.Room("hall", text="a hall", seen=7)
    user.log_in(app.bob.client)
    user.title, user.mood, user.pet, user.room = "the old", users.Mood.BAD, users.Pet("cat"), hall
    hall.guests += [user, users.Mood.GOOD, users.Pet("dog")]
    return app


def without(app, *names):
    for name in names:
        report = app.reload(users=lambda text, name=name: text.replace(LINES[name], ""))
        assert report.ok, str(report)
    return report


def restored(app):
    original = app.original
    report = app.reload(users=lambda _: original)
    assert report.ok, str(report)
    return report


@pytest.fixture(autouse=True)
def original(app):
    reloader = app.service.reloader
    app.original = reloader.sources.modules["app0.users"].data.decode()


def test_a_field_that_goes_and_comes_back_has_its_value_back(app):
    report = without(app, "title")
    assert report.fields_dropped == {"User.title": 1}
    assert not hasattr(app.active("user")["bob"], "title")
    restored(app)
    assert app.active("user")["bob"].title == "the old"


def test_a_field_comes_back_while_another_one_goes(app):
    """What is parked for the one is not forgotten when the other's value is parked."""
    without(app, "title")
    report = app.reload(
        users=lambda text: text.replace(LINES["pet"], LINES["title"].replace("new", "fresh"))
    )
    assert report.ok, str(report)
    assert app.active("user")["bob"].title == "the old"
    restored(app)
    assert app.active("user")["bob"].pet.name == "cat"


def test_session_fields_with_values_of_application_classes_come_back(app):
    without(app, "mood", "pet")
    app.reload()
    restored(app)
    bob, users = app.active("user")["bob"], app.module("users")
    assert bob.mood is users.Mood.BAD
    assert (type(bob.pet), bob.pet.name) == (users.Pet, "cat")


def test_a_field_that_goes_together_with_the_class_of_its_value_comes_back(app):
    """The value waits as it is, in its old class, and the report says so."""
    gone = app.original.replace(LINES["pet"], "").replace('users.Pet("dog")', "None")
    gone = gone.replace("class Pet", "class Dog")
    app.active("room")["hall"].guests.pop()
    report = app.reload(users=gone)
    assert report.ok, str(report)
    assert "app0.users.Pet is gone; it stays as it is" in report.warnings[0]
    assert "User 'bob'" in report.warnings[0]
    restored(app)
    assert app.active("user")["bob"].pet.name == "cat"
    assert type(app.active("user")["bob"].pet) is app.module("users").Pet


def test_a_store_that_goes_and_comes_back_has_its_objects_back(app):
    """With session fields, references to other stores, and values of classes that went with it."""
    app.active("user")["bob"].room = None
    gone = app.original[: app.original.index("class Room")]
    report = app.reload(users=gone)
    assert report.ok, str(report)
    assert report.stores_parked == {"room": 1}
    app.reload()
    report = restored(app)
    assert report.stores_returned == {"room": 1}
    hall, users = app.active("room")["hall"], app.module("users")
    assert (hall.text, hall.seen) == ("a hall", 7)
    assert hall.guests[0] is app.active("user")["bob"]
    assert hall.guests[1] is users.Mood.GOOD
    assert (type(hall.guests[2]), hall.guests[2].name) == (users.Pet, "dog")


def test_a_reference_to_an_object_of_a_store_that_went_comes_back_with_it(app):
    gone = app.original[: app.original.index("class Room")]
    report = app.reload(users=gone)
    assert report.ok, str(report)
    hall = app.active("user")["bob"].room
    assert hall.text == "a hall"
    restored(app)
    assert app.active("user")["bob"].room is app.active("room")["hall"] is hall


def test_when_the_store_of_users_goes_nobody_is_logged_in_and_when_it_is_back_they_are(app):
    gone = app.original.replace("class User(BaseUser)", "class Person(BaseUser)")
    assert app.reload(users=gone).ok
    assert app.bob.client.user is None
    restored(app)
    assert app.bob.client.user is app.active("user")["bob"]


def test_a_client_that_has_gone_meanwhile_is_not_logged_in_by_the_return(app):
    gone = app.original.replace("class User(BaseUser)", "class Person(BaseUser)")
    assert app.reload(users=gone).ok
    client = app.bob.client
    app.bob.hangs_up()
    restored(app)
    assert client not in app.service.clients
    assert app.active("user")["bob"].client is None


def test_a_reload_that_fails_later_leaves_parked_data_parked(app):
    without(app, "title")
    gone = app.original[: app.original.index("class Room")].replace(LINES["title"], "")
    app.active("user")["bob"].room = None
    assert app.reload(users=gone).ok
    assert not app.reload(users=app.original + "\n1/0").ok
    restored(app)
    assert app.active("user")["bob"].title == "the old"
    assert app.active("room")["hall"].seen == 7


def test_saving_while_a_permanent_field_is_gone_keeps_it_in_the_file(app):
    without(app, "title")
    bob = app.active("user")["bob"]
    bob.save()
    saved = json.loads(app.service.session.writer.read("user", "bob"))
    assert saved["title"] == "the old"
    assert "pet" not in saved


def test_stores_that_went_together_and_refer_to_each_other_come_back_together(app):
    gone = app.original[: app.original.index("class User")]
    assert app.reload(users=gone).ok
    assert app.reload(users=gone + "\n").ok
    restored(app)
    bob, hall = app.active("user")["bob"], app.active("room")["hall"]
    assert bob.room is hall
    assert hall.guests[0] is bob
    assert app.bob.client.user is bob


def test_a_store_that_comes_back_at_a_later_version_is_migrated(app):
    app.active("user")["bob"].room = None
    gone = app.original[: app.original.index("class Room")]
    assert app.reload(users=gone).ok
    newer = app.original.replace(
        '    text = Field("bare")\n',
        '    version = 1\n    text = Field("bare")\n'
        "    @classmethod\n"
        "    def migrate(cls, data, version):\n"
        '        data["text"] = data["text"].upper()\n'
        "        return data\n",
    )
    report = app.reload(users=newer)
    assert report.ok, str(report)
    assert (app.active("room")["hall"].text, app.active("room")["hall"].seen) == ("A HALL", 7)
