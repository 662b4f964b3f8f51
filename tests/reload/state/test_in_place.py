"""Ordinary store objects stay themselves: the new class, and of the old code nothing."""

from __future__ import annotations

import pytest

CORE = """
    from cletus import Service
    service = Service()
"""
THINGS = """
    from cletus.storage import Field, Store
    from APP.core import service

    class Mark:
        pass

    class Thing(Store):
        service = service
        name = Field("a thing")
        items = Field(list)
        other = Field(session=True)
        mark = Field(session=True)

        def shout(self):
            return "old"
"""


@pytest.fixture
def app(run):
    return run(core=CORE, things=THINGS)


def make(app, key):
    return app.store("thing")(key)


def test_it_is_the_same_object_of_the_new_class(app):
    one = make(app, "one")
    one.items.append("lamp")
    attributes, items = vars(one), one.items
    assert app.reload(things=lambda text: text.replace('"old"', '"new"')).ok
    assert app.active("thing")["one"] is one
    assert vars(one) is attributes
    assert one.items is items
    assert type(one) is app.store("thing")
    assert one.shout() == "new"


def test_what_hangs_on_it_is_of_the_new_code(app):
    """Also deep in its containers; they go on being the same ones."""
    one, mark = make(app, "one"), app.module("things").Mark()
    one.mark, one.items = mark, [mark, {"deep": [mark]}]
    deep = one.items[1]
    assert app.reload().ok
    assert type(one.mark) is app.module("things").Mark
    assert one.mark is mark
    assert one.items[0] is one.mark
    assert one.items[1] is deep
    assert deep["deep"] == [one.mark]


def test_its_bound_methods_are_of_the_new_code(app):
    one = make(app, "one")
    one.other = one.shout
    assert app.reload(things=lambda text: text.replace('"old"', '"new"')).ok
    assert one.other() == "new"
    assert one.other.__self__ is one


def test_a_new_field_has_its_initial_value(app):
    """What is made anew for each object is so here."""
    one, two = make(app, "one"), make(app, "two")
    edit = (
        "        mark = Field(session=True)\n        bag = Field(list)\n        size = Field(3)\n"
    )
    report = app.reload(
        things=lambda text: text.replace(
            "    mark = Field(session=True)\n", edit.replace("        ", "    ")
        )
    )
    assert report.ok, report
    assert report.fields_added == ["Thing.bag", "Thing.size"]
    assert (one.bag, one.size) == ([], 3)
    assert one.bag is not two.bag


def test_a_reload_that_fails_later_gives_the_class_back(app):
    """A field of another store raises when all classes have been exchanged; nothing has been added."""
    one, old = make(app, "one"), app.store("thing")
    other = """
        from cletus.storage import Field, Store
        from APP.core import service

        class Bad(Field):
            def deserialise(self, obj, name, data):
                SEEN
                raise ValueError("no")

        class Other(Store):
            service = service
            bad = KIND(0)
    """.replace("APP", app.name)
    assert app.reload(
        other=other.replace("KIND", "Field"), init=f"from {app.name} import core, things, other"
    ).ok
    app.store("other")("o")
    before, old = dict(vars(one)), app.store("thing")
    seen = (
        f"from {app.name}.things import Thing; assert type(Thing.manager.active()['one']) is Thing"
    )
    report = app.reload(
        other=other.replace("KIND", "Bad").replace("SEEN", seen),
        things=lambda text: text.replace("    mark = ", "    size = Field(3)\n    mark = "),
    )
    assert not report.ok
    assert "ValueError: no" in report.error
    assert type(one) is old
    assert dict(vars(one)) == before
    assert app.active("thing") == {"one": one}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("str", "str"),
        ("list[int] | None", "list[int] | None"),
        ("str", "int"),
        ("str", "str | None"),
        ("list[Kind]", "list[Kind]"),
        ("None", "str"),
    ],
)
def test_fields_that_state_a_type_stay_if_it_is_the_same_one(run, before, after):
    """A value is checked against another type; the object is the same one in any case."""
    text = """
        import enum
        from cletus.storage import Field, Store
        from APP.core import service

        class Kind(enum.Enum):
            GOOD = "good"

        class Thing(Store):
            service = service
            value = Field(type=TYPE)
    """
    app = run(things=text.replace("TYPE", before))
    one = make(app, "one")
    kind = app.module("things").Kind
    one.value = value = {"str": "7", "list[Kind]": [kind.GOOD], "None": "7"}.get(before, [7])
    report = app.reload(things=text.replace("TYPE", after).replace("APP", app.name))
    now = app.active("thing")["one"]
    assert report.ok is ((before, after) != ("str", "int")), report
    assert now is one
    assert now.value is value
    if before == "list[Kind]":
        assert now.value == [app.module("things").Kind.GOOD]


