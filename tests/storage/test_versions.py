"""Old data into new code. Every case goes both ways in: from a file, and by a reload."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from cletus import Service
from cletus.errors import CorruptStore, MigrationFailed, NewerStore
from cletus.storage import Field, Store, StoreField
from tests.storage.rig import make_service, put, raw, reload

Way = Callable[[Callable[[], Any], Callable[[], Any], dict[str, Any]], Any]


@pytest.fixture
def service() -> Service:
    return make_service()


@pytest.fixture(params=["file", "reload"])
def way(request: pytest.FixtureRequest, service: Service) -> Way:
    """Makes bob with the old class and these values, and gives him as the new class has him."""

    def from_file(old: Callable[[], Any], new: Callable[[], Any], values: dict[str, Any]) -> Any:
        store_cls = old()
        store_cls("bob", **values).save()
        store_cls.manager.remove(store_cls.manager.get("bob"))
        service.session.current.stores.clear()
        return new()("bob").load()

    def by_reload(old: Callable[[], Any], new: Callable[[], Any], values: dict[str, Any]) -> Any:
        old()("bob", **values)
        reload(service, new)
        store_cls: Any = service.session.find("user")
        return store_cls.manager.get("bob")

    return from_file if request.param == "file" else by_reload


def define(service: Service, **attributes: Any) -> Any:
    return type("User", (Store,), {"service": service, **attributes})


# -- migrate ------------------------------------------------------------------------------------


def test_each_step_is_called_once_in_order(service: Service, way: Way) -> None:
    """From the version of the data to that of the class; the class is the first argument."""
    steps: list[tuple[str, int, dict[str, Any]]] = []

    @classmethod  # type: ignore[misc]  # it becomes one of the class that is made below
    def migrate(cls: Any, data: dict[str, Any], version: int) -> dict[str, Any]:
        steps.append((cls.__name__, version, dict(data)))
        return {**data, "trace": f"{data.get('trace', '')}{version}"}

    bob = way(
        lambda: define(service, version=1, score=Field(0)),
        lambda: define(service, version=4, score=Field(0), trace=Field(""), migrate=migrate),
        {"score": 5},
    )

    assert [step[:2] for step in steps] == [("User", 1), ("User", 2), ("User", 3)]
    assert steps[0][2] == {"score": 5}
    assert (bob.score, bob.trace) == (5, "123")


def test_data_without_a_version_is_of_version_0(service: Service, way: Way) -> None:
    """A class whose first version is 1 can bring up what was saved before it had any."""

    @classmethod  # type: ignore[misc]  # as above
    def migrate(cls: Any, data: dict[str, Any], version: int) -> dict[str, Any]:
        assert version == 0
        data["points"] = data.pop("score") * 10
        return data

    bob = way(
        lambda: define(service, score=Field(0)),
        lambda: define(service, version=1, points=Field(0), migrate=migrate),
        {"score": 5},
    )

    assert bob.points == 50
    assert json.loads(bob.to_json()) == {"_version": 1, "points": 50}


def test_migrate_may_change_the_data_in_place(service: Service, way: Way) -> None:
    """And return nothing."""

    @classmethod  # type: ignore[misc]  # as above
    def migrate(cls: Any, data: dict[str, Any], version: int) -> None:
        data["points"] = data.pop("score") * 10

    bob = way(
        lambda: define(service, score=Field(0)),
        lambda: define(service, version=1, points=Field(0), migrate=migrate),
        {"score": 5},
    )

    assert bob.points == 50


def test_migrate_sees_data_as_a_file_has_it(service: Service, way: Way) -> None:
    """From wherever it comes: a date is its text, a reference a key, a set a list."""
    seen: list[dict[str, Any]] = []

    @classmethod  # type: ignore[misc]  # as above
    def migrate(cls: Any, data: dict[str, Any], version: int) -> None:
        seen.append(dict(data))
        data["year"] = int(data.pop("born")[:4])

    def old() -> Any:
        if service.session.find("room") is None:
            type("Room", (Store,), {"service": service})
        fields = {
            "born": Field(type=dt.date),
            "tags": Field(type=set[int]),
            "room": StoreField("room"),
        }
        return define(service, **fields)

    def new() -> Any:
        fields = {"year": Field(0), "tags": Field(type=set[int]), "room": StoreField("room")}
        return define(service, version=1, migrate=migrate, **fields)

    bob = way(old, new, {"born": dt.date(2000, 1, 2), "tags": {3}})

    assert seen == [{"born": "2000-01-02", "tags": [3], "room": None}]
    assert (bob.year, bob.tags) == (2000, {3})


def test_what_is_kept_is_migrated_as_well(service: Service) -> None:
    """Data for fields that a generation between did not declare comes up like the rest."""

    @classmethod  # type: ignore[misc]  # as above
    def migrate(cls: Any, data: dict[str, Any], version: int) -> None:
        data["points"] = data.pop("score") * 10

    define(service, score=Field(0))("bob", score=5)
    reload(service, lambda: define(service, name=Field("")))
    reload(service, lambda: define(service, version=1, points=Field(0), migrate=migrate))
    store_cls: Any = service.session.find("user")

    assert store_cls.manager.get("bob").points == 50
    assert json.loads(store_cls.manager.get("bob").to_json()) == {
        "_version": 1,
        "points": 50,
        "name": "",
    }


def test_session_data_is_as_it_is(service: Service) -> None:
    """In a reload ``migrate`` sees session fields, too, and nothing is made of their values."""
    when, client = dt.datetime(2020, 1, 2, tzinfo=dt.UTC), object()

    @classmethod  # type: ignore[misc]  # as above
    def migrate(cls: Any, data: dict[str, Any], version: int) -> None:
        data["client"], data["since"] = data.pop("connection"), data.pop("when")

    def old() -> Any:
        return define(service, connection=Field(session=True), when=Field(session=True))

    def new() -> Any:
        fields = {"client": Field(session=True), "since": Field(session=True)}
        return define(service, version=1, migrate=migrate, **fields)

    old()("bob", connection=client, when=when)
    reload(service, new)
    bob = service.session.find("user").manager.get("bob")  # type: ignore[union-attr]  # it is there

    assert bob.client is client
    assert bob.since is when


def test_without_migrate_nothing_changes(service: Service, way: Way) -> None:
    """A version may be raised for the record."""
    bob = way(
        lambda: define(service, score=Field(0)),
        lambda: define(service, version=2, score=Field(0)),
        {"score": 5},
    )

    assert bob.score == 5
    bob.save()
    assert json.loads(raw(service, "user", "bob")) == {"_version": 2, "score": 5}


@pytest.mark.parametrize("result", ["raises", "returns"])
def test_a_migration_that_fails(service: Service, way: Way, result: str) -> None:
    """The error names class, version and reason; the file and the old objects are left alone."""

    @classmethod  # type: ignore[misc]  # as above
    def migrate(cls: Any, data: dict[str, Any], version: int) -> Any:
        data.clear()
        return {}["score"] if result == "raises" else [1]

    old = []
    with pytest.raises(
        (MigrationFailed, CorruptStore), match=r"KeyError|it returned list"
    ) as caught:
        way(
            lambda: old.append(define(service, score=Field(0))) or old[0],  # type: ignore[func-returns-value]
            lambda: define(service, version=1, migrate=migrate),
            {"score": 5},
        )
    error: Any = caught.value
    failed = error if isinstance(error, MigrationFailed) else error.__cause__
    assert (failed.store, failed.version) == ("User", 0)
    for obj in old[0].manager.active().values():
        assert obj.score == 5
    if isinstance(error, CorruptStore):
        assert json.loads(raw(service, "user", "bob")) == {"score": 5}


def test_there_is_no_way_back(service: Service, way: Way) -> None:
    """Data of a later version than the code is refused, from a file and by a reload."""
    with pytest.raises((NewerStore, MigrationFailed), match="versions up to 1"):
        way(
            lambda: define(service, version=2, score=Field(0)),
            lambda: define(service, version=1, score=Field(0)),
            {"score": 5},
        )


def test_an_old_file_is_not_rewritten_by_loading(service: Service) -> None:
    """It gets the new version when it is saved."""
    user = define(service, version=1, a=Field(0))
    put(service, "user", "bob", '{"a": 5}')
    bob = user.manager.get("bob")
    user.manager.saved()

    assert raw(service, "user", "bob") == b'{"a": 5}'
    bob.save()
    assert json.loads(raw(service, "user", "bob")) == {"_version": 1, "a": 5}


def test_upgrade_leaves_its_argument_alone(service: Service) -> None:
    """Who calls it may try again."""

    @classmethod  # type: ignore[misc]  # as above
    def migrate(cls: Any, data: dict[str, Any], version: int) -> None:
        data["b"] = data.pop("a")

    user = define(service, version=1, c=Field(renamed_from="b"), migrate=migrate)
    data = {"a": 1}

    assert user.upgrade(data, 0) == {"c": 1}
    assert data == {"a": 1}
    assert user.upgrade({"b": 2}, 1) == {"c": 2}


# -- renamed fields -----------------------------------------------------------------------------


def test_a_renamed_field_keeps_its_value(service: Service, way: Way) -> None:
    """Without a version; typed or not."""
    bob = way(
        lambda: define(service, score=Field(0), born=Field(type=dt.date)),
        lambda: define(
            service,
            points=Field(0, renamed_from="score"),
            birthday=Field(type=dt.date, renamed_from="born"),
        ),
        {"score": 5, "born": dt.date(2000, 1, 2)},
    )

    assert (bob.points, bob.birthday) == (5, dt.date(2000, 1, 2))
    assert json.loads(bob.to_json()) == {"points": 5, "birthday": "2000-01-02"}


def test_a_field_may_have_had_several_names(service: Service, way: Way) -> None:
    """The first of them that the data has counts."""
    bob = way(
        lambda: define(service, marks=Field(0)),
        lambda: define(service, points=Field(0, renamed_from=("score", "marks"))),
        {"marks": 5},
    )

    assert bob.points == 5


def test_a_present_name_goes_before_an_earlier_one(service: Service) -> None:
    """Data that has both has been saved by the new code."""
    user = define(service, points=Field(0, renamed_from="score"))
    put(service, "user", "bob", '{"score": 1, "points": 2}')
    bob = user.manager.get("bob")

    assert bob.points == 2
    assert json.loads(bob.to_json()) == {"points": 2, "score": 1}


def test_renaming_comes_after_migrating(service: Service, way: Way) -> None:
    """So ``migrate`` may rely on the names of its time."""

    @classmethod  # type: ignore[misc]  # as above
    def migrate(cls: Any, data: dict[str, Any], version: int) -> None:
        data["score"] += 1

    bob = way(
        lambda: define(service, score=Field(0)),
        lambda: define(service, version=1, points=Field(0, renamed_from="score"), migrate=migrate),
        {"score": 5},
    )

    assert bob.points == 6


def test_a_renamed_session_field(service: Service) -> None:
    """It keeps what it refers to."""
    client = object()
    define(service, connection=Field(session=True))("bob", connection=client)
    reload(service, lambda: define(service, client=Field(session=True, renamed_from="connection")))

    bob = service.session.find("user").manager.get("bob")  # type: ignore[union-attr]  # it is there
    assert bob.client is client
    bob.from_dict({"connection": 5}, session=True)
    assert bob.client == 5


def test_the_line_of_a_field_under_its_earlier_name(service: Service) -> None:
    """The file has the earlier name, and the mistake is on its line."""
    user = define(service, points=Field(0, type=int, renamed_from="score"))
    put(service, "user", "bob", '{\n  "a": 1,\n  "score": "many"\n}')
    with pytest.raises(CorruptStore) as caught:
        user("bob").load()
    assert caught.value.line == 3
