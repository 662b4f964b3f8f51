"""Typed values: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import attrs
import msgspec
import pytest

from cletus.errors import FieldValueError
from cletus.storage.typed import typed


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Rank(enum.IntEnum):
    NEW = 1
    OLD = 2


class Mood(enum.StrEnum):
    GLAD = "glad"


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass
class Sword:
    name: str
    level: int = 1
    forged: dt.date | None = None


@dataclass(eq=False)
class Shield:
    name: str
    parts: list[Sword] = field(default_factory=list)


@attrs.define
class Ring:
    power: float


class Potion(msgspec.Struct):
    effect: Colour


class Place(NamedTuple):
    x: int
    y: int


class Price(NamedTuple):
    gold: Annotated[int, msgspec.Meta(ge=0)]


class Note(TypedDict):
    text: str


UTC = dt.UTC
GOOD: list[tuple[Any, Any, Any]] = [
    (int, 5, 5),
    (float, 1.5, 1.5),
    (bool, True, True),
    (str, "x", "x"),
    (bytes, b"\xff", "/w=="),
    # One without a time zone stays so.
    (
        dt.datetime,
        dt.datetime.fromisoformat("2020-01-02T03:04:05.000006"),
        "2020-01-02T03:04:05.000006",
    ),
    (dt.datetime, dt.datetime(2020, 1, 2, tzinfo=UTC), "2020-01-02T00:00:00Z"),
    (dt.date, dt.date(2020, 1, 2), "2020-01-02"),
    (dt.time, dt.time(3, 4), "03:04:00"),
    (dt.timedelta, dt.timedelta(days=-3, microseconds=1), "-P2DT86399.999999S"),
    (uuid.UUID, uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    (decimal.Decimal, decimal.Decimal("1.10"), "1.10"),
    (Colour, Colour.RED, "red"),
    (Rank, Rank.OLD, 2),
    (Mood, Mood.GLAD, "glad"),
    (Rights, Rights.READ | Rights.WRITE, 3),
    (set[int], {1, 2}, [1, 2]),
    (frozenset[str], frozenset({"a"}), ["a"]),
    (tuple[int, str], (1, "a"), (1, "a")),
    (tuple[int, ...], (1, 2, 3), (1, 2, 3)),
    (list[Colour], [Colour.BLUE], ["blue"]),
    (dict[int, dt.date], {1: dt.date(2020, 1, 2)}, {"1": "2020-01-02"}),
    (dict[Colour, list[set[int]]], {Colour.RED: [{1}]}, {"red": [[1]]}),
    (Sword, Sword("x", 2), {"name": "x", "level": 2, "forged": None}),
    (list[Sword], [Sword("x")], [{"name": "x", "level": 1, "forged": None}]),
    (Ring, Ring(1.5), {"power": 1.5}),
    (Potion, Potion(Colour.RED), {"effect": "red"}),
    (Place, Place(1, 2), (1, 2)),
    (Note, {"text": "x"}, {"text": "x"}),
    (int | str, "x", "x"),
    (dt.date | None, None, None),
    (Sword | None, Sword("x"), {"name": "x", "level": 1, "forged": None}),
    (Annotated[int, msgspec.Meta(ge=0)], 0, 0),
    (Literal["a", "b"], "b", "b"),
    (list[list[int]], [[1], []], [[1], []]),
    (dict[str, Any], {"a": [1, None]}, {"a": [1, None]}),
    (Any, {"a": 1}, {"a": 1}),
]


@pytest.mark.parametrize(("kind", "value", "plain"), GOOD)
def test_a_value_has_two_forms(kind: Any, value: Any, plain: Any) -> None:
    """The form in JSON is accepted again, and equals the value in all its types."""
    form = typed(kind, optional=False)

    assert form.to_json(value, None, "x") == plain
    text = msgspec.json.encode(plain)
    back = form.accept(msgspec.json.decode(text), None, "x")
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(("kind", "value", "plain"), GOOD)
def test_a_value_in_memory_is_accepted_as_the_same_object(
    kind: Any, value: Any, plain: Any
) -> None:
    """A reload must not copy: two fields that share a list share it afterwards."""
    assert typed(kind, optional=False).accept(value, None, "x") is value


@pytest.mark.parametrize(
    ("kind", "data", "value"),
    [
        (float, 1, 1.0),
        (list[float], [1, 2], [1.0, 2.0]),
        (list[Rank], [1], [Rank.NEW]),
        (dict[Mood, int], {"glad": 1}, {Mood.GLAD: 1}),
        (tuple[Rank, ...], [2], (Rank.OLD,)),
        (set[Rank], [2], {Rank.OLD}),
        (list[decimal.Decimal], [1], [decimal.Decimal(1)]),
        (list[dict[str, float]], [{"a": 1}], [{"a": 1.0}]),
    ],
)
def test_equal_is_not_enough(kind: Any, data: Any, value: Any) -> None:
    """1 == 1.0 and 2 == Rank.OLD, and yet a list of the one is no list of the other."""
    back = typed(kind, optional=False).accept(data, None, "x")

    assert repr(back) == repr(value)


def test_instances_inside_containers_are_the_same() -> None:
    """What the application made is what it gets back."""
    sword = Sword("x")
    swords = {"a": [sword]}

    assert typed(dict[str, list[Sword]], optional=False).accept(swords, None, "x") is swords


def test_without_a_default_none_is_a_value() -> None:
    """A field that was never set can be saved and loaded."""
    for kind in (int, Sword, Rights):
        form = typed(kind, optional=True)
        assert form.to_json(None, None, "x") is None
        assert form.accept(None, None, "x") is None
    with pytest.raises(FieldValueError, match="expected int, found null"):
        typed(int, optional=False).accept(None, None, "x")


BAD: list[tuple[Any, Any, str, str, str]] = [
    (int, "5", "", "int", "str"),
    (int, True, "", "int", "bool"),
    (int, 1.5, "", "int", "float"),
    (str, 5, "", "str", "int"),
    (list[int], [1, "x"], "[1]", "int", "str"),
    (list[int], {}, "", "array", "object"),
    (dict[str, int], {"a": 1, "b": "x"}, "['b']", "int", "str"),
    (dict[str, list[int]], {"a": [1], "b": [1, "x"]}, "['b'][1]", "int", "str"),
    (dict[str, dict[str, int]], {"a": {}, "b": {"c": 1, "d": ""}}, "['b']['d']", "int", "str"),
    (list[dict[str, int]], [{}, {"a": 1, "b": None}], "[1]['b']", "int", "null"),
    (dict[int, int], {"x": 1}, " (a key)", "int", "str"),
    (set[int], {"x"}, "[0]", "int", "str"),
    (tuple[int, str], [1], "", "array of length 2", "1"),
    (Sword, {"level": 1}, "", "Sword", "object missing required field name"),
    (Sword, {"name": "x", "level": "y"}, ".level", "int", "str"),
    (list[Sword], [{"name": "x", "level": None}], "[0].level", "int", "null"),
    (Colour, "green", "", "Colour", "invalid enum value 'green'"),
    (dt.date, "yesterday", "", "date", "invalid RFC3339 encoded date"),
    (Annotated[int, msgspec.Meta(ge=0)], -5, "", "int >= 0", "-5"),
    (Price, [-5], "[0]", "int >= 0", "-5"),
    (Rights, "READ", "", "Rights", "str"),
    (Rights, 8, "", "Rights", "8"),
    (list[Annotated[int, msgspec.Meta(ge=0)]], [1, -5], "[1]", "int >= 0", "-5"),
    (Annotated[str, msgspec.Meta(max_length=2)], "secret", "", "str of length <= 2", "str"),
]


@pytest.mark.parametrize(("kind", "data", "path", "expected", "found"), BAD)
def test_a_mistake_is_named(kind: Any, data: Any, path: str, expected: str, found: str) -> None:
    """The path inside the value, what was expected there, and what was found."""
    with pytest.raises(FieldValueError) as caught:
        typed(kind, optional=False).accept(data, None, "field")
    error = caught.value
    assert (error.field, error.path, error.expected, error.actual) == (
        "field",
        path,
        expected,
        found,
    )
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("kind", "value", "path", "expected", "found"),
    [
        (dt.date, "2020-01-01", "", "date", "str"),
        (list[dt.date], [dt.date(2020, 1, 1), "2020-01-01"], "[1]", "date", "str"),
        (dict[str, bytes], {"a": "eA=="}, "['a']", "bytes", "str"),
        (Sword, Sword("x", level="high"), ".level", "int", "str"),  # type: ignore[arg-type]
        (list[Sword], [Sword("x"), Sword("y", forged=5)], "[1].forged", "date | null", "int"),  # type: ignore[arg-type]
        (dict[str, list[Sword]], {"a": [Sword("x", "high")]}, "['a'][0].level", "int", "str"),  # type: ignore[arg-type]
        (list[int], ["x"], "[0]", "int", "str"),
        (int, None, "", "int", "null"),
        (Rights, 1, "", "Rights", "1"),
    ],
)
def test_a_value_is_checked_before_it_is_saved(
    kind: Any, value: Any, path: str, expected: str, found: str
) -> None:
    """A text in place of a date would load as a date: what is in memory must fit as it is."""
    with pytest.raises(FieldValueError) as caught:
        typed(kind, optional=False).to_json(value, None, "field")
    assert (caught.value.path, caught.value.expected) == (path, expected)
    assert caught.value.actual == found


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (Any, float("nan"), "state its type more closely"),
        (Any, (1, 2), "state its type more closely"),
        (list[Any], [(1, 2)], "state its type more closely"),
        (dict[str, Any], {"a": {1: 2}}, "state its type more closely"),
        (list, [{1}], "state its type more closely"),
        (object, object(), "unsupported"),
        (Any, lambda: None, "what JSON can express"),
        (dict[tuple[int, int], int], {(1, 2): 3}, "what JSON can express"),
    ],
)
def test_what_json_would_change_is_refused(kind: Any, value: Any, words: str) -> None:
    """Nothing is written that would come back as something else."""
    with pytest.raises(FieldValueError, match=words):
        typed(kind, optional=False).to_json(value, None, "x")


def test_a_value_inside_itself_is_refused() -> None:
    """There is an error for it, and not a stack overflow."""
    value: list[Any] = []
    value.append(value)

    with pytest.raises(FieldValueError, match="nested"):
        typed(list[Any], optional=False).to_json(value, None, "x")


@pytest.mark.parametrize("kind", [Callable, 5, dt.date | dt.datetime, object()])
def test_a_type_that_msgspec_does_not_convert(kind: Any) -> None:
    """It is a TypeError at once, or a value of such a type cannot be saved."""
    try:
        form = typed(kind, optional=False)
    except TypeError:
        return
    with pytest.raises(FieldValueError):
        form.to_json(print, None, "x")


def test_a_type_of_ones_own_is_checked_by_isinstance() -> None:
    """Session fields may say so what they hold; it is carried as it is."""

    class Socket:
        pass

    socket = Socket()
    form = typed(Socket, optional=True)

    assert form.accept(socket, None, "x") is socket
    with pytest.raises(FieldValueError, match="expected Socket, found int"):
        form.accept(5, None, "x")
    with pytest.raises(FieldValueError, match="what JSON can express, found Socket"):
        form.to_json(socket, None, "x")


def test_equality_of_their_own_does_not_matter() -> None:
    """A class without equality is checked and converted like any other."""
    shield = Shield("x", [Sword("y")])
    form = typed(Shield, optional=False)
    back = form.accept(form.to_json(shield, None, "x"), None, "x")

    assert (back.name, back.parts) == (shield.name, shield.parts)
    assert form.accept(shield, None, "x") is shield
