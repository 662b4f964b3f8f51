"""``Manager.find`` and ``find_by_sql``, on every backend that can search."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cletus import Service
from cletus.errors import FieldValueError, NotSaved, NotSupported, StoreIOError, UnknownField
from cletus.storage import Field, Store, StoreField, TempStoreMixin
from tests.engines import Postgres
from tests.storage.rig import make_service, put


@pytest.fixture(params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    if request.param == "sqlite":
        service = make_service(f"sqlite://{tmp_path}/talker.db")
    else:
        service = make_service(request.getfixturevalue("server").emptied())
    yield service
    service.session.close()


def users(service: Service, **attributes: Any) -> Any:
    fields = {
        "service": service,
        "name": Field("", index=True),
        "score": Field(0),
        "born": Field(type=datetime.date),
        "tags": Field(list),
        "mood": Field("calm", session=True),
    }
    return type("User", (Store,), fields | attributes)


def is_postgresql(service: Service) -> bool:
    return service.settings.store.startswith("postgresql:")


def saved(cls: Any, key: str, **values: Any) -> None:
    """Save an object, and forget it."""
    obj = cls(key, **values)
    obj.save()
    cls.manager.remove_active(obj)


def test_what_equals_is_found_and_nothing_else_is_active(service: Service) -> None:
    user = users(service)
    saved(user, "ann", name="Ann", score=3)
    saved(user, "bob", name="Bob", score=3)
    found = user.manager.find(score=3, name="Ann")
    assert [(key, obj.name, obj.score) for key, obj in found.items()] == [("ann", "Ann", 3)]
    assert user.manager.active() == {}
    assert user.manager.find(score=4) == {}
    assert set(user.manager.find(score=3)) == {"ann", "bob"}
    assert set(user.manager.find()) == {"ann", "bob"}


def test_of_an_active_object_the_present_value_counts(service: Service) -> None:
    user = users(service)
    ann = user("ann", score=1)
    ann.save()
    ann.score = 2
    assert user.manager.find(score=1) == {}
    assert user.manager.find(score=2) == {"ann": ann}
    unsaved = user("bob", score=2)
    assert user.manager.find(score=2) == {"ann": ann, "bob": unsaved}


def test_what_is_on_its_way_is_found(service: Service) -> None:
    user = users(service)
    saved(user, "ann", score=1)
    ann = user.manager.get("ann")
    ann.score = 7
    ann.save_soon()
    user.manager.remove_active(ann)
    assert list(user.manager.find(score=7)) == ["ann"]
    assert user.manager.find(score=1) == {}
    where = "(data ->> 'score') = '7'" if is_postgresql(service) else "data ->> 'score' = 7"
    assert list(user.manager.find_by_sql(where)) == ["ann"]


def test_a_document_without_the_field_has_the_default(service: Service) -> None:
    user = users(service)
    put(service, "user", "ann", "{}")
    put(service, "user", "bob", '{"score": 1}')
    assert list(user.manager.find(score=0)) == ["ann"]
    assert list(user.manager.find(born=None)) == ["ann", "bob"]
    assert list(user.manager.find(tags=[])) == ["ann", "bob"]


def test_typed_values_references_and_containers(service: Service) -> None:
    room = type("Room", (Store,), {"service": service})
    user = users(service, room=StoreField("room"))
    hall = room("hall")
    saved(user, "ann", born=datetime.date(2000, 2, 29), room=hall, tags=["a", {"b": 1}])
    saved(user, "bob")
    assert list(user.manager.find(born=datetime.date(2000, 2, 29))) == ["ann"]
    assert list(user.manager.find(room=hall)) == ["ann"]
    assert list(user.manager.find(room=None)) == ["bob"]
    assert list(user.manager.find(tags=["a", {"b": 1}])) == ["ann"]


def test_earlier_names_and_versions_are_found(service: Service) -> None:
    """What loading would bring to the present form is found as if it had been saved in it."""

    def migrate(cls: Any, data: dict[str, Any], version: int) -> dict[str, Any]:
        return {**data, "score": data.get("score", 0) * 10}

    user = users(
        service,
        points=Field(0, renamed_from="credits"),
        version=1,
        migrate=classmethod(migrate),
    )
    put(service, "user", "ann", '{"credits": 5, "score": 2}')
    put(service, "user", "bob", '{"_version": 1, "points": 5, "score": 2}')
    assert set(user.manager.find(points=5)) == {"ann", "bob"}
    assert list(user.manager.find(score=20)) == ["ann"]
    assert list(user.manager.find(score=2)) == ["bob"]


def test_what_is_not_json_is_left_out(service: Service) -> None:
    user = users(service)
    put(service, "user", "ann", "{broken")
    put(service, "user", "bob", '{"name": "Bob"}')
    assert list(user.manager.find(name="Bob")) == ["bob"]
    assert list(user.manager.find(score=0)) == ["bob"]


@pytest.mark.parametrize("odd", ["a\0b", "\0", "100 %", "%s", "?", "'", "\\", "{}", "%(a)s"])
def test_what_a_database_has_no_value_for_or_reads_as_a_sign_is_found(
    service: Service, odd: str
) -> None:
    """By that, and by other fields."""
    user = users(service)
    saved(user, "ann", name=odd, score=3)
    assert list(user.manager.find(name=odd)) == ["ann"]
    assert list(user.manager.find(score=3)) == ["ann"]
    assert user.manager.find(name=odd + "c") == {}
    assert user.manager.find(name="\ud800") == {}


def test_mistakes_are_named(service: Service) -> None:
    user = users(service)
    with pytest.raises(UnknownField, match="User has no field 'nmae'"):
        user.manager.find(nmae="Ann")
    with pytest.raises(UnknownField, match="User has no field 'mood'; it has name, score"):
        user.manager.find(mood="calm")
    with pytest.raises(FieldValueError, match="born"):
        user.manager.find(born="yesterday")
    with pytest.raises(StoreIOError, match="cannot list user"):
        user.manager.find_by_sql("data ->> ?? 'score'")


def test_many_are_read_by_one_request(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is written or deleted meanwhile is seen as it is then."""
    user = users(service)
    for n in range(5):
        saved(user, f"u{n}", score=n)
    backend: Any = service.session.writer._backend
    reads: list[str] = []
    read = backend.read
    monkeypatch.setattr(backend, "read", lambda store, key: reads.append(key) or read(store, key))
    assert {key: obj.score for key, obj in user.manager.saved().items()} == {
        f"u{n}": n for n in range(5)
    }
    assert reads == []
    writer = service.session.writer
    with writer.read_ahead("user", ["u0", "u1", "u2"]):
        put(service, "user", "u0", '{"score": 7}')
        writer.delete("user", "u1")
        assert writer.read("user", "u0") == b'{"score": 7}'
        with pytest.raises(NotSaved):
            writer.read("user", "u1")
        assert reads == ["u0", "u1"]
    writer.read("user", "u2")
    assert reads == ["u0", "u1", "u2"]


