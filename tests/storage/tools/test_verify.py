"""Verifying: each document is read as the code would read it, and nothing else happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cletus import Service
from cletus.errors import UnsafeName
from cletus.storage import Field, Store, StoreDictField, StoreField, StoreListField, TempStoreMixin
from cletus.storage.backends.json_files import JsonFiles
from cletus.storage.tools.verify import Category, Finding, Severity, verify
from tests.storage.rig import make_service


@pytest.fixture
def service() -> Service:
    return make_service()


@pytest.fixture
def store(service: Service) -> Callable[..., Any]:
    """Declares a store class."""

    def declare(name: str, *bases: type, **members: object) -> Any:
        return type(name, (*bases, Store), {"service": service, **members})

    return declare


@pytest.fixture
def look(service: Service, tmp_path: Path) -> Callable[..., list[Finding]]:
    """Puts files into a folder and verifies them, while nobody has opened it."""

    def look(files: dict[str, str], **options: Any) -> list[Finding]:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return list(verify(JsonFiles(tmp_path), service.session.stores, **options))

    return look


Look = Callable[..., list[Finding]]
Declare = Callable[..., Any]


def test_what_can_be_used_is_not_worth_a_word(store: Declare, look: Look) -> None:
    """Nor does anything become active, or get written."""
    user = store("User", score=Field(0, type=int))
    assert look({"user/bob.json": '{"score": 3, "unknown": 1}', "user/amy.json": "{}"}) == []
    assert user.manager.active() == {}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('{\n "score": 1,\n}', 2, "JSON is malformed"),
        ("[]", 1, "it is an array, and should be an object of fields"),
        ("", 1, "Input data was truncated"),
        ('{\n "score": "many"}', 2, "score: expected int, found str"),
        ('{\n "_version": "x"}', 2, "its _version is 'x', not a number"),
        ("\xff\xfe", 1, "JSON is malformed"),
    ],
)
def test_what_cannot_be_read_is_an_error(
    store: Declare, look: Look, tmp_path: Path, text: str, line: int, reason: str
) -> None:
    """With its place, line and reason; the others are read all the same."""
    store("User", score=Field(0, type=int))
    (found,) = look({"user/eve.json": text, "user/bob.json": "{}"})
    assert found.category is Category.UNREADABLE
    assert found.severity is Severity.ERROR
    assert (found.store, found.key, found.line) == ("user", "eve", line)
    assert found.location == f"{tmp_path}/user/eve.json"
    assert reason in found.reason
    assert str(found).startswith(f"{found.location}:{line}: user 'eve': ")


def test_a_folder_in_the_place_of_a_document_is_an_error(
    store: Declare, look: Look, tmp_path: Path
) -> None:
    """What the system says is the reason."""
    store("User")
    (tmp_path / "user" / "bob.json").mkdir(parents=True)
    (found,) = look({})
    assert (found.category, found.reason) == (Category.UNREADABLE, "Is a directory")


def test_versions_are_compared(store: Declare, look: Look) -> None:
    """An earlier one is a note, a later one an error, and a step that fails is an error."""

    def migrate(_cls: Any, data: dict[str, Any], version: int) -> dict[str, Any]:
        return {**data, "crew": data["crew"].split()} if version == 0 else data

    store("Ship", version=2, migrate=classmethod(migrate), crew=Field([]))
    found = look(
        {
            "ship/argo.json": '{"crew": "Jason Orpheus"}',
            "ship/bounty.json": "{}",
            "ship/nautilus.json": '{"_version": 3}',
            "ship/beagle.json": '{"_version": 2}',
        }
    )
    assert [(one.key, one.category, one.reason) for one in found] == [
        ("argo", Category.OUTDATED, "it is of version 0, the code is at 2"),
        (
            "bounty",
            Category.UNREADABLE,
            "Ship.migrate() of data of version 0: KeyError: 'crew'",
        ),
        ("nautilus", Category.NEWER, "it is of version 3, and this code knows versions up to 2"),
    ]
    assert [one.severity.value for one in found] == ["note", "error", "error"]


@pytest.mark.parametrize("name", ["Bob", "b b", "x" * 130])
def test_a_file_whose_name_is_no_key_is_an_error(store: Declare, look: Look, name: str) -> None:
    """No object can be called so, so nobody would ever find it."""
    store("User")
    (found,) = look({f"user/{name}.json": "{}"})
    assert (found.category, found.key) == (Category.MISNAMED, name)


def test_references_are_followed(store: Declare, look: Look) -> None:
    """Each reference to what is not saved is a warning; references of the session are not followed."""
    store("Room", exits=StoreDictField("room"), pets=StoreListField("pet"))
    store("User", room=StoreField("room"), visits=StoreField("room", session=True))
    found = look(
        {
            "room/hall.json": '{"exits": {"up": "attic", "down": "cellar"}}',
            "room/attic.json": '{"exits": {}, "pets": ["rat"]}',
            "user/bob.json": '{"room": "hall"}',
            "user/amy.json": '{"room": null}',
            "user/eve.json": '{"room": "moon"}',
        }
    )
    assert [(one.key, one.reason) for one in found] == [
        ("attic", "pets refers to pet 'rat', which is not saved"),
        ("hall", "exits refers to room 'cellar', which is not saved"),
        ("eve", "room refers to room 'moon', which is not saved"),
    ]
    assert {one.severity for one in found} == {Severity.WARNING}


def test_stores_that_the_code_does_not_read_are_named(store: Declare, look: Look) -> None:
    """Once each; their documents must be JSON all the same."""
    store("Fight", TempStoreMixin)
    found = look({"fight/duel.json": "{}", "gone/a.json": "{}", "gone/b.json": "no"})
    assert [(one.category, one.store, one.key) for one in found] == [
        (Category.UNKNOWN, "fight", ""),
        (Category.UNKNOWN, "gone", ""),
        (Category.UNREADABLE, "gone", "b"),
    ]
    assert "temporary" in found[0].reason


def test_what_is_no_document_is_named(store: Declare, look: Look) -> None:
    """A leftover of the dead and a file of another name; not a save under way, not hidden files."""
    import os

    store("User")
    found = look(
        {
            "user/.save-999999999-1.tmp": "{",
            f"user/.save-{os.getpid()}-1.tmp": "{",
            "user/.bob.json.swp": "",
            "user/bob.json~": "{}",
        }
    )
    assert [(one.category, Path(one.location).name) for one in found] == [
        (Category.UNKNOWN_DOCUMENT, ".save-999999999-1.tmp"),
        (Category.UNKNOWN_DOCUMENT, "bob.json~"),
    ]


def test_what_the_applications_code_raises_is_a_finding(store: Declare, look: Look) -> None:
    """While an object is made, or filled."""

    def refuse(self: Any, key: str, **values: Any) -> None:
        if key == "eve":
            raise RuntimeError("not her")
        Store.__init__(self, key, **values)

    store("User", __init__=refuse)
    (found,) = look({"user/eve.json": "{}", "user/bob.json": "{}"})
    assert (found.key, found.reason) == ("eve", "RuntimeError: not her")


def test_only_the_stores_that_are_asked_for(store: Declare, look: Look) -> None:
    """And each document is reported as seen, for a progress bar."""
    store("User")
    seen: list[tuple[str, str]] = []
    files = {"user/bob.json": "{}", "user/amy.json": "no", "gone/x.json": "no"}
    found = look(files, stores=["user"], seen=lambda *names: seen.append(names))
    assert [one.key for one in found] == ["amy"]
    assert seen == [("user", "amy"), ("user", "bob")]


def test_a_home_in_memory_can_be_verified(store: Declare, service: Service) -> None:
    """Whatever the home: it is asked through its interface."""
    store("User")
    home = make_service().session.writer._backend
    home.write("user", "bob", b"no")
    (found,) = verify(home, service.session.stores)
    assert found.location == "memory:user/bob"


def test_a_name_that_cannot_be_one_is_refused(store: Declare, look: Look) -> None:
    """What is asked for by name is never a path."""
    with pytest.raises(UnsafeName):
        look({}, stores=["../etc"])


def test_what_is_active_or_never_saved_may_be_referred_to(store: Declare, look: Look) -> None:
    """The import has made it, or it comes and goes."""
    room = store("Room")
    store("Guest", TempStoreMixin)
    store("User", room=StoreField("room"), guest=StoreField("guest"))
    files = {"user/bob.json": '{"room": "hall", "guest": "guest-1"}'}
    assert [one.category for one in look(files)] == [Category.DANGLING]
    room("hall")
    assert look(files) == []


@dataclass
class Sword:
    level: int = 0


def test_what_loading_would_lose_is_told(store: Declare, look: Look) -> None:
    """With its line: data of a field that is of the session now, what a type does not have."""
    store(
        "User",
        room=Field("", session=True),
        sword=Field(type=Sword),
        gear=Field(type=dict[str, list[Sword]]),
        tags=Field(type=set[str]),
    )
    text = """{
 "room": "hall",
 "sword": {"level": 1, "colour": "red"},
 "gear": {"belt": [{"level": 2},
  {"level": 3, "rust": 1}]},
 "tags": ["b", "a"],
 "unknown": {"kept": 1}
}"""
    found = look({"user/bob.json": text})
    assert [(one.category, one.reason.partition(" would")[0], one.line) for one in found] == [
        (Category.LOST, "room", 2),
        (Category.LOST, "sword['colour']", 3),
        (Category.LOST, "gear['belt'][1]['rust']", 5),
    ]


def test_a_value_of_another_type_than_the_default_is_told(store: Declare, look: Look) -> None:
    """Somebody has put quotes around a number."""
    store("User", score=Field(0), note=Field())
    (found,) = look(
        {"user/bob.json": '{"note": 1,\n"score": "4"}', "user/amy.json": '{"score": 1.5}'}
    )
    assert (found.category, found.line) == (Category.MISTYPED, 2)
    assert found.reason == "score is a str, its default a int"
