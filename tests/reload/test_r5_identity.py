"""R5: what was one object before is one object after; cycles survive."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cletus.testing import assert_survives_reload
from cletus.testing.describe import describe

THINGS = """
    import collections, dataclasses, datetime, decimal, enum, weakref
    from cletus.storage import Field, Store
    from APP.core import service

    class Colour(enum.Enum):
        RED = 1
        BLUE = 2

    class Can(enum.Flag):
        READ = 1
        WRITE = 2

    @dataclasses.dataclass
    class Point:
        x: object
        y: object = None

    @dataclasses.dataclass(frozen=True, slots=True)
    class Fixed:
        x: object

    Pair = collections.namedtuple("Pair", "left right")

    class Plain:
        pass

    class Slotted:
        __slots__ = ("a", "b", "__weakref__")

    class Bag(list):
        pass

    class Names(dict):
        pass

    class Trouble(Exception):
        def __init__(self, what, *, level=0):
            super().__init__(what)
            self.level = level
        def __reduce__(self):
            return Trouble, self.args, {"level": self.level}

    class Thing(Store):
        service = service
        a = Field(session=True)
        b = Field(session=True)
"""


@pytest.fixture
def app(run):
    return run(things=THINGS)


def thing(app, key: str) -> Any:
    return app.active("thing").get(key) or app.store("thing")(key)


def test_two_fields_that_share_a_list_share_one_after(app):
    one, two = thing(app, "one"), thing(app, "two")
    one.a = one.b = two.a = ["x"]
    assert app.reload().ok
    one, two = thing(app, "one"), thing(app, "two")
    assert one.a is one.b is two.a
    assert one.a == ["x"]


def test_an_ordinary_object_stays_itself_with_its_containers(app):
    """A list that somebody has taken out of it and kept is the live one."""
    one, before = thing(app, "one"), ["x"]
    one.a = before
    app.reload()
    assert thing(app, "one") is one
    one.a.append("y")
    assert before == ["x", "y"]


def test_cycles_through_containers_objects_and_stores_survive(app):
    one, two = thing(app, "one"), thing(app, "two")
    point = app.module("things").Point(one)
    point.y = [point, two, {"self": point}]
    one.a, two.a = two, (one, point)
    one.b = one
    loop: list[Any] = []
    loop.append(loop)
    two.b = loop
    app.reload()
    one, two = thing(app, "one"), thing(app, "two")
    point = two.a[1]
    assert one.a is two
    assert one.b is one
    assert two.a[0] is one
    assert point.x is one
    assert point.y[0] is point
    assert point.y[2]["self"] is point
    assert point.y[1] is two
    assert two.b[0] is two.b


def test_a_tuple_in_a_cycle_survives(app):
    one = thing(app, "one")
    inner: list[Any] = []
    one.a = (inner, 1)
    inner.append(one.a)
    app.reload()
    one = thing(app, "one")
    assert one.a[0][0] is one.a


def instances(things: Any) -> dict[str, Any]:
    plain, slotted = things.Plain(), things.Slotted()
    plain.x, slotted.a = [1], {"k": plain}
    bag, names = things.Bag([1, plain]), things.Names(k=plain)
    bag.owner = "bob"
    return {
        "enum": things.Colour.BLUE,
        "flags": things.Can.READ | things.Can.WRITE,
        "dataclass": things.Point(1, [2]),
        "frozen slotted dataclass": things.Fixed([plain]),
        "namedtuple": things.Pair(plain, 2),
        "plain class": plain,
        "slotted class": slotted,
        "list subclass": bag,
        "dict subclass": names,
        "exception": things.Trouble("x", level=3),
        "class": things.Point,
        "function": things.Trouble.__init__,
        "bound method": things.Thing("m").to_dict,
        "deque": things.collections.deque([plain], maxlen=3),
        "defaultdict": things.collections.defaultdict(list, k=[plain]),
        "ordered": things.collections.OrderedDict(k=plain),
        "counter": things.collections.Counter("abca"),
        "set": {things.Colour.RED, 1},
        "frozenset": frozenset({things.Colour.RED}),
        "weak reference": things.weakref.ref(things.Thing("kept")),
        "datetime": things.datetime.datetime(2026, 1, 1, tzinfo=things.datetime.UTC),
        "decimal": things.decimal.Decimal("1.5"),
        "bytes": b"x",
        "bytearray": bytearray(b"x"),
        "range": range(3),
        "complex": 1 + 2j,
        "module": things,
    }


@pytest.mark.parametrize(
    "what",
    [
        "enum",
        "flags",
        "dataclass",
        "frozen slotted dataclass",
        "namedtuple",
        "plain class",
        "slotted class",
        "list subclass",
        "dict subclass",
        "exception",
        "class",
        "function",
        "bound method",
        "deque",
        "defaultdict",
        "ordered",
        "counter",
        "set",
        "frozenset",
        "weak reference",
        "datetime",
        "decimal",
        "bytes",
        "bytearray",
        "range",
        "complex",
        "module",
    ],
)
def test_every_kind_of_value_is_carried_to_the_new_classes(app, what):
    value = instances(app.module("things"))[what]
    one = thing(app, "one")
    one.a, one.b = value, [value]
    before = describe(value)
    report = app.reload()
    assert report.ok, str(report)
    assert report.warnings == []
    one = thing(app, "one")
    assert describe(one.a) == before
    assert one.a is one.b[0] or one.a == one.b[0]
    kind = type(one.a)
    if kind.__module__ == "app0.things":
        assert kind is getattr(app.module("things"), kind.__name__)


def test_enum_members_are_the_new_members(app):
    thing(app, "one").a = app.module("things").Colour.BLUE
    app.reload()
    assert thing(app, "one").a is app.module("things").Colour.BLUE


def test_what_is_neither_data_nor_ours_stays_as_it_is(app):
    """A Deferred, a lock, a socket: nothing of them is lost, so there is nothing to say about them."""
    import threading

    from twisted.internet.defer import Deferred

    lock, deferred = threading.Lock(), Deferred()
    thing(app, "one").a = [lock, deferred]
    report = app.reload()
    assert thing(app, "one").a == [lock, deferred]
    assert report.warnings == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("lambda: 1", "does not have a name"),
        (
            "type('Local', (), {'__module__': things.__name__, '__qualname__': 'f.<locals>.Local'})()",
            "does not have a name",
        ),
        ("(n for n in [1])", ""),
    ],
)
@pytest.mark.parametrize("strict", [False, True])
def test_what_the_new_code_cannot_name_stays_and_is_named_or_refuses_a_strict_reload(
    app, value, reason, strict
):
    """The message has the store, the key, the field and the reason."""
    app.service.configure(reload_strict=strict)
    namespace = {**vars(app.module("things")), "things": app.module("things")}
    held = eval(value, namespace)
    thing(app, "one").a = {"deep": [held]}
    report = app.reload()
    assert report.ok is (not strict or not reason)
    assert thing(app, "one").a["deep"][0] is held
    if not reason:
        assert report.warnings == []  # a generator is not a value of the old code
        return
    said = report.error if strict else "\n".join(report.warnings)
    for word in ("Thing 'one'", "field 'a'", reason):
        assert word in said


def test_old_store_objects_that_are_not_active_are_carried_as_the_same_object(app):
    one, lost = thing(app, "one"), thing(app, "lost")
    lost.a = ["kept"]
    app.store("thing").manager.remove_active(lost)
    one.a, one.b = lost, [lost]
    app.reload()
    one = thing(app, "one")
    assert one.a is one.b[0]
    assert one.a.a == ["kept"]
    assert type(one.a) is app.store("thing")
    assert "lost" not in app.active("thing")
    lost.a.append("written through the old reference")
    assert one.a.a == ["kept", "written through the old reference"]


leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
)
hashable = st.integers() | st.text() | st.booleans()
graphs = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(hashable, inner)
        | st.tuples(inner, inner)
        | st.sets(hashable)
        | st.frozensets(hashable)
    ),
    max_leaves=30,
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pairs=st.lists(st.tuples(graphs, graphs), min_size=1, max_size=8))
def test_any_graph_of_plain_data_survives_with_its_sharing(app, pairs):
    """Several in one reload, which takes longer than all the rest."""
    one, two = thing(app, "one"), thing(app, "two")
    one.a, one.b = [value for value, _ in pairs], [shared for _, shared in pairs]
    two.a, two.b = [(shared, value) for value, shared in pairs], one
    new = assert_survives_reload(app.service, one)
    two = thing(app, "two")
    assert all(
        pair[0] is shared and pair[1] is value
        for pair, value, shared in zip(two.a, new.a, new.b, strict=True)
    )
    assert two.b is new
