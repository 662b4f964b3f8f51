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
    assert one.mark is not mark
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
    ("before", "after", "stays"),
    [
        ("str", "str", True),
        ("list[int] | None", "list[int] | None", True),
        ("str", "int", False),
        ("str", "str | None", False),
        ("list[Kind]", "list[Kind]", False),
        ("None", "str", False),
    ],
)
def test_fields_that_state_a_type_stay_if_it_is_the_same_one(run, before, after, stays):
    """A type of the application is another one after each reload: its values are made anew."""
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
    assert (now is one) is (stays or not report.ok)
    if stays:
        assert now.value is value
    elif before == "list[Kind]":
        assert now.value == [app.module("things").Kind.GOOD]


def test_an_older_alias_of_it_stays_one(app):
    """One that was made when the object could not stay itself: its class is kept up to date, too."""
    old = make(app, "one")
    typed = lambda text: text.replace('Field("a thing")', 'Field("a thing", type=str)')  # noqa: E731
    assert app.reload(things=typed).ok
    now = app.active("thing")["one"]
    assert now is not old
    assert app.reload(things=THINGS.replace("APP", app.name)).ok
    now = app.active("thing")["one"]
    for shout in ("newer", "newest"):
        assert app.reload(things=THINGS.replace("APP", app.name).replace("old", shout)).ok
        assert app.active("thing")["one"] is now
        assert vars(old) is vars(now)
        assert old.shout() == shout


def test_one_that_is_not_active_finds_the_object_whose_alias_it_is(app):
    """Somebody refers to an older alias: from now on to the object itself."""
    old, holder = make(app, "one"), make(app, "holder")
    assert app.reload(
        things=lambda text: text.replace('Field("a thing")', 'Field("a thing", type=str)')
    ).ok
    holder = app.active("thing")["holder"]
    holder.other = old
    assert app.reload(things=THINGS.replace("APP", app.name)).ok
    holder, one = app.active("thing")["holder"], app.active("thing")["one"]
    assert holder.other is one
    holder.other = old
    assert app.reload().ok
    assert holder.other is one


def test_one_that_the_new_code_made_itself_is_filled(app):
    """The object that a module body makes is the one; what was there becomes its alias."""
    one = make(app, "one")
    one.name = "mine"
    report = app.reload(things=lambda text: text + "\nMADE = Thing('one')\n")
    assert report.ok, report
    made = app.module("things").MADE
    assert app.active("thing")["one"] is made
    assert made.name == "mine"
    assert vars(one) is vars(made)


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
