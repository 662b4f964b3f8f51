"""The text of a store object: what it looks like, what cannot be written, what cannot be read."""

from __future__ import annotations

import datetime as dt
import enum
import json
from collections import Counter, OrderedDict, defaultdict
from typing import Any

import pytest

from cletus import Service
from cletus.errors import CorruptStore, FieldValueError, NewerStore
from cletus.storage import Field, Store
from cletus.storage.document import decode, plain
from tests.storage.rig import make_service, put


class Level(enum.IntEnum):
    LOW = 1


class Size(enum.Enum):
    BIG = "big"


@pytest.fixture
def service() -> Service:
    return make_service()


def _thing(owner: Service, **attributes: Any) -> Any:
    return type("Thing", (Store,), {"service": owner, **attributes})


def test_a_file_is_made_for_people(service: Service) -> None:
    """Indented, fields in the order of declaration, texts as they are, an end of line at the end."""
    thing = _thing(
        service,
        version=3,
        zebra=Field("é\n"),
        apple=Field([1, {"b": [], "a": None}]),
        seen=Field(dt.date(2020, 1, 2), type=dt.date),
    )

    assert thing("x").to_json() == (
        "{\n"
        '  "_version": 3,\n'
        '  "zebra": "é\\n",\n'
        '  "apple": [\n'
        "    1,\n"
        "    {\n"
        '      "b": [],\n'
        '      "a": null\n'
        "    }\n"
        "  ],\n"
        '  "seen": "2020-01-02"\n'
        "}\n"
    )


class Text(str):
    __slots__ = ()


class Numbers(list[int]):
    pass


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, -5, 2**70, 1.5, -0.0, 1e300, "", "é🙂\0\u2028", [], {}),
        *([[{"a": [None]}]], "\x7f", {"": ""}, {"_x": 1}),
    ],
)
def test_an_untyped_field_takes_what_json_takes(service: Service, value: object) -> None:
    """It comes back as it was."""
    thing = _thing(service, value=Field())
    text = thing("x", value=value).to_json()
    back = thing("y")
    back.from_json(text)

    assert repr(back.value) == repr(value)
    assert json.loads(text) == {"value": value}


@pytest.mark.parametrize(
    ("value", "path", "expected", "found"),
    [
        ((1, 2), "", "what JSON takes", "tuple"),
        ({1, 2}, "", "what JSON takes", "set"),
        (b"x", "", "what JSON takes", "bytes"),
        (dt.date(2020, 1, 1), "", "what JSON takes", "date"),
        (Size.BIG, "", "what JSON takes", "Size"),
        ({"a": [1, (2,)]}, "['a'][1]", "what JSON takes", "tuple"),
        ({1: 2}, "", "keys that are texts", "1 as a key"),
        ({"a": {None: 2}}, "['a']", "keys that are texts", "None as a key"),
        (float("nan"), "", "a number that JSON has", "nan"),
        ([1.0, float("-inf")], "[1]", "a number that JSON has", "-inf"),
        ("\ud800", "", "a text", "a lone surrogate"),
        ({"\ud800": 1}, " (a key)", "a text", "a lone surrogate"),
        (object(), "", "what JSON takes", "object"),
        ([print], "[0]", "what JSON takes", "builtin_function_or_method"),
    ],
)
def test_anything_else_is_refused(
    service: Service, value: object, path: str, expected: str, found: str
) -> None:
    """The error names store, key, field, path, what was expected and what was found."""
    thing = _thing(service, good=Field(1), value=Field(), more=Field(2))
    with pytest.raises(FieldValueError) as caught:
        thing("x", value=value).to_json()
    error = caught.value

    assert (error.store, error.key, error.field, error.path) == ("Thing", "x", "value", path)
    assert error.expected == expected
    assert error.actual.startswith(found)


def test_nothing_is_written_then(service: Service) -> None:
    """Not a byte: what was saved before is there."""
    thing = _thing(service, value=Field(1))("x")
    thing.save()
    before = service.session.writer.read("thing", "x")
    thing.value = {1, 2}
    with pytest.raises(FieldValueError):
        thing.save()

    assert service.session.writer.read("thing", "x") == before


def test_a_value_inside_itself_is_refused(service: Service) -> None:
    """So is one that is nested too deep; there is no stack overflow."""
    endless: list[Any] = []
    endless.append(endless)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    thing = _thing(service, value=Field())
    for value in (endless, deep):
        with pytest.raises(FieldValueError, match=r"value: expected .*nested too deep"):
            thing("x", value=value).to_json()
    while deep:  # or Python's own destructor has the depth to deal with
        deep = deep[0]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (float, float("nan")),
        (float | None, float("inf")),
        (list[float], [1.0, float("nan")]),
        (tuple[float, ...], (1.0, float("nan"))),
        (str, "\ud800"),
        (dict[str, str], {"\ud800": ""}),
    ],
)
def test_what_json_lacks_is_refused_in_typed_fields_too(
    service: Service, kind: Any, value: object
) -> None:
    """It would be null in the file, and the object could not be loaded."""
    thing = _thing(service, good=Field((), type=tuple[int, ...]), value=Field(type=kind))
    with pytest.raises(FieldValueError, match=r"Thing 'x', value.*expected a (number|text)"):
        thing("x", value=value).to_json()


