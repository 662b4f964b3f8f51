"""Rooms in files that people edit."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Annotated

import pytest
from msgspec import Meta
from twisted.logger import LogLevel, globalLogPublisher

from cletus import Service
from cletus.contrib.rooms import BaseRoom, RoomFile, RoomFileError
from cletus.storage import Field

PLACES = """
    from pathlib import Path
    from cletus.contrib.rooms import BaseRoom, OccupantMixin, RoomFile
    from cletus.contrib.users import BaseUser
    from cletus.storage import Field
    from APP.core import service

    class Room(BaseRoom):
        service = service
        light = Field(1)

    class User(OccupantMixin, BaseUser):
        service = service

    rooms = RoomFile(Room, Path(__file__).with_name("rooms.FORMAT"))
"""
TOML = """
[hall]
name = "The hall"
description = "Large."
exits = {north = "garden"}
light = 3

[garden]
exits = {south = "hall"}
"""
YAML = """
hall:
    name: The hall
    description: Large.
    exits: {north: garden}
    light: 3
garden:
    exits: {south: hall}
"""


@pytest.fixture(params=["toml", "yaml"])
def inn(run, tmp_path, request):
    if request.param == "yaml":
        pytest.importorskip("yaml")
    (tmp_path / "app0").mkdir()
    path = tmp_path / "app0" / f"rooms.{request.param}"
    path.write_text(TOML if request.param == "toml" else YAML)
    app = run(places=PLACES.replace("FORMAT", request.param))
    app.rooms = path
    return app


def edit(app, old, new):
    app.rooms.write_text(app.rooms.read_text().replace(old, new))
    return app.reload()


def test_the_rooms_of_a_file_are_there_from_the_start(inn):
    hall = inn.active("room")["hall"]
    assert (hall.name, hall.description, hall.light) == ("The hall", "Large.", 3)
    assert hall.exit("n")[1] is inn.active("room")["garden"]


def test_an_edit_comes_into_force_with_the_reload(inn):
    """Though the reload carries over what the room had before."""
    hall = inn.active("room")["hall"]
    assert edit(inn, "Large.", "Tiny.").ok
    assert inn.active("room")["hall"].description == "Tiny."
    assert hall.description == "Tiny."


def test_what_the_file_does_not_say_stays_as_it_was(inn):
    inn.active("room")["garden"].light = 7
    assert inn.reload().ok
    assert inn.active("room")["garden"].light == 7


def test_a_mistake_in_the_file_refuses_the_reload(inn):
    report = edit(inn, "light", "lihgt")
    assert not report.ok
    assert "room 'hall' has an unknown field 'lihgt'" in report.error
    assert inn.active("room")["hall"].light == 3


def test_half_a_file_refuses_the_reload(inn):
    inn.rooms.write_text(inn.rooms.read_text() + '\nx = "\ny: [')
    assert not inn.reload().ok


def test_who_is_in_a_room_that_is_removed_goes_to_the_first(inn):
    bob = inn.person()
    user = inn.store("user")("bob")
    user.log_in(bob.client)
    user.enter_room(inn.active("room")["garden"])
    name = inn.rooms.suffix[1:]
    inn.rooms.write_text('[hall]\nname = "H"\n' if name == "toml" else "hall: {name: H}\n")
    assert inn.reload().ok
    assert "This room no longer exists.\nH\n" in bob.new_text()
    assert inn.active("user")["bob"].room.key == "hall"
    assert "garden" not in inn.active("room")


def test_a_dead_exit_is_logged(inn):
    seen = []
    globalLogPublisher.addObserver(seen.append)
    edit(inn, "garden", "gardn")
    globalLogPublisher.removeObserver(seen.append)
    inn.rooms.write_text("")
    warned = [one for one in seen if one["log_level"] is LogLevel.warn and "destination" in one]
    assert not warned  # the room was renamed along with the exit
    inn.rooms.write_text(
        '[hall]\nexits = {up = "attic"}\n'
        if inn.rooms.suffix == ".toml"
        else "hall: {exits: {up: attic}}"
    )
    globalLogPublisher.addObserver(seen.append)
    inn.reload()
    globalLogPublisher.removeObserver(seen.append)
    assert [one["destination"] for one in seen if "destination" in one] == ["attic"]


SAVED = SimpleNamespace(session=False)
ROOM = SimpleNamespace(fields={"name": SAVED, "exits": SAVED}, service=None)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("r.toml", 'hall = "x"', "room 'hall' is not a table"),
        ("r.toml", "[hall]\nname = 3", "name must be a text"),
        ("r.toml", '["a b"]', "' ' is not a letter"),
        ("r.toml", "[hall]\nwritten = ['north']", "the fields are name"),
        ("r.toml", "[hall", "Expected"),
        ("r.toml", "[hall]\nexits = 3", "exits must be pairs"),
        ("r.yaml", "hall: {exits: {no: x}}", "the exit False is not a text"),
        ("r.yaml", "hall: {exits: {up: 3}}", "3 is not a text"),
        ("r.yaml", "- hall", "must map keys"),
        ("r.yaml", "1: {}", "1 is not a text"),
        ("r.yaml", "hall: {colour: red}", "the fields are name"),
        ("r.yaml", "hall: [", "flow"),
    ],
)
def test_what_does_not_describe_rooms_is_refused(tmp_path, name, text, reason):
    if name.endswith("yaml"):
        pytest.importorskip("yaml")
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(RoomFileError, match=reason) as caught:
        RoomFile(ROOM, path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RoomFileError, match=r"rooms\.toml: .*No such file"):
        RoomFile(ROOM, tmp_path / "rooms.toml")


def test_yaml_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "rooms.yaml"
    path.write_text("hall: {}")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(RoomFileError, match=r"pip install 'cletus-live\[yaml\]'"):
        RoomFile(ROOM, path)


def test_a_room_whose_saved_document_cannot_be_read_is_left_alone(inn):
    """The others are made what the file says."""
    inn.store("room").manager.remove_active(inn.active("room")["garden"])
    inn.service.session.writer.write("room", "garden", b"{")
    assert edit(inn, "Large.", "Tiny.").ok
    assert inn.active("room")["hall"].description == "Tiny."
    assert inn.service.session.writer.read("room", "garden") == b"{"


def test_exits_that_were_made_in_the_house_outlast_those_of_the_file(inn):
    """Else every reload would wall up what people have built; what the file takes back still goes."""
    hall, room_cls = inn.active("room")["hall"], inn.store("room")
    hall.connect("up", room_cls("attic"))
    old, new = ("north", "east")
    assert edit(inn, old, new).ok
    hall = inn.active("room")["hall"]
    assert hall.exits == {"east": "garden", "up": "attic"}
    hall.save()
    hall.manager.remove_active(hall)
    inn.module("places").rooms.apply()  # as at the next start
    assert inn.active("room")["hall"].exits == {"east": "garden", "up": "attic"}
    assert edit(inn, "east", "up").ok
    assert inn.active("room")["hall"].exits == {"up": "garden"}


def test_a_room_may_be_false(inn, monkeypatch):
    """One that is empty, say, of a class with ``__len__``; the file does not make another one."""
    hall = inn.active("room")["hall"]
    monkeypatch.setattr(type(hall), "__len__", lambda _: 0, raising=False)
    inn.module("places").rooms.apply()
    assert inn.active("room")["hall"] is hall


@pytest.fixture
def typed_room():
    service = Service()
    service.configure(store="memory:")
    members = {
        "service": service,
        "light": Field(0, type=int),
        "seats": Field(0, type=Annotated[int, Meta(ge=0)]),
        "motto": Field(""),
    }
    yield type("TypedRoom", (BaseRoom,), members)
    service.session.close()


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("r.toml", '[hall]\nlight = "bright"', "line 2, column 1: .*expected int"),
        ("r.toml", "[hall]\nseats = -1", "line 2, column 1: .*>= 0"),
        ("r.toml", "[hall]\nmotto = 2026-01-02", "line 2, column 1: .*motto"),
        ("r.toml", "[hall]\nnmae = 'x'", "line 2, column 1: .*unknown field 'nmae'"),
        ("r.toml", "[hall]\nname = 5", "line 2, column 1: .*must be a text"),
        ("r.toml", "[hall]\n\nexits = {up = 5}", "line 3, column 10: 5 is not a text"),
        ("r.toml", "hall = 3", "line 1, column 1: .*not a table"),
        ("r.toml", "[hall\n", "line 1, column 6"),
        ("r.toml", "[Hall]\n[hall]", "line 2, column 2: the room 'hall' is described twice"),
        (
            "r.toml",
            '[hall]\nexits = {North = "hall", north = "hall"}',
            "line 2, column 26: .*two exits 'north'",
        ),
        ("r.yaml", "hall: {}\nhall: {}", "line 2, column 1: 'hall' is there twice"),
        (
            "r.yaml",
            "hall:\n  exits: {up: hall, up: hall}",
            "line 2, column 21: 'up' is there twice",
        ),
        ("r.yaml", "hall:\n  light: bright", "line 2, column 3: .*expected int"),
        ("r.yaml", "hall:\n  exits: {no: hall}", "line 2, column 11: .*False is not a text"),
    ],
)
def test_values_are_checked_as_the_store_checks_them(typed_room, tmp_path, name, text, reason):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(RoomFileError, match=reason):
        RoomFile(typed_room, path)
    assert typed_room.manager.active() == {}


def test_a_byte_order_mark_is_skipped(typed_room, tmp_path):
    path = tmp_path / "r.toml"
    path.write_bytes(b'\xef\xbb\xbf[hall]\r\nname = "The hall"\r\n')
    assert RoomFile(typed_room, path).rooms["hall"]["name"] == "The hall"


def test_an_exit_may_lead_to_a_room_of_another_file(typed_room, tmp_path, log):
    """Though that file is applied later."""
    for name, text in (
        ("village", '[square]\nexits = {north = "marsh", up = "sky"}\n'),
        ("marsh", '[marsh]\nexits = {south = "square"}\n'),
    ):
        (tmp_path / f"{name}.toml").write_text(text)
    files = [RoomFile(typed_room, tmp_path / f"{name}.toml") for name in ("village", "marsh")]
    for file in files:
        file.apply()
    warned = [event["destination"] for event in log.events if "destination" in event]
    assert warned == ["sky"]
