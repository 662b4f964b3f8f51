"""Values whose classes change, or that have their own ideas of how they are carried."""

from __future__ import annotations

import weakref

import pytest

VALUES = """
    import dataclasses, enum, functools
    from typing import NamedTuple
    import attrs, msgspec
    from cletus.storage import Field, Store
    from APP.core import service

    @dataclasses.dataclass
    class Plain:
        # first
        name: str = ""

    @dataclasses.dataclass(frozen=True, slots=True)
    class Frozen:
        # first
        name: str = ""

    @attrs.define
    class Attrs:
        # first
        name: str = ""

    class Pair(NamedTuple):
        # first
        name: str = ""

    class Struct(msgspec.Struct):
        # first
        name: str = ""

    class Can(enum.Flag):
        READ = 1
        WRITE = 2

    class Missing:
        def __reduce__(self):
            return "MISSING"

    MISSING = Missing()

    class Grown(list):
        def __reduce__(self):
            return Grown, (), None, ([one] for one, in list(self))

    BAD = False

    class Key:
        def __hash__(self):
            if BAD:
                raise TypeError("no hash today")
            return 1

    def nameless():
        return lambda: None

    @functools.lru_cache
    def cached():
        return "v1"

    class Box(Store):
        service = service
        one = Field(session=True)
        two = Field(session=True)
"""


@pytest.fixture
def app(run):
    return run(values=VALUES)


@pytest.fixture
def box(app):
    return app.store("box")("box")


NEW_FIELDS = {
    "Plain": "new: list = dataclasses.field(default_factory=list)",
    "Frozen": "new: list = dataclasses.field(default_factory=list)",
    "Attrs": "new: list = attrs.field(factory=list)",
    "Pair": "new: list | None = None",
    "Struct": "new: list = msgspec.field(default_factory=list)",
}


@pytest.mark.parametrize("kind", NEW_FIELDS)
def test_records_keep_their_values_by_name_and_new_fields_have_their_defaults(app, box, kind):
    """Also where a new field comes first, and the class would be put together by order."""
    box.one = getattr(app.module("values"), kind)("bob")
    mark = f"class {kind}"

    def with_new_field(text):
        before, after = text.split(mark)
        return before + mark + after.replace("# first", NEW_FIELDS[kind], 1)

    report = app.reload(values=with_new_field)
    assert report.ok, str(report)
    value = app.active("box")["box"].one
    assert value.name == "bob"
    assert not value.new
    assert type(value) is getattr(app.module("values"), kind)


class FieldInfo:
    """What pydantic, which Cletus does not need, says of a field."""

    def __init__(self, default=..., default_factory=None):
        self.default, self.default_factory = default, default_factory

    def is_required(self):
        return self.default is ... and self.default_factory is None

    def get_default(self, *, call_default_factory, validated_data):
        return self.default_factory() if self.default_factory else self.default


class Model:
    def __init_subclass__(cls):
        cls.__pydantic_fields__ = {
            name: vars(cls).get(name, FieldInfo()) for name in cls.__annotations__
        }
        for name in cls.__annotations__:
            if name in vars(cls):
                delattr(cls, name)

    def __init__(self, **values):
        vars(self).update(values)


MODEL = """
    from tests.reload.state.test_values import FieldInfo, Model
    from cletus.storage import Field, Store
    from APP.core import service

    class Spot(Model):
        x: int
        # more

    class Box(Store):
        service = service
        one = Field(session=True)
"""


def test_fields_of_pydantic_models_are_those_of_a_record(run):
    app = run(values=MODEL)
    spot = app.module("values").Spot(x=1)
    app.store("box")("box").one = spot
    report = app.reload(values=lambda text: text.replace("# more", "y: int"))
    assert "Spot has a new required field, 'y', which 1 object lacks" in report.error
    new = "y: int = FieldInfo(2)\n    tags: list = FieldInfo(default_factory=list)"
    assert app.reload(values=lambda text: text.replace("# more", new)).ok
    assert vars(spot) == {"x": 1, "y": 2, "tags": []}


@pytest.mark.parametrize("kind", ["Plain", "Frozen", "Attrs", "Pair", "Struct"])
def test_a_field_that_is_gone_takes_nothing_with_it(app, box, kind):
    mark = f"class {kind}"

    def edited(text, old, new):
        before, after = text.split(mark)
        return before + mark + after.replace(old, new, 1)

    assert app.reload(values=lambda text: edited(text, "# first", "gone: int = 0")).ok
    app.active("box")["box"].one = getattr(app.module("values"), kind)(7, "bob")
    report = app.reload(values=lambda text: edited(text, "gone: int = 0", "# first"))
    assert report.ok, str(report)
    assert app.active("box")["box"].one.name == "bob"