def test_an_int_enum_is_a_number(service: Service) -> None:
    """In a field with that type, which makes the member of it again."""
    thing = _thing(service, level=Field(Level.LOW, type=Level))
    assert json.loads(thing("x").to_json()) == {"level": 1}


@pytest.mark.parametrize(
    ("value", "path", "base"),
    [
        (defaultdict(int, a=1), "", "dict"),
        (Counter("aab"), "", "dict"),
        (OrderedDict(a=1), "", "dict"),
        (Level.LOW, "", "int"),
        ([1, {"a": Level.LOW}], "[1]['a']", "int"),
        ({"a": [Text("x")]}, "['a'][0]", "str"),
        ({Text("x"): 1}, " (a key)", "str"),
        (Numbers([1]), "", "list"),
    ],
)
def test_an_untyped_field_refuses_what_would_not_come_back_as_it_was(
    service: Service, value: object, path: str, base: str
) -> None:
    """It equals what comes back, and behaves otherwise: a defaultdict would raise KeyError then."""
    with pytest.raises(FieldValueError, match=f"would come back as {base} ") as caught:
        _thing(service, value=Field())("x", value=value).to_json()
    assert (caught.value.path, caught.value.expected) == (path, f"a plain {base}")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "truncated"),
        ("{", 1, "truncated"),
        ('{\n  "a": 1,\n  "b": \n}\n', 4, "malformed"),
        ('{\n  "a": 1,\n  "b": 2,\n}', 3, "trailing comma"),
        ('{"a": NaN}', 1, "malformed"),
        ("[1]", 1, "it is an array"),
        ("null", 1, "it is null"),
        ('"x"', 1, "it is a str"),
        ('{"a": 1} x', 1, "malformed"),
        ("[" * 100_000, 1, "recursion|depth"),
        ('{"a": 1}\n\n{"a": 2}', 3, "malformed"),
    ],
)
def test_what_is_no_document(text: str, line: int, reason: str) -> None:
    """The error has the line and the reason."""
    with pytest.raises(CorruptStore, match=reason) as caught:
        decode(text, "thing", "x")
    assert caught.value.line == line
    assert (caught.value.store, caught.value.key) == ("thing", "x")


@pytest.mark.parametrize("data", [b"\xff\xfe", b'{"a": "\xff"}', b"\0\0\0\0", b"\x80"])
def test_bytes_that_are_no_text(data: bytes) -> None:
    """A damaged file is reported, whatever it holds."""
    with pytest.raises(CorruptStore):
        decode(data, "thing", "x")


def test_a_byte_order_mark_is_no_damage() -> None:
    """Some editors of hand-made files leave one."""
    assert decode(b'\xef\xbb\xbf{"a": 1}', "thing", "x") == {"a": 1}


@pytest.mark.parametrize("version", ['"2"', "true", "-1", "1.5", "null", "[]"])
def test_a_version_is_a_whole_number(service: Service, version: str) -> None:
    """Anything else is damage, with its line."""
    with pytest.raises(CorruptStore, match="its _version is") as caught:
        _thing(service, a=Field())("x").from_json(f'{{\n "a": 1,\n "_version": {version}}}')
    assert caught.value.line == 3


def test_a_newer_version_is_refused(service: Service) -> None:
    """The error tells both versions."""
    thing = _thing(service, version=2, a=Field(1))("x")
    with pytest.raises(
        NewerStore, match="it is of version 3, and this code knows versions up to 2"
    ):
        thing.from_json('{"_version": 3, "a": 5}')

    assert thing.a == 1


def test_a_misfit_in_a_file_has_its_line(service: Service) -> None:
    """The error has path, line, and the place inside the value."""
    thing = _thing(service, a=Field(0), items=Field([], type=list[int]))
    put(service, "thing", "x", '{\n  "a": 1,\n  "items": [1, "two"]\n}')
    with pytest.raises(CorruptStore) as caught:
        thing("x").load()

    assert caught.value.line == 3
    assert caught.value.path == "memory:thing/x"
    assert "items[1]: expected int, found str" in str(caught.value)


def test_plain_values_are_copies_in_json_form() -> None:
    """What has no form in JSON is left out."""
    kept = {"a": [dt.date(2020, 1, 2), (1,)], "b": object(), "c": {1: {2}}}

    assert plain(kept) == {"a": ["2020-01-02", [1]], "c": {"1": [2]}}