def test_one_that_is_not_active_is_converted_too(app):
    """Somebody refers to it: it is one object with one class for everybody."""
    lost, holder = make(app, "lost"), make(app, "holder")
    app.store("thing").manager.remove_active(lost)
    holder.other = lost
    assert app.reload(things=lambda text: text.replace('"old"', '"new"')).ok
    assert holder.other is lost
    assert lost.shout() == "new"


def test_one_that_the_new_code_made_itself_is_filled(app):
    """The object that a module body makes is the one that there was, also in the module."""
    one = make(app, "one")
    one.name = "mine"
    report = app.reload(things=lambda text: text + "\nMADE = Thing('one')\n")
    assert report.ok, report
    made = app.module("things").MADE
    assert app.active("thing")["one"] is made is one
    assert made.name == "mine"


def test_a_list_of_the_application_is_the_same_list_after_it(app):
    """On an object and on a client: whoever holds it holds the live one."""
    one, person = make(app, "one"), app.person()
    shared = person.client.items = one.items
    shared.append(app.module("things").Mark())
    assert app.reload().ok
    assert person.client.items is one.items is shared
    assert type(shared[0]) is app.module("things").Mark


@pytest.mark.parametrize(
    "text",
    [
        *("set('ab')", "['a']", "{'a': 1}", "('a', ['b'])", "frozenset('a')", "bytearray(b'a')"),
        *("__import__('collections').deque('ab')", "{Mark()}", "[{Mark()}]", "Mark()", "(Mark(),)"),
    ],
)
def test_what_it_shares_with_others_is_shared_afterwards(run, text):
    """With an object that is built anew, with a dialogue, a timer and a client; which comes first does not matter."""
    for first, second in (("Ordinary", ""), ("", "Ordinary")):
        app = run(
            things=f"""
            from cletus.storage import Field, Store
            from APP.core import service

            class Mark:
                pass

            class Early{first}(Store):
                service = service
                a = Field(session=True)
                b = Field("", type={"str" if second else "None"})

            class Late{second}(Store):
                service = service
                a = Field(session=True)
                b = Field("", type={"str" if first else "None"})
            """
        )
        shared = eval(text, vars(app.module("things")))
        early, late = app.store(f"early{first}")("x"), app.store(f"late{second}")("x")
        client = app.person().client
        early.a = late.a = client.a = shared
        early.again, client.more = [shared], {"x": shared}
        report = app.reload(things=lambda text: text.replace("type=str", "type=str | None"))
        assert report.ok, report
        early = app.active(f"early{first}")["x"]
        late = app.active(f"late{second}")["x"]
        assert early.a is late.a is client.a is early.again[0] is client.more["x"]


# -- the application's own code, which may run before the commit -----------------------------------

OTHER = """
    from cletus.storage import Field, Store
    from APP.core import service

    class Eager(Field):
        def deserialise(self, obj, name, data):
            from APP.things import Thing
            one = Thing.manager.active()["one"]
            BODY

    class Other(Store):
        service = service
        eager = Eager()
"""


def with_manager(text, add_active):
    """The text, and Thing has a manager with this ``add_active``."""
    manager = (
        "class Things(Manager):\n"
        f"        def add_active(self, obj):\n            {add_active}\n"
        "            super().add_active(obj)\n\n    class Thing(Store):\n        manager = Things()\n"
    )
    return text.replace("Field, Store", "Field, Manager, Store").replace(
        "class Thing(Store):\n", manager
    )


def field_added(text):
    return text.replace("    mark = F", "    size = Field(3)\n    mark = F")