def test_a_new_field_of_a_named_tuple_without_default_refuses_the_reload(app, box):
    box.one = app.module("values").Pair("bob")
    report = app.reload(
        values=lambda text: text.replace(
            'class Pair(NamedTuple):\n    # first\n    name: str = ""',
            "class Pair(NamedTuple):\n    new: int\n    name: str",
        )
    )
    assert not report.ok
    assert "Box 'box', field 'one'" in report.error
    assert "app0.values.Pair has a new required field, 'new', which 1 object lacks" in report.error


def test_what_reduces_to_a_name_is_found_by_that_name(app, box):
    box.one = app.module("values").MISSING
    assert app.reload().ok
    assert app.active("box")["box"].one is app.module("values").MISSING


def test_a_cached_function_is_found_by_its_name(app, box):
    box.one = app.module("values").cached
    assert app.reload(values=lambda text: text.replace("v1", "v2")).ok
    assert app.active("box")["box"].one() == "v2"


def test_what_a_reduction_makes_on_the_fly_is_not_mistaken_for_something_else(app, box):
    """Python gives the ``id()`` of an object that has gone to the next one."""
    box.one = app.module("values").Grown([number] for number in range(100))
    assert app.reload().ok
    assert list(app.active("box")["box"].one) == [[number] for number in range(100)]


def test_code_of_the_application_that_raises_refuses_the_reload_naming_the_field(app, box):
    box.two = {app.module("values").Key(): 1}
    report = app.reload(values=lambda text: text.replace("BAD = False", "BAD = True"))
    assert not report.ok
    assert "Box 'box', field 'two': TypeError: no hash today" in report.error
    assert app.reload().ok


def test_a_store_goes_by_its_own_name_wherever_it_is_and_in_whatever_case(app, box):
    """Active objects do; so do those that are only referred to."""
    inactive = app.store("box")("lid")
    app.store("box").manager.remove(inactive)
    box.one = inactive
    assert app.reload(values=lambda text: text.replace("class Box", "class BOX")).ok
    assert type(app.active("box")["box"].one) is app.store("box")


def test_an_inactive_store_object_has_new_fields_too(app, box):
    inactive = app.store("box")("lid")
    app.store("box").manager.remove(inactive)
    box.one = inactive
    assert app.reload(values=lambda text: text + "    three = Field(list)\n").ok
    assert app.active("box")["box"].one.three == []


def test_what_the_new_code_cannot_name_hinders_nothing_beside_it(app, box):
    inactive = app.store("box")("lid")
    app.store("box").manager.remove(inactive)
    nameless = app.module("values").nameless()
    inactive.one, inactive.two = nameless, [app.module("values").cached]
    app.service.first, app.service.second = [[inactive]], nameless
    report = app.reload()
    assert len(report.warnings) == 1
    assert "(and 1 more)" in report.warnings[0]
    assert app.service.first == [[inactive]]
    assert (inactive.one, inactive.two) == (nameless, [app.module("values").cached])


SERVICE = """
    from cletus import Service

    class Talker(Service):
        def tick(self):
            self.said.append("v1")

    service = Talker()
    service.said = getattr(service, "said", [])
"""


def test_a_service_of_an_own_class_is_never_copied_and_its_methods_are_the_new_ones(run):
    app = run(core=SERVICE, values=VALUES)
    box = app.store("box")("box")
    box.one = app.service
    app.service.call_later(5, app.service.tick)
    said = app.service.said
    assert app.reload(core=lambda text: text.replace("v1", "v2")).ok
    assert app.active("box")["box"].one is app.service
    app.clock.advance(5)
    assert said == ["v2"]
    assert app.service.said is said


def test_weak_containers_hold_the_new_objects(app, box):
    """The old ones are gone after a reload, and a weak container would be empty."""
    app.service.online = weakref.WeakSet([box])
    app.service.by_name = weakref.WeakValueDictionary({"box": box})
    app.service.notes = weakref.WeakKeyDictionary({box: "note"})
    assert app.reload().ok
    new = app.active("box")["box"]
    assert list(app.service.online) == [new]
    assert app.service.by_name["box"] is new
    assert list(app.service.notes.items()) == [(new, "note")]


def test_flags_go_by_the_names_of_their_members_as_other_enums_do(app, box):
    flags = app.module("values").Can
    box.one, box.two = flags.READ | flags.WRITE, [flags.READ, flags(0)]
    renumbered = {"READ = 1": "READ = 8", "WRITE = 2": "WRITE = 1"}

    def edited(text):
        for old, new in renumbered.items():
            text = text.replace(old, new)
        return text

    assert app.reload(values=edited).ok
    box, flags = app.active("box")["box"], app.module("values").Can
    assert box.one is flags.READ | flags.WRITE
    assert box.two == [flags.READ, flags(0)]
    assert app.reload(values=lambda text: text.replace("WRITE = 1", "CHANGE = 1")).ok
    assert box.one == app.module("values").Can(9), "by its value, where it does not have its names"
    box.one = one = app.module("values").Can.CHANGE
    report = app.reload(values=lambda text: text.replace("CHANGE = 1", "LEAVE = 4"))
    assert "Box 'box', field 'one': app0.values.Can does not have" in report.warnings[0]
    assert box.one is one
