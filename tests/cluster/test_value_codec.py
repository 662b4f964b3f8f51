"""Values of the application cross the bus, and come back as they were; code does not."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import functools
import pathlib
import random
import re
import uuid
import zoneinfo
from collections.abc import Iterator
from typing import Any, NamedTuple

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus import Service
from cletus.cluster.value_codec import Tag, decode, encode
from cletus.errors import RestartError
from cletus.restart.by_name import Named, Naming, Reader
from cletus.storage import Field, Store
from cletus.text import style


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int


@attrs.define
class Box:
    size: int


class Record(msgspec.Struct):
    name: str
    parts: list[int] = []


class Pair(NamedTuple):
    first: int
    second: str


class Plain:
    def __init__(self, **values: Any) -> None:
        vars(self).update(values)

    def method(self) -> str:
        return "called"

    def __eq__(self, other: object) -> bool:
        return type(other) is Plain and vars(self) == vars(other)

    def __hash__(self) -> int:
        return 1


class Slotted:
    __slots__ = ("one", "two")


class Evil:
    def __reduce__(self) -> Any:
        return print, ("called",)


def function() -> str:
    return "called"


HERE = Plain(words="of the module")


class Bench:
    """A service whose application is this module."""

    def __init__(self) -> None:
        self.service = Service(store="memory:")
        session = self.service.session
        session.application = session.application.including([__name__])
        self.user: Any = type("User", (Store,), {"service": self.service, "score": Field(0)})
        self.owns = session.application.owns

    def encoded(self, value: Any) -> bytes:
        return encode(value, Naming(Named(self.service, {})), self.owns)

    def decoded(self, data: bytes) -> Any:
        return decode(data, Reader(Named(self.service, {})), self.owns)

    def copy(self, value: Any) -> Any:
        return self.decoded(self.encoded(value))


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.service.session.close()


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.text()), inner)
        | st.frozensets(st.integers() | st.text())
        | st.sets(st.integers())
        | st.builds(Plain, a=inner)
    ),
)


@given(value=_values)
def test_plain_values_come_back(bench: Bench, value: Any) -> None:
    copy = bench.copy(value)
    assert copy == value
    assert type(copy) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        2**200,
        -(2**63) - 1,
        1 + 2j,
        bytearray(b"abc"),
        range(3, 9, 2),
        datetime.datetime(2026, 11, 29, tzinfo=datetime.UTC),
        datetime.date(2026, 11, 29),
        datetime.time(1, 2),
        datetime.timedelta(3, 4),
        zoneinfo.ZoneInfo("Europe/Berlin"),
        decimal.Decimal("1.50"),
        uuid.UUID(int=7),
        pathlib.Path("/a/b"),
        re.compile("a+", re.IGNORECASE),
        collections.deque([1, 2], maxlen=3),
        collections.defaultdict(list, {"a": [1]}),
        collections.Counter("abca"),
        collections.OrderedDict(b=1, a=2),
        array.array("I", (1, 2)),
        Colour.RED,
        Point(1, 2),
        Box(3),
        Record("a", [1]),
        Pair(1, "b"),
        Plain(),
        style("words"),
        function,
        Plain,
        int,
        (Plain(a=[{1: {2}}]), Plain()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_many_classes_come_back(bench: Bench, value: Any) -> None:
    copy = bench.copy(value)
    assert copy == value
    assert type(copy) is type(value)


def test_others_work_as_before(bench: Bench) -> None:
    dice = random.Random(3)
    assert bench.copy(dice).random() == dice.random()
    assert bench.copy(functools.partial(Plain, a=3))() == Plain(a=3)
    assert bench.copy(Plain(a=1).method)() == "called"
    slotted = Slotted()
    slotted.one = 1
    copy = bench.copy(slotted)
    assert copy.one == 1
    assert not hasattr(copy, "two")


def test_what_was_one_object_stays_one(bench: Bench) -> None:
    """In a cycle, too."""
    shared = [1]
    first, second, again = bench.copy([shared, {"a": shared}, Plain(b=shared)])
    assert first is second["a"] is again.b
    loop = Plain()
    loop.me, loop.all = loop, {"a": [loop]}
    copy = bench.copy(loop)
    assert copy.me is copy is copy.all["a"][0]


def test_what_is_here_already_is_named(bench: Bench) -> None:
    user = bench.user("ann")
    HERE.words = "changed"
    copy = bench.copy([user, bench.service, HERE, HERE])
    assert copy == [user, bench.service, HERE, HERE]
    assert all(map(lambda one, other: one is other, copy, [user, bench.service]))
    assert copy[2] is copy[3] is HERE
    assert len(bench.encoded(user)) < 40


@pytest.mark.parametrize(
    "value",
    [
        Evil(),
        open,
        print,
        lambda: None,
        (number for number in ()),
        re,
        ValueError("x"),
        object.__new__(type("Local", (), {})),
        iter([]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_code_and_what_belongs_to_the_process_is_refused(bench: Bench, value: Any) -> None:
    with pytest.raises(Exception, match=r"move|pickle|top of its module"):
        bench.encoded([value])


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ([Tag.CALL, "os", "system", [Tag.TUPLE, "true"], None, [], []], "no os.system"),
        ([Tag.CALL, __name__, "function", [Tag.TUPLE], None, [], []], "is not a class"),
        ([Tag.BY_NAME, "subprocess", "Popen"], "no subprocess.Popen"),
        ([Tag.BY_NAME, __name__, "Gone"], "no tests.cluster.test_value_codec.Gone"),
        ([Tag.BY_NAME, __name__, "random._os.system"], "no .*random._os.system"),
        (
            [Tag.CALL, __name__, "random.SystemRandom", [Tag.TUPLE], None, [], []],
            "no .*SystemRandom",
        ),
        ([Tag.NEW, "cletus.logs", "threading.Thread", [Tag.TUPLE], None, [], []], "no .*Thread"),
        ([Tag.METHOD, [Tag.BY_NAME, __name__, "function"], "__globals__"], "not a method"),
        ([99], "unknown tag"),
    ],
)
def test_nothing_else_can_be_asked_for(bench: Bench, tree: Any, words: str) -> None:
    """Whoever can write on the bus."""
    with pytest.raises(RestartError, match=words):
        bench.decoded(msgspec.msgpack.encode(tree))