@pytest.fixture
def eager(run):
    """Starts an application in which a field of another store does something with ``one``."""

    def start(body, things=THINGS):
        app = run(core=CORE, things=things, other=OTHER.replace("BODY", body))
        app.store("other")("o")
        return app, make(app, "one")

    return start


def test_a_manager_sees_a_field_that_is_new(run):
    """``add_active`` may look at it, as it does at that of an object just made."""
    seen = "self.sizes = {**getattr(self, 'sizes', {}), obj.key: obj.size}"
    app = run(core=CORE, things=THINGS)
    make(app, "one")
    text = with_manager(THINGS, seen).replace(
        "    mark = F", "    size = Field(3)\n        mark = F"
    )
    report = app.reload(things=text.replace("APP", app.name))
    assert report.ok, report
    assert app.store("thing").manager.sizes == {"one": 3}


def test_other_fields_see_a_field_that_is_new(eager):
    app, _ = eager("obj.seen = getattr(one, 'size', 'none')")
    report = app.reload(things=field_added)
    assert report.ok, report
    assert app.active("other")["o"].seen == 3


def test_what_other_fields_see_is_of_the_new_code(eager):
    app, one = eager("obj.seen = [type(one.mark), type(one.items[0])]")
    one.mark = app.module("things").Mark()
    one.items.append(one.mark)
    assert app.reload().ok
    assert app.active("other")["o"].seen == [app.module("things").Mark] * 2


def test_what_other_fields_write_lasts(eager):
    app, one = eager("one.mark = 'written'; one.items.append('written'); one.other = {'a': 1}")
    one.mark = app.module("things").Mark()
    one.items.append(one.mark)
    assert app.reload().ok
    assert (one.mark, one.items[1:], one.other) == ("written", ["written"], {"a": 1})


@pytest.mark.parametrize("added", [False, True])
def test_what_other_fields_write_is_taken_back_with_the_rest(eager, added):
    """R1: attributes, and what is in lists, dicts and sets, are as they were, and the same objects."""
    app, one = eager("one.name = 'x'; one.items.clear(); one.other.add(4); one.new = 1; FAIL")
    mark = one.mark = app.module("things").Mark()
    one.items.append(mark)
    one.other = {1, 2}
    before = dict(vars(one))
    report = app.reload(
        other=lambda text: text.replace("FAIL", "raise ValueError('no')"),
        **({"things": field_added} if added else {}),
    )
    assert not report.ok
    assert dict(vars(one)) == before
    assert (one.items, one.other, one.items is before["items"]) == ([mark], {1, 2}, True)
    assert one.mark is one.items[0] is mark


def test_a_list_that_an_import_has_changed_is_taken_back_too(run):
    """A client has it as well, so it was noted before the import."""
    app = run(core=CORE, things=THINGS)
    one, person = make(app, "one"), app.person()
    person.client.shared = one.items
    report = app.reload(
        things=lambda text: (
            text.replace(
                "class Mark:",
                "for client in service.clients:\n    client.shared.append('body')\n\nclass Mark:",
            )
            + "\n    size = Field(lambda: 1 / 0)\n"
        )
    )
    assert "ZeroDivisionError" in report.error
    assert one.items == []


def test_a_default_that_raises_names_the_object_and_the_field(app):
    make(app, "one")
    report = app.reload(things=lambda text: text + "\n    size = Field(lambda: 1 / 0)\n")
    assert "Thing 'one', field 'size': its default raised" in report.error
    assert "ZeroDivisionError" in report.error


def test_an_add_active_that_raises_names_the_object(app):
    make(app, "one")
    text = with_manager(THINGS, "raise ValueError('no')").replace("APP", app.name)
    report = app.reload(things=text)
    assert "Thing 'one': add_active() raised" in report.error
    assert "ValueError: no" in report.error


def test_a_manager_that_gives_its_own_dict_keeps_its_objects(run):
    """What ``active()`` returns is only looked at: also a refused reload leaves it alone."""
    text = with_manager(THINGS, "pass").replace(
        "        def add_active",
        "        def active(self):\n            return self._active\n\n        def add_active",
    )
    app = run(core=CORE, things=text)
    one = make(app, "one")
    broken = text.replace("mark = F", "size = Field(lambda: 1 / 0)\n        mark = F")
    assert not app.reload(things=broken.replace("APP", app.name)).ok
    assert app.active("thing") == {"one": one}
    assert app.reload(things=text.replace("APP", app.name)).ok
    assert app.active("thing") == {"one": one}