def test_sql_takes_parameters_and_gives_active_objects(service: Service) -> None:
    user = users(service)
    for n in range(5):
        saved(user, f"u{n}", score=n, name=f"it's {n}")
    active = user.manager.get("u4")
    active.score = 0  # not saved: the database does not know
    score, mark = (
        ("(data ->> 'score')::int", "%s") if is_postgresql(service) else ("data ->> 'score'", "?")
    )
    found = user.manager.find_by_sql(f"{score} >= {mark} AND key <> {mark}", 3, "u9")
    assert list(found) == ["u3", "u4"]
    assert found["u4"] is active
    assert list(user.manager.find_by_sql(f"data ->> 'name' = {mark}", "it's 2")) == ["u2"]


def test_an_index_of_sqlite_is_used(tmp_path: Path) -> None:
    service = make_service(f"sqlite://{tmp_path}/talker.db")
    user = users(service)
    saved(user, "ann", name="Ann")
    user.manager.find(name="Ann")
    backend: Any = service.session.writer._backend
    [index] = [
        sql for (sql,) in backend._select("SELECT sql FROM sqlite_master WHERE name = 'user.name'")
    ]
    assert '$."name"' in index
    condition = index.partition("store, ")[2].removesuffix(")")
    query = f"EXPLAIN QUERY PLAN SELECT key FROM documents WHERE store = ? AND ({condition} = ?)"
    [plan] = backend._select(query, ("user", "Ann"))
    assert "USING INDEX user.name" in plan[3]
    service.session.close()


def test_an_index_of_postgresql_is_used(server: Postgres) -> None:
    service = make_service(server.emptied())
    user = users(service)
    saved(user, "ann", name="Ann" * 5000)  # a B-tree would not take it
    assert list(user.manager.find(name="Ann" * 5000)) == ["ann"]
    backend: Any = service.session.writer._backend
    with psycopg.connect(server.url) as connection:
        connection.execute("SET enable_seqscan = off")
        query = (
            "EXPLAIN SELECT key FROM cletus_documents WHERE store = 'user' AND data IS NOT NULL "
            "AND (data -> 'name' = '\"Ann\"'::jsonb)"
        )
        plan = connection.execute(query).fetchall()
    assert any("cletus_user_name" in line for (line,) in plan), plan
    assert backend._indexed == {"cletus_user_name", "cletus_no_jsonb"}
    service.session.close()


def test_a_folder_says_what_to_do(tmp_path: Path) -> None:
    service = make_service(str(tmp_path / "store"))
    user = users(service)
    for search in (lambda: user.manager.find(score=1), lambda: user.manager.find_by_sql("1")):
        with pytest.raises(NotSupported, match=r"set `store` to sqlite:///.* `cletus store copy`"):
            search()
    service.session.close()


def test_a_temporary_store_is_searched_in_memory() -> None:
    service = make_service()
    ball = type("Ball", (TempStoreMixin, Store), {"service": service, "colour": Field("red")})
    red, _ = ball("a"), ball("b", colour="blue")
    assert ball.manager.find(colour="red") == {"a": red}


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.one_of(st.text(), st.text("a\0")),
    st.lists(st.integers(0, 3), max_size=2),
)


PROPERTY = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@given(values=st.lists(VALUES, min_size=1, max_size=6), data=st.data())
@PROPERTY
def test_sqlite_finds_what_looking_through_all_would_find(
    values: list[Any], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        see_that_it_finds(make_service(f"sqlite://{folder}/talker.db"), values, data)


@given(values=st.lists(VALUES, min_size=1, max_size=6), data=st.data())
@PROPERTY
def test_postgresql_finds_what_looking_through_all_would_find(
    server: Postgres, values: list[Any], data: st.DataObject
) -> None:
    see_that_it_finds(make_service(server.emptied()), values, data)


def see_that_it_finds(service: Service, values: list[Any], data: st.DataObject) -> None:
    """Whatever the values: the same as a comparison of all objects in Python."""
    fields = {"service": service, "value": Field(), "kind": Field(index=True)}
    cls: Any = type("Thing", (Store,), fields)
    try:
        for n, value in enumerate(values):
            saved(cls, f"t{n}", value=value, kind=value)
        wanted = data.draw(st.one_of(st.sampled_from(values), VALUES))
        expected = {key for key, obj in cls.manager.saved().items() if obj.value == wanted}
        assert set(cls.manager.find(value=wanted)) == expected
        assert set(cls.manager.find(kind=wanted)) == expected
    finally:
        service.session.close()
