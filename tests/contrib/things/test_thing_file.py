"""Things and characters in files that people edit."""

from __future__ import annotations

import textwrap
from types import SimpleNamespace

import pytest

from cletus import Service
from cletus.contrib.characters import BaseCharacter, CharacterFile
from cletus.contrib.things import BaseThing, ThingFile
from cletus.errors import RoomFileError
from cletus.testing import reloaded

APPLICATION = """
    from pathlib import Path
    from cletus import Service
    from cletus.contrib.characters import BaseCharacter, CharacterFile
    from cletus.contrib.rooms import BaseRoom
    from cletus.contrib.things import BaseThing, HolderMixin, ThingFile
    from cletus.storage import Field

    service = Service()

    class Room(HolderMixin, BaseRoom):
        service = service

    class Thing(BaseThing):
        service = service
        lost_and_found = "room:inn"
        oil = Field(0, type=int)

    class Rat(BaseCharacter):
        service = service

    for key in ("inn", "yard"):
        Room(key)
    ThingFile(Thing, Path(__file__).with_name("things.toml"))
    CharacterFile(Rat, Path(__file__).with_name("rats.toml"))
"""
THINGS = """
[chest]
container = true
fixed = true
home = "room:inn"

[lamp]
home = "thing:chest"
oil = 3
"""
RATS = """
[rat-1]
name = "rat"
home = "room:yard"
"""


@pytest.fixture
def inn(tmp_path, service):
    """It is imported by ``service``, so the files come first: see ``cletus_target``."""
    return SimpleNamespace(
        service=service,
        things=tmp_path / "things.toml",
        rats=tmp_path / "rats.toml",
        active=lambda name: service.session.stores[name].manager.active(),
        reload=lambda: reloaded(service, {"small_application": str}),
    )


@pytest.fixture
def cletus_target(tmp_path):
    (tmp_path / "things.toml").write_text(THINGS)
    (tmp_path / "rats.toml").write_text(RATS)
    path = tmp_path / "small_application.py"
    path.write_text(textwrap.dedent(APPLICATION))
    return path


def test_what_a_file_describes_is_there_from_the_start(inn):
    chest, lamp = inn.active("thing")["chest"], inn.active("thing")["lamp"]
    assert (chest.place, lamp.place, lamp.oil) == (inn.active("room")["inn"], chest, 3)
    rat = inn.active("rat")["rat-1"]
    assert inn.active("room")["yard"].occupants == [rat]


def test_an_edit_changes_what_is_there_and_leaves_it_where_it_is(inn):
    yard = inn.active("room")["yard"]
    inn.active("thing")["lamp"].move_to(yard)
    inn.things.write_text(THINGS.replace("oil = 3", "oil = 9") + '[rug]\nhome = "room:yard"\n')
    inn.rats.write_text(RATS.replace('"rat"', '"mouse"'))
    assert inn.reload().ok
    inn.service.reactor.advance(1)
    assert inn.active("thing")["lamp"].oil == 9
    assert [thing.key for thing in yard.contents] == ["rug", "lamp"]
    assert str(inn.active("rat")["rat-1"]) == "a mouse"


def test_what_happened_in_the_game_lasts_until_the_file_says_something_else(inn, restart):
    lamp = inn.active("thing")["lamp"]
    lamp.oil, lamp.description = 1, "Nearly empty."
    assert inn.reload().ok
    assert inn.active("thing")["lamp"].oil == 1
    inn.things.write_text(THINGS.replace("oil = 3", "oil = 3\nweight = 2.0"))
    assert inn.reload().ok
    lamp = inn.active("thing")["lamp"]
    assert (lamp.oil, lamp.weight, lamp.description) == (1, 2.0, "Nearly empty.")
    inn.service.reactor.advance(1)
    lamp = restart().session.stores["thing"].manager.active()["lamp"]
    assert (lamp.oil, lamp.weight) == (1, 2.0)


def test_what_is_removed_from_the_file_is_deleted_but_not_what_was_in_it(inn):
    inn.things.write_text(THINGS.partition("[lamp]")[2].replace("thing:chest", "room:inn"))
    inn.things.write_text("[lamp]\n" + inn.things.read_text())
    inn.rats.write_text("")
    assert inn.reload().ok
    inn.service.reactor.advance(1)
    assert list(inn.active("thing")) == ["lamp"]
    assert inn.active("thing")["lamp"].place is inn.active("room")["inn"]
    assert inn.active("rat") == {}
    assert inn.active("room")["yard"].occupants == []


def test_after_a_restart_a_thing_is_where_it_was_left(inn, restart):
    inn.active("thing")["lamp"].move_to(inn.active("room")["yard"])
    inn.active("rat")["rat-1"].enter_room(inn.active("room")["inn"])
    stores = restart().session.stores
    assert stores["thing"].manager.active()["lamp"].place.key == "yard"
    assert stores["thing"].manager.active()["chest"].place.key == "inn"
    rat = stores["rat"].manager.active()["rat-1"]
    assert rat.room.occupants == [rat]
    assert rat.room.key == "inn"


@pytest.fixture
def classes():
    service = Service()
    service.configure(store="memory:")
    yield (
        (type("SomeThing", (BaseThing,), {"service": service}), ThingFile),
        (type("SomeRat", (BaseCharacter,), {"service": service}), CharacterFile),
    )
    service.session.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("lamp = 3", "thing 'lamp' is not a table"),
        ("[lamp]\nplace = 'room:inn'", "unknown field 'place'"),
        ("[lamp]\nroom = 'inn'", "unknown field 'room'"),
        ("[lamp]\nhome = 'inn'", "home must be as in 'room:inn'"),
        ("[lamp]\nhome = 3", "home must be as in 'room:inn'"),
        ("[lamp]\naliases = 3", "aliases"),
        ("['a b']", "' ' is not a letter"),
        ("[Lamp]\n[lamp]", "described twice"),
        ("[lamp", "Expected"),
    ],
)
def test_what_does_not_describe_things_is_refused(classes, tmp_path, text, reason):
    path = tmp_path / "things.toml"
    path.write_text(text)
    for store_cls, file_cls in classes:
        with pytest.raises(RoomFileError, match=reason):
            file_cls(store_cls, path)
        assert store_cls.manager.active() == {}