# -- which of them it is, and in which order --------------------------------------------------------


def test_they_keep_their_order_among_others(app):
    """One that has to be built anew does not go to the end of a list of who is there."""
    for key in "abc":
        make(app, key)
    app.active("thing")["a"].from_dict({"strange": 1})
    assert app.reload().ok
    assert list(app.active("thing")) == ["a", "b", "c"]


@pytest.mark.parametrize("bag_first", [True, False])
@pytest.mark.parametrize("kind", ["None", "int"])
def test_one_that_another_makes_in_its_place_is_filled(run, bag_first, kind):
    """As one that a module body makes; whether it would have stayed itself or not."""
    bag = f"""
    class Bag(Store):
        service = service
        gold = Field(0, type={kind})
        kind = Field(None, session=True)
    """
    user = """
    class User(Store):
        service = service

        def __init__(self, key, **values):
            super().__init__(key, **values)
            self.bag = Bag(key)
    """
    start = "    from cletus.storage import Field, Store\n    from APP.core import service\n"
    app = run(things=start + (bag + user if bag_first else user + bag))
    bag = app.store("user")("bob").bag
    bag.gold, bag.kind = 7, bag
    assert app.reload().ok
    now = app.active("user")["bob"].bag
    assert now is app.active("bag")["bob"]
    assert (now.gold, now.kind is now) == (7, True)
    assert vars(bag) is vars(now)


def test_a_class_with_slots_keeps_what_is_in_them(run):
    app = run(core=CORE, things=THINGS + "        __slots__ = ('hidden', 'empty')\n")
    one = make(app, "one")
    one.hidden = app.module("things").Mark()
    assert app.reload().ok
    one = app.active("thing")["one"]
    assert type(one.hidden) is app.module("things").Mark
    assert not hasattr(one, "empty")


def test_an_attribute_for_an_object_of_a_store_that_is_gone(run):
    """It refers to the object as before, and the object is back with its store."""
    dogs = "    from cletus.storage import Store\n    from APP.core import service\n"
    dogs += "    class Dog(Store):\n        service = service\n"
    app = run(core=CORE, things=THINGS, dogs=dogs)
    one = make(app, "one")
    one.pet = rex = app.store("dog")("rex")
    assert app.reload(dogs="").ok
    assert one.pet is rex
    assert app.reload(dogs=dogs.replace("APP", app.name)).ok
    assert one.pet is rex is app.active("dog")["rex"]
    assert type(rex) is app.store("dog")


@pytest.mark.parametrize("typed", ["", ", type=int"])
def test_an_attribute_becomes_a_field(app, typed):
    """The field has its initial value, as after a restart: what was there is no value of a field."""
    one = make(app, "one")
    one.size = "an attribute"
    edit = f"size = Field(3{typed})\n    mark = Field(session=True)"
    assert app.reload(things=lambda text: text.replace("mark = Field(session=True)", edit)).ok
    assert one.size == 3


def test_a_class_has_its_own_idea_of_what_is_equal_and_true(run):
    """Nothing of ours asks a store object whether it is equal, or true, or how it is hashed."""
    text = THINGS + (
        "        def __eq__(self, other):\n            return self.name == other.name\n"
        "        def __len__(self):\n            return 0\n"
    )
    app = run(core=CORE, things=text)
    one, two, person = make(app, "one"), make(app, "two"), app.person()
    one.other, two.items, person.client.thing = two, [one, two], one
    typed = text.replace("APP", app.name).replace('"a thing"', '"a thing", type=str')
    for things in (text.replace("APP", app.name), typed, typed):
        assert app.reload(things=things).ok
        now = app.active("thing")
        assert person.client.thing is now["one"]
        assert [id(each) for each in now["two"].items] == [id(now["one"]), id(now["two"])]
    app.store("thing").manager.remove_active(now["one"])
    app.store("thing").manager.remove_active(now["one"])
    assert list(app.active("thing")) == ["two"]
