"""Properties that hold for any object of any declared types, and for any key."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cletus import Service
from cletus.errors import FieldValueError, InvalidKey
from cletus.storage import Field, Store
from tests.storage.rig import make_service, raw, reload


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Point:
    x: int
    label: str


TEXT = st.text(st.characters(exclude_categories=("Cs",)))
MOMENTS = st.datetimes(timezones=st.none() | st.just(dt.UTC))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
POINTS = st.builds(Point, st.integers(), TEXT)

SCALARS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers()),
    (float, FINITE),
    (bool, st.booleans()),
    (str, TEXT),
    (bytes, st.binary()),
    (dt.datetime, MOMENTS),
    (dt.date, st.dates()),
    (dt.time, st.times()),
    # msgspec, as Java, counts 10**14 seconds at most
    (dt.timedelta, st.timedeltas(dt.timedelta(days=-(10**6)), dt.timedelta(days=10**6))),
    (uuid.UUID, st.uuids()),
    (decimal.Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (Colour, st.sampled_from(Colour)),
    (Point, POINTS),
]
KEYS = [(int, st.integers()), (str, TEXT), (dt.date, st.dates()), (Colour, st.sampled_from(Colour))]


def _containers(inner: Any) -> Any:
    """A container of what a pair of type and strategy stands for."""
    kind, values = inner
    lists = st.lists(values, max_size=4)
    made = [
        st.just((list[kind], lists)),
        st.just((tuple[kind, ...], lists.map(tuple))),
        st.just((kind | None if isinstance(kind, type) else kind, values)),
    ]
    made += [
        st.just((dict[key, kind], st.dictionaries(names, values, max_size=4)))
        for key, names in KEYS
    ]
    if kind in {each for each, _ in SCALARS}:
        made += [
            st.just((set[kind], lists.map(set))),
            st.just((frozenset[kind], lists.map(frozenset))),
        ]
    return st.one_of(made)


TYPED = st.recursive(
    st.sampled_from(SCALARS), lambda inner: inner.flatmap(_containers), max_leaves=4
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)

_slow = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def define(service: Service, kinds: list[Any]) -> Any:
    fields = {f"typed{number}": Field(type=kind) for number, kind in enumerate(kinds)}
    return type(
        "Thing",
        (Store,),
        {"service": service, **fields, "untyped": Field(), "secret": Field(session=True)},
    )


@st.composite
def objects(draw: st.DrawFn) -> tuple[list[Any], dict[str, Any]]:
    """The types of some fields, and values of them."""
    pairs = draw(st.lists(TYPED, max_size=4))
    values = {f"typed{number}": draw(values) for number, (_, values) in enumerate(pairs)}
    return [kind for kind, _ in pairs], {**values, "untyped": draw(JSON)}


def same(one: Any, other: Any) -> bool:
    """Equal in values and types, all the way down."""
    return repr(one) == repr(other) or (one == other and type(one) is type(other))


@_slow
@given(objects())
def test_any_object_survives_json(drawn: tuple[list[Any], dict[str, Any]]) -> None:
    """What ``to_json`` gives, ``from_json`` makes the same object of, and the same text again."""
    kinds, values = drawn
    thing = define(make_service(), kinds)
    obj = thing("x", **values)
    text = obj.to_json()
    back = thing("y")
    back.from_json(text)

    for name, value in values.items():
        assert same(getattr(back, name), value), name
    assert back.to_dict() == obj.to_dict()
    if not any("set[" in str(kind) for kind in kinds):  # sets have no order to keep
        assert back.to_json() == text


@_slow
@given(objects())
def test_any_object_survives_a_reload(drawn: tuple[list[Any], dict[str, Any]]) -> None:
    """With the very same values; and a restart would have given equal ones."""
    kinds, values = drawn
    service = make_service()
    secret = object()
    obj = define(service, kinds)("x", **values, secret=secret)
    obj.save()
    reload(service, lambda: define(service, kinds))
    store_cls: Any = service.session.find("thing")
    new = store_cls.manager.get("x")

    assert new.secret is secret
    for name, value in values.items():
        assert getattr(new, name) is value
    assert new.to_dict() == store_cls.manager.saved()["x"].to_dict()


@_slow
@given(objects())
def test_fields_that_come_and_go_lose_nothing(drawn: tuple[list[Any], dict[str, Any]]) -> None:
    """A generation without any of the fields between, and a save in it."""
    kinds, values = drawn
    service = make_service()
    define(service, kinds)("x", **values, secret="s3cret")
    reload(service, lambda: type("Thing", (Store,), {"service": service}))
    between: Any = service.session.find("thing")
    between.manager.get("x").save()
    assert b"s3cret" not in raw(service, "thing", "x")
    reload(service, lambda: define(service, kinds))
    store_cls: Any = service.session.find("thing")
    new = store_cls.manager.get("x")

    assert new.secret == "s3cret"
    for name, value in values.items():
        assert same(getattr(new, name), value), name
        assert same(getattr(store_cls.manager.saved()["x"], name), value), name


@_slow
@given(
    st.recursive(JSON | st.binary() | FINITE | st.floats() | st.tuples(JSON) | st.dates(), st.lists)
)
def test_an_untyped_value_survives_or_is_refused(value: Any) -> None:
    """There is no third way: nothing is written that would come back changed."""
    thing = define(make_service(), [])
    try:
        text = thing("x", untyped=value).to_json()
    except FieldValueError:
        return
    back = thing("y")
    back.from_json(text)
    assert same(back.untyped, value)


@_slow
@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "replace")) | JSON.map(repr))
def test_any_file_is_loaded_or_reported(data: bytes | str) -> None:
    """Whatever a disk or a person makes of a file, it hinders no other and is not overwritten."""
    service = make_service()
    thing = define(service, [int])
    thing("good", typed0=1).save()
    content = data.encode("utf-8", "replace") if isinstance(data, str) else data
    service.session.writer.write("thing", "bad", content)
    saved = thing.manager.saved()

    assert saved["good"].typed0 == 1
    assert ("bad" in saved) is not ("bad" in thing.manager.unreadable())
    if "bad" not in saved:
        assert thing.manager.save_all([thing("bad")])
        assert raw(service, "thing", "bad") == content


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.text()
        | st.from_regex(r"[\w-]{1,125}", fullmatch=True)
        | st.text(st.sampled_from("aA./\\ \0éÉ-_~")),
        max_size=8,
    )
)
def test_any_key_is_refused_or_is_one_file(keys: list[str]) -> None:
    """Alone and beside all others; and nothing is ever outside of the store's folder."""
    with TemporaryDirectory() as temporary:
        home = Path(temporary) / "home"
        service = make_service(str(home))
        service.configure(store_sync="rename")
        thing = define(service, [])
        kept = {}
        for number, key in enumerate(keys):
            try:
                obj = thing(key, untyped=number)
            except InvalidKey:
                assert thing.manager.get(key) is None
                continue
            obj.save()
            kept[obj.key] = number
        files = sorted(str(path.relative_to(temporary)) for path in Path(temporary).rglob("*.json"))
        assert files == sorted(f"home/thing/{key}.json" for key in kept)
        assert {*os.listdir(temporary)} <= {"home"}
        assert {key: obj.untyped for key, obj in thing.manager.saved().items()} == kept
        assert sorted(thing.manager.keys()) == sorted(kept)
        service.session.close()
