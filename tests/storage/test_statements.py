"""Statements of the reliability notes (section 4) that take more than files: 3, 7, 8, 11 and 12.

The others stand where their subject is: 1 in test_kill, 2 in test_power_cut, 3 to 5 in test_faults
and test_strace, 6 in test_stop, 7, 9, 10, 14 and 15 in test_json_files, 12 in test_folder_lock, 13 in
test_writer. Their figures are in benchmarks/README.md, and what takes minutes in tests/soak.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from cletus import Service
from cletus.errors import StartError, StorageError, StoreFull, StoreIOError, UnreadableStore
from cletus.storage import Field, Manager, Store, Writer, save_all
from cletus.storage.backends.json_files import JsonFiles
from tests.storage.doubles import Faulty
from tests.storage.rig import make_service

GOOD = b'{\n  "name": "B\xc3\xb6b",\n  "friends": [\n    "alice",\n    "carol"\n  ],\n  "score": 3\n}\n'


def define(service: Service, **attributes: Any) -> Any:
    declared = {"name": Field(""), "friends": Field(list), "score": Field(0, type=int)}
    return type("User", (Store,), {"service": service, **declared, **attributes})


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = make_service(str(tmp_path / "store"))
    yield service
    service.session.close()


# -- 7 and 12: the start ---------------------------------------------------------------------------


def start(folder: Path) -> Any:
    """Start a service on this folder: ``None``, or the one line that its start ended with."""
    service = Service(store=str(folder), reload=False)
    failures: list[Any] = []
    service.start(Clock(), doors=()).addErrback(failures.append)
    if not failures:
        started.append(service)
        return None
    assert failures[0].check(StartError)
    return failures[0].getErrorMessage()


started: list[Service] = []


@pytest.fixture(autouse=True)
def _stop_what_started() -> Iterator[None]:
    yield
    while started:
        started.pop().stop()


def test_a_second_service_does_not_start(tmp_path: Path) -> None:
    """Statement 12: it says who has the folder; when that has stopped, it may."""
    assert start(tmp_path) is None
    refused = start(tmp_path)
    assert refused.startswith(f"the store {tmp_path} cannot be used: process {os.getpid()} has it")
    assert "\n" not in refused
    started.pop().stop()
    assert start(tmp_path) is None


def test_an_unusable_folder_stops_the_start(unprivileged: Path) -> None:
    """Statement 7: one clear line, and not at the first save."""
    unprivileged.chmod(0o500)
    folder = unprivileged / "store"
    assert start(folder) == f"the store {folder} cannot be used: Permission denied"
    unprivileged.chmod(0o700)
    assert start(folder) is None


# -- 8: damaged files ------------------------------------------------------------------------------

WHOLE_DAMAGE = {
    "empty": b"",
    "blank": b"  \n\n",
    "nuls": b"\0" * 4096,
    "binary": bytes(range(256)) * 4,
    "latin-1": '{"name": "Böb"}'.encode("latin-1"),
    "utf-16": '{"name": "Bob"}'.encode("utf-16"),
    "null": b"null",
    "number": b"17",
    "text": b'"Bob"',
    "list": b'[{"name": "Bob"}]',
    "two": GOOD + GOOD,
    "tail": GOOD + b"}",
    "nul tail": GOOD.rstrip() + b"\0\0\0\0",
    "comma": GOOD.replace(b"3\n", b"3,\n"),
    "single quotes": GOOD.replace(b'"', b"'"),
    "python": b"{'name': 'Bob', 'score': None}",
    "comment": b"// Bob\n" + GOOD,
    "nan": GOOD.replace(b"3\n", b"NaN\n"),
    "wrong type": GOOD.replace(b"3\n", b'"three"\n'),
    "wrong shape": GOOD.replace(b"3\n", b'{"score": 3}\n'),
    "surrogate": GOOD.replace(b"B\xc3\xb6b", b"\xed\xa0\x80"),
    "version": GOOD.replace(b"{\n", b'{\n  "_version": "two",\n', 1),
    "newer": GOOD.replace(b"{\n", b'{\n  "_version": 9,\n', 1),
    "deep": b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "10 MB": b'{"name": "' + b"x" * 10_000_000,
    "html": b"<!doctype html><title>502 Bad Gateway</title>",
}
DAMAGE = {
    **{f"cut at {at}": GOOD[:at] for at in range(1, len(GOOD) - 3, 3)},
    **WHOLE_DAMAGE,
}
"""Every way in which editors, disks and proxies were seen to damage a file."""


def check_damage(user: Any, folder: Path) -> None:
    """Damaged files are told, each with its path, left alone, and hinder no other."""
    home = folder / "user"
    home.mkdir(parents=True, exist_ok=True)
    (home / "good.json").write_bytes(GOOD)
    for number, data in enumerate(DAMAGE.values()):
        (home / f"bad{number}.json").write_bytes(data)
    assert set(user.manager.saved()) == {"good"}
    unreadable = user.manager.unreadable()
    assert set(unreadable) == {f"bad{number}" for number in range(len(DAMAGE))}
    for number, (what, data) in enumerate(DAMAGE.items()):
        key, path = f"bad{number}", home / f"bad{number}.json"
        assert str(path) in str(unreadable[key]), what
        with pytest.raises(UnreadableStore):
            user(key).load()
        with pytest.raises(
            UnreadableStore, match=r"correct it, or overwrite it by save\(force=True\)"
        ):
            user.manager.active()[key].save()
        [unsaved] = save_all([user.manager.active()[key]])
        assert isinstance(unsaved.error, UnreadableStore)
        assert path.read_bytes() == data, what
    assert set(user.manager.all()) >= {"good", "bad0"}
    user.manager.active()["bad0"].save(force=True)
    assert json.loads((home / "bad0.json").read_bytes())["score"] == 0


def test_damaged_files_hinder_nobody(service: Service, tmp_path: Path) -> None:
    """Statement 8, with a corpus of more than fifty."""
    assert len(DAMAGE) >= 50
    check_damage(define(service), tmp_path / "store")


def test_one_message_says_all(service: Service, tmp_path: Path) -> None:
    """Path, line and reason: enough to put it right with an editor."""
    user = define(service)
    service.session.writer.write("user", "bob", GOOD.replace(b"3\n", b'"three"\n'))
    with pytest.raises(UnreadableStore) as caught:
        user("bob").load()
    path = tmp_path / "store" / "user" / "bob.json"
    assert f"{path}:7" in str(caught.value)
    assert "score: expected int, found str" in str(caught.value)


class Fragile(Manager[Any]):
    """Mutant: one bad file spoils the listing."""

    def saved(self) -> dict[str, Any]:
        return {key: self.store_cls(key).load() for key in self.keys()}


def hasty_save(self: Any, *, force: bool = False) -> None:
    """Mutant: writes over whatever is there."""
    self.session.writer.write("user", self.key, self.to_json().encode())


@pytest.mark.parametrize("mutation", [{"manager": Fragile()}, {"save": hasty_save}])
def test_damage_mutants(service: Service, tmp_path: Path, mutation: dict[str, Any]) -> None:
    """A listing that stops at the first bad file, or a save over one, is noticed."""
    with pytest.raises((AssertionError, StorageError, pytest.fail.Exception)):
        check_damage(define(service, **mutation), tmp_path / "store")


# -- 11: what is for the session stays off the disk ------------------------------------------------

SECRET = "canary-5e55107"


def everything_on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def check_session_only(user: Any, folder: Path, values: list[Any]) -> None:
    for number, value in enumerate(values):
        one = user(f"u{number}")
        one.name = "permanent-name"
        one.secret = value
        one.save()
        one.save_soon().addErrback(lambda _: None)
    user.session.writer.flush()
    assert save_all(user.manager.active().values()) == []
    user.session.writer.close()
    found = everything_on_disk(folder)
    assert b"permanent-name" in found
    assert SECRET.encode() not in found
    assert b"secret" not in found
    assert b"canary" not in found


secrets = st.recursive(
    st.sampled_from([SECRET, SECRET.upper(), SECRET.encode(), object()]),
    lambda inner: st.lists(inner) | st.dictionaries(st.just(SECRET), inner) | st.tuples(inner),
)


@given(values=st.lists(secrets, min_size=1, max_size=4))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_session_fields_never_reach_the_disk(
    tmp_path_factory: pytest.TempPathFactory, values: list[Any]
) -> None:
    """Statement 11: whatever they hold, and however the object is saved."""
    folder = tmp_path_factory.mktemp("store")
    service = make_service(str(folder))
    check_session_only(define(service, secret=Field(session=True)), folder, values)


def test_session_mutant(service: Service, tmp_path: Path) -> None:
    """A field that forgets that it is for the session is noticed."""
    with pytest.raises(AssertionError):
        check_session_only(define(service, secret=Field()), tmp_path / "store", [SECRET])


# -- 3 and 4: the object in memory is as it was ----------------------------------------------------


class Broken(Service):
    """A service whose disk fails on demand."""

    def _open_writer(self) -> Writer:
        self.calls = Faulty()
        home = JsonFiles(self.settings.store, calls=self.calls)
        home.open()
        return Writer(home, self.reactor, self.run_in_thread)


def save_all_one(obj: Any) -> None:
    for unsaved in save_all([obj]):
        raise unsaved.error


def save_soon_and_wait(obj: Any) -> None:
    failures: list[Any] = []
    obj.save_soon().addErrback(failures.append)
    obj.session.writer.flush()
    for failure in failures:
        raise failure.value


@pytest.mark.parametrize("save", [lambda obj: obj.save(), save_all_one, save_soon_and_wait])
@pytest.mark.parametrize(
    ("call", "error", "kind"), [("write", 28, StoreFull), ("fsync", 5, StoreIOError)]
)
def test_a_failed_save_leaves_the_object_as_it_is(
    tmp_path: Path, save: Callable[[Any], None], call: str, error: int, kind: type[StorageError]
) -> None:
    """The caller is told; nothing in memory changes; the next save writes a new file and works."""
    service = Broken(store=str(tmp_path / "store"))
    service.reactor = make_service().reactor
    user = define(service)
    bob = user("bob", name="Bob", score=1)
    bob.save()
    bob.score = 2
    service.calls.break_for_good(call, error)
    with pytest.raises(kind):
        save(bob)
    assert bob.to_dict() == {"name": "Bob", "friends": [], "score": 2}
    assert user.manager.active() == {"bob": bob}
    assert json.loads((tmp_path / "store/user/bob.json").read_bytes())["score"] == 1
    service.calls.repair()
    save(bob)
    assert json.loads((tmp_path / "store/user/bob.json").read_bytes())["score"] == 2
    assert list(tmp_path.rglob("*.tmp")) == []
    service.session.close()
