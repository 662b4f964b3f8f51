"""Checkpoints: what was not saved is there after a primary was lost, and no save is taken back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.cluster.checkpoint import CheckpointedBackend, Kept, digest_of, kept_of
from cletus.errors import NotSaved, NotSupported
from cletus.storage.backends.memory import Memory
from cletus.storage.interfaces import Document
from cletus.testing import Log
from tests.cluster.test_primary import House, Process
from tests.storage.conformance import BackendConformance


@pytest.fixture
def house(log: Log) -> House:
    return House()


def saved_user(process: Process, score: int = 0) -> Any:
    user = process.user("ann")
    user.score = score
    user.save()
    return user


def succeeded(house: House, first: Process) -> Process:
    """Another primary, after this one was lost."""
    first.bus.cut()
    second = house.process()
    house.until(lambda: second.is_primary)
    return second


def primary(house: House, **settings: Any) -> Process:
    process = house.process(**settings)
    house.until(lambda: process.is_primary)
    return process


def session(house: House, process: Process) -> dict[str, bytes]:
    values: list[Any] = []
    process.bus.session().addCallback(values.append)
    house.until(lambda: values)
    found: dict[str, bytes] = values[0]
    return found


def test_what_was_not_saved_is_loaded(house: House) -> None:
    """At most ``session_interval`` old; the saved document is as it was, until it is saved again."""
    first = primary(house)
    user = saved_user(first)
    user.score = 1
    house.advance(6)
    user.score = 2  # too young
    second = succeeded(house, first)
    ann = second.user.manager.get("ann")
    assert ann.score in (1, 2)
    assert ann.score == 1
    ann.save()
    house.advance(11)
    assert session(house, second) == {}


def test_it_survives_two_of_them(house: House) -> None:
    """Though nobody has loaded it in between."""
    first = primary(house)
    saved_user(first).score = 1
    house.advance(6)
    second = succeeded(house, first)
    house.advance(20)
    third = succeeded(house, second)
    assert third.user.manager.get("ann").score == 1


def test_a_save_is_never_taken_back(house: House) -> None:
    """Not by a checkpoint that is older, though its primary was lost before it could say so."""
    first = primary(house)
    user = saved_user(first)
    user.score = 1
    house.advance(6)
    user.score = 2
    user.save()
    second = succeeded(house, first)
    assert second.user.manager.get("ann").score == 2


def test_what_is_saved_again_is_removed(house: House) -> None:
    first = primary(house)
    user = saved_user(first)
    house.advance(11)
    assert session(house, first) == {}
    user.score = 1
    house.advance(11)
    assert list(session(house, first)) == ["user/ann"]
    user.save()
    house.advance(11)
    assert session(house, first) == {}
    user.score = 2
    house.advance(11)
    user.delete()
    house.advance(11)
    assert session(house, first) == {}


def test_an_engine_that_forgot_gets_it_again(house: House) -> None:
    first = primary(house)
    saved_user(first).score = 1
    house.advance(11)
    house.engine.forget()
    house.advance(11)
    assert list(session(house, first)) == ["user/ann"]


def test_it_is_sent_when_it_differs(house: House) -> None:
    """And not in each round."""
    first = primary(house)
    user = saved_user(first)
    sent: list[Any] = []
    checkpoint = first.bus.checkpoint
    first.bus.checkpoint = lambda epoch, values, removed=(): (  # type: ignore[method-assign]
        sent.append(values),
        checkpoint(epoch, values, removed),
    )[1]
    user.score = 1
    house.advance(30)
    assert len(sent) == 1


def test_many_objects_are_looked_at_in_slices(house: House) -> None:
    first = primary(house)
    users = [first.user(f"u{number}") for number in range(300)]
    for user in users:
        user.save()
        user.score = 1
    house.advance(12)
    assert len(session(house, first)) == 300


def test_an_interval_of_zero_keeps_nothing(house: House) -> None:
    first = primary(house, session_interval=0)
    saved_user(first).score = 1
    house.advance(20)
    assert session(house, first) == {}


def test_what_cannot_be_saved_is_left_out(house: House) -> None:
    first = primary(house)
    saved_user(first).score = object()
    house.advance(11)
    assert session(house, first) == {}


@given(st.dictionaries(st.text(max_size=5), st.binary(max_size=20)))
def test_what_cannot_be_read_is_left_out(session: dict[str, bytes]) -> None:
    kept_of(session)


# -- the backend ----------------------------------------------------------------------------------


class TestCheckpointedBackend(BackendConformance):
    """Nothing is laid over: it is as the backend itself."""

    @pytest.fixture
    def home(self) -> CheckpointedBackend:
        backend = Memory()
        backend.open()
        return CheckpointedBackend(backend, {})


@pytest.fixture
def laid_over() -> CheckpointedBackend:
    backend = Memory()
    backend.open()
    backend.write("user", "ann", b"old")
    backend.write("user", "bob", b"newer")
    kept = {
        ("user", "ann"): Kept(digest_of(b"old"), b"changed"),
        ("user", "bob"): Kept(digest_of(b"old"), b"changed"),
        ("user", "cleo"): Kept(digest_of(b"old"), b"changed"),
    }
    return CheckpointedBackend(backend, kept)


def test_a_document_is_laid_over_the_one_that_it_was_made_from(
    laid_over: CheckpointedBackend,
) -> None:
    assert laid_over.read("user", "ann") == b"changed"
    assert laid_over.read("user", "bob") == b"newer"
    with pytest.raises(NotSaved):
        laid_over.read("user", "cleo")
    assert sorted(laid_over.keys("user")) == ["ann", "bob"]


def test_what_is_written_or_deleted_is_not_laid_over_any_more(
    laid_over: CheckpointedBackend,
) -> None:
    laid_over.write_many([Document("user", "ann", b"saved")])
    laid_over.delete("user", "bob")
    assert laid_over.read("user", "ann") == b"saved"
    laid_over.write("user", "ann", b"old")
    assert laid_over.read("user", "ann") == b"old"
    assert [key for _, key in laid_over.kept] == ["cleo"]


def test_a_folder_cannot_be_searched(laid_over: CheckpointedBackend) -> None:
    with pytest.raises(NotSupported):
        laid_over.find("user", [])
    with pytest.raises(NotSupported):
        laid_over.find_by_sql("user", "1", [])
    assert laid_over.read_many("user", ["ann"]) == {}
