"""An area in a file, edited by its author while builders build."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.contrib.building.area_file import as_text
from cletus.errors import StorageError
from cletus.storage.interfaces import Failure
from cletus.testing import reloaded

APPLICATION = """
    from pathlib import Path

    from cletus import Service, events
    from cletus.contrib.building import AreaFile, AreaRoomMixin, BaseArea, BuilderMixin, register_commands
    from cletus.contrib.commands import CommandRegistry
    from cletus.contrib.rooms import BaseRoom, OccupantMixin
    from cletus.contrib.users import BaseUser

    service = Service()
    commands = CommandRegistry(service)
    register_commands(commands)

    class Room(AreaRoomMixin, BaseRoom):
        service = service

    class Area(BaseArea):
        service = service

    class User(BuilderMixin, OccupantMixin, BaseUser):
        service = service

        def has_permission(self, permission):
            return permission == "build:marsh"

    AreaFile(Room, Area, Path(__file__).with_name("marsh.SUFFIX"))

    @service.listen(events.Receive)
    def receive(event):
        if event.user is None:
            user = User(event.data, name=event.data.capitalize())
            user.log_in(event.client)
            user.enter_room(Room.manager.get("reeds"))
            return None
        return commands.run(event, event.data)
"""
ROOMS = {
    "reeds": {"name": "The reeds", "exits": {"north": "pool"}},
    "pool": {"name": "The pool", "description": "Deep.\n\nStill.", "exits": {"south": "reeds"}},
}


@pytest.fixture(params=[".toml", ".yaml"])
def suffix(request):
    if request.param == ".yaml":
        pytest.importorskip("yaml")
    return request.param


@pytest.fixture
def cletus_target(tmp_path, suffix):
    (tmp_path / f"marsh{suffix}").write_text(as_text(Path(f"x{suffix}"), ROOMS))
    path = tmp_path / "small_application.py"
    path.write_text(textwrap.dedent(APPLICATION).replace(".SUFFIX", suffix))
    return path


@pytest.fixture
def marsh(tmp_path, service, connect, suffix):
    path = tmp_path / f"marsh{suffix}"
    ann = connect()
    ann.says("ann")
    rooms = lambda: service.session.stores["room"].manager.active()  # noqa: E731 - a fixture's own

    def edit(**changes):
        edited = {key: {**ROOMS.get(key, {}), **values} for key, values in changes.items()}
        path.write_text(as_text(path, {**ROOMS, **edited}))
        return reloaded(service, {"small_application": str})

    return SimpleNamespace(
        ann=ann,
        rooms=rooms,
        path=path,
        edit=edit,
        conflicts=lambda: service.session.stores["area"].manager.get("marsh").conflicts,
        reload=lambda: reloaded(service, {"small_application": str}),
    )


def test_the_rooms_are_there_from_the_start(marsh):
    pool = marsh.rooms()["pool"]
    assert (pool.name, pool.description, pool.area) == ("The pool", "Deep.\n\nStill.", "marsh")


def test_what_was_built_outlasts_a_reload_and_an_edit_of_something_else(marsh):
    marsh.ann.says("rename The tall reeds", "dig up A nest")
    assert marsh.edit(pool={"name": "The deep pool"}).ok
    reeds = marsh.rooms()["reeds"]
    assert (reeds.name, reeds.exits) == ("The tall reeds", {"north": "pool", "up": "a-nest"})
    assert marsh.rooms()["pool"].name == "The deep pool"
    assert marsh.conflicts() == []


def test_what_both_have_changed_is_named_and_stays_as_it_is_in_the_game(marsh):
    marsh.ann.says("rename The tall reeds")
    assert marsh.edit(reeds={"name": "The short reeds"}).ok
    assert marsh.rooms()["reeds"].name == "The tall reeds"
    assert marsh.ann.says("conflicts") == "marsh, reeds: name\n"


def test_a_room_that_is_removed_from_the_file_goes_unless_it_was_changed(marsh):
    marsh.ann.says("rename The tall reeds")
    marsh.path.write_text(as_text(marsh.path, {"bog": {"name": "The bog", "exits": {}}}))
    assert marsh.reload().ok
    assert sorted(marsh.rooms()) == ["bog", "reeds"]
    assert marsh.conflicts() == ["reeds: removed from the file, changed in the game"]


def test_people_of_an_area_whose_file_is_emptied_go_to_a_room_that_stays(marsh, service):
    """They were left in no room."""
    marsh.ann.says("rename The tall reeds", "teleport pool")
    marsh.path.write_text(as_text(marsh.path, {}))
    assert marsh.reload().ok
    assert sorted(marsh.rooms()) == ["reeds"]
    assert service.session.stores["user"].manager.get("ann").room is marsh.rooms()["reeds"]


def test_a_conflict_is_shown_until_the_file_is_edited_or_exported(marsh):
    """It was forgotten at the next reload, of whatever file."""
    marsh.ann.says("rename The tall reeds")
    assert marsh.edit(reeds={"name": "The short reeds"}).ok
    assert marsh.reload().ok
    assert marsh.ann.says("conflicts") == "marsh, reeds: name\n"
    marsh.ann.says("export marsh")
    assert marsh.ann.says("conflicts") == "There are no conflicts.\n"


def test_a_reload_that_edits_no_area_writes_no_room(marsh, service, monkeypatch):
    """Each reload waited until every room was on the disk."""
    saved: list[object] = []
    for name in ("write", "write_many"):
        monkeypatch.setattr(service.session.writer, name, lambda *args: saved.append(args) or [])
    assert marsh.reload().ok
    assert saved == []


@pytest.mark.parametrize("order", [("marsh", "hills"), ("hills", "marsh")])
def test_a_room_that_is_moved_to_the_file_of_another_area_stays(marsh, service, order):
    """It was destroyed, with what was in it, or its people were sent away."""
    first, second = (marsh.path.with_name(f"{name}{marsh.path.suffix}") for name in order)
    files = "\n".join(f"AreaFile(Room, Area, Path({str(path)!r}))" for path in (first, second))
    hills = marsh.path.with_name(f"hills{marsh.path.suffix}")
    hills.write_text(as_text(hills, {"top": {"name": "The top", "exits": {}}}))
    edit = lambda text: re.sub(r"(?m)^AreaFile.*$", lambda _: files, text)  # noqa: E731 - read once
    assert reloaded(service, {"small_application": edit}).ok
    reeds = marsh.rooms()["reeds"]
    assert service.session.stores["user"].manager.get("ann").room is reeds
    marsh.path.write_text(as_text(marsh.path, {"pool": ROOMS["pool"]}))
    hills.write_text(
        as_text(hills, {"top": {"name": "The top", "exits": {}}, "reeds": ROOMS["reeds"]})
    )
    assert marsh.reload().ok
    assert marsh.rooms()["reeds"] is reeds
    assert reeds.area == "hills"
    assert reeds.occupants
    assert "no longer exists" not in marsh.ann.transcript
    assert marsh.reload().ok
    assert "reeds" in marsh.rooms()


def test_a_room_that_builders_put_into_another_area_stays_there(marsh, service):
    """The next reload took it back."""
    reeds = marsh.rooms()["reeds"]
    reeds.area = "hills"
    assert marsh.edit(reeds={"name": "The short reeds"}).ok
    reeds = marsh.rooms()["reeds"]
    assert (reeds.name, reeds.area) == ("The short reeds", "hills")


def test_a_merge_that_could_not_be_saved_is_done_again(marsh, service, log, monkeypatch):
    """Its area counted as merged: after a crash, the edit was lost."""
    full = lambda documents: [Failure(each, StorageError("full")) for each in documents]  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setattr(service.session.writer, "write_many", full)
        assert marsh.edit(reeds={"name": "The short reeds"}).ok
        assert service.session.stores["area"].manager.get("marsh").written == ROOMS
    assert "full" in "".join(log.take_failures())
    assert marsh.reload().ok
    reeds = service.session.stores["area"].manager.get("marsh").written["reeds"]
    assert reeds["name"] == "The short reeds"


def test_a_room_that_was_destroyed_stays_so(marsh):
    marsh.ann.says("destroy pool")
    assert marsh.edit(reeds={"description": "Tall."}).ok
    assert "pool" not in marsh.rooms()
    assert marsh.rooms()["reeds"].exits == {}
    assert marsh.edit(pool={"name": "X"}).ok
    assert marsh.conflicts() == ["pool: destroyed in the game, changed in the file"]


def test_an_export_has_what_was_built_and_is_no_edit(marsh):
    marsh.ann.says(
        "rename The tall reeds", "dig up A nest", "describe", 'Say "hi".', "", "Bye.", "."
    )
    assert marsh.ann.says("export marsh") == f"3 rooms are written to {marsh.path.name}.\n"
    before = {key: room.to_json() for key, room in marsh.rooms().items()}
    assert marsh.reload().ok
    assert {key: room.to_json() for key, room in marsh.rooms().items()} == before
    assert "The tall reeds" in marsh.path.read_text()
    assert marsh.conflicts() == []
    assert list(marsh.path.parent.glob(".marsh*")) == []


def test_an_export_that_fails_loses_nothing_that_was_built(marsh, monkeypatch, log):
    """The disk was full: the area said that the file had it, so the next merge took the file's old text."""

    def full(_file):
        raise OSError(28, "No space left on device")

    marsh.ann.says("rename The tall reeds")
    monkeypatch.setattr("os.fsync", full)
    assert "written" not in marsh.ann.says("export marsh")
    monkeypatch.undo()
    (failure,) = log.take_failures()
    assert "No space left" in failure
    assert marsh.reload().ok
    assert marsh.rooms()["reeds"].name == "The tall reeds"
    assert list(marsh.path.parent.glob(".marsh*")) == []


def test_an_exported_file_can_be_read_by_those_who_could_before(marsh):
    marsh.path.chmod(0o664)
    marsh.ann.says("export marsh")
    assert marsh.path.stat().st_mode & 0o777 == 0o664


def test_a_restart_keeps_what_was_built(marsh, restart):
    marsh.ann.says("rename The tall reeds", "dig up A nest")
    stores = restart().session.stores
    reeds = stores["room"].manager.get("reeds")
    assert (reeds.name, reeds.exits["up"]) == ("The tall reeds", "a-nest")
    assert stores["area"].manager.get("marsh").conflicts == []


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=30)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5),
        st.fixed_dictionaries(
            {
                "name": TEXT,
                "seats": st.integers(-(2**53), 2**53)
                | st.floats(allow_nan=False, allow_infinity=False)
                | st.booleans(),
                "closed": st.lists(TEXT, max_size=3),
                "exits": st.dictionaries(st.text(max_size=5), TEXT, max_size=3),
            }
        ),
        max_size=3,
    )
)
def test_what_is_written_is_read(rooms):
    assert tomllib.loads(as_text(Path("x.toml"), rooms)) == rooms
