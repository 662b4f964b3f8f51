"""Fields that cannot be saved are named, with their lines; sound ones are let by."""

from __future__ import annotations

import pytest

from cletus.check import Level
from tests.check.conftest import must_be, names

#: (name, words, what is wrong, its clean twin)
CASES = {
    "a set without a type": (
        "field-default",
        "User.tags: the default: expected what JSON takes, found set",
        """
        class User(Store):
            service = service
            tags = Field(lambda: {1, 2})  # HERE
        """,
        """
        class User(Store):
            service = service
            tags = Field(lambda: {1, 2}, type=set[int])
        """,
    ),
    "a default of another type": (
        "field-default",
        "User.level: the default: expected int, found str",
        """
        class User(Store):
            service = service
            level = Field(lambda: "x", type=int)  # HERE
        """,
        """
        class User(Store):
            service = service
            level = Field(lambda: 1, type=int)
        """,
    ),
    "a session field of another type": (
        "field-default",
        "User.level: the default: expected int, found str",
        """
        class User(Store):
            service = service
            level = Field(lambda: "x", session=True, type=int)  # HERE
        """,
        """
        class User(Store):
            service = service
            level = Field(object, session=True)
        """,
    ),
    "a default that raises": (
        "field-default",
        "User.level: its default raises ZeroDivisionError",
        """
        class User(Store):
            service = service
            level = Field(lambda: 1 / 0)  # HERE
        """,
        """
        class User(Store):
            service = service
            level = Field(lambda: 1 / 1)
        """,
    ),
    "what only lives in memory need not be JSON": (
        "field-default",
        "Pet.mind: the default: expected what JSON takes, found object",
        """
        class Pet(Store):
            service = service
            mind = Field(object)  # HERE
        """,
        """
        class Pet(TempStoreMixin, Store):
            service = service
            mind = Field(object)
        """,
    ),
    "serialise raises": (
        "field-serialise",
        "User.born: serialise() of its default raises AttributeError",
        """
        class Day(Field):
            def serialise(self, obj, name):
                return getattr(obj, name).isoformat()  # HERE

        class User(Store):
            service = service
            born = Day()
        """,
        """
        class Day(Field):
            def serialise(self, obj, name):
                day = getattr(obj, name)
                return day and day.isoformat()

        class User(Store):
            service = service
            born = Day()
        """,
    ),
    "deserialise raises": (
        "field-deserialise",
        "User.size: deserialise() of what serialise() returned raises TypeError",
        """
        class Size(Field):
            def serialise(self, obj, name):
                return "large"
            def deserialise(self, obj, name, data):
                setattr(obj, name, data + 1)  # HERE

        class User(Store):
            service = service
            size = Size(1)
        """,
        """
        class Size(Field):
            def serialise(self, obj, name):
                return str(getattr(obj, name))
            def deserialise(self, obj, name, data):
                setattr(obj, name, int(data))

        class User(Store):
            service = service
            size = Size(1)
        """,
    ),
    "deserialise does not take what a reload gives it": (
        "field-deserialise",
        "User.size: deserialise() of what serialise() returned raises TypeError",
        """
        class Size(Field):
            def serialise(self, obj, name):
                return None
            def deserialise(self, obj, name, data):
                setattr(obj, name, data + 1)  # HERE

        class User(Store):
            service = service
            size = Size(1, session=True)
        """,
        """
        class Size(Field):
            def deserialise(self, obj, name, data):
                setattr(obj, name, data + 1)

        class User(Store):
            service = service
            size = Size(1, session=True)
        """,
    ),
    "no such store": (
        "field-reference",
        "User.room refers to the store 'rom', and there is none; did you mean 'room'?",
        """
        class Room(Store):
            service = service

        class User(Store):
            service = service
            room = StoreField("rom")  # HERE
        """,
        """
        class User(Store):
            service = service
            room = StoreField("room")

        class Room(Store):
            service = service
        """,
    ),
    "an __init__ that wants more": (
        "store-init",
        "objects of Pet cannot be created from their key alone",
        """
        class Pet(Store):
            service = service
            def __init__(self, key, colour):  # HERE
                super().__init__(key)
        """,
        """
        class Pet(Store):
            service = service
            def __init__(self, key, colour="grey"):
                super().__init__(key)
        """,
    ),
    "a list of the class": (
        "shared-attribute",
        "User.items is one list for all objects",
        """
        class User(Store):
            service = service
            items = []  # HERE
            def take(self, item):
                self.items.append(item)
        """,
        """
        class User(Store):
            service = service
            ITEMS = []
            items = Field(list)
            def take(self, item):
                self.items.append(item)
        """,
    ),
    "a dict of the class": (
        "shared-attribute",
        "Login.known is one dict for all objects",
        """
        class Login(Dialogue):
            known = {}  # HERE
            @step("Name? ")
            def ask(self, line):
                self.known["name"] = line
        """,
        """
        class Login(Dialogue):
            known = Field(dict)
            @step("Name? ")
            def ask(self, line):
                self.known["name"] = line
        """,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_field_that_cannot_be_saved_is_named(case, check, tmp_path):
    name, words, wrong, _ = case
    found = must_be(check(wrong), name, words, tmp_path)
    assert found.group == "Fields"
    expected = Level.WARNING if name == "shared-attribute" else Level.ERROR
    assert found.level is expected


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_its_clean_twin_is_let_by(case, check):
    assert names(check(case[3])) == set()


def test_every_field_of_a_store_is_told_of(check):
    """One mistake does not hide the next."""
    found = check("""
        class User(Store):
            service = service
            one = Field(lambda: {1})
            two = Field(lambda: {2})
    """)
    assert [one.what.partition(":")[0] for one in found] == ["User.one", "User.two"]


def test_a_field_of_a_mixin_is_named_where_it_stands(check, tmp_path):
    found = check("""
        class Tagged:
            tags = Field(lambda: {1})  # HERE

        class User(Tagged, Store):
            service = service
    """)
    must_be(found, "field-default", "User.tags", tmp_path)


def test_no_object_is_active_afterwards(check, tmp_path):
    """The objects of the trial are nobody's, and nothing is written."""
    assert check("class User(Store):\n    service = service\n") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.py"]
