"""Places, and people going from one to the other."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from wcwidth import width

from cletus import Service, events
from cletus.contrib.rooms import BaseRoom, spelled_out
from cletus.contrib.rooms.directions import arrival
from cletus.errors import Refused
from cletus.testing import assert_survives_reload

APPLICATION = """
    from cletus import Service, events
    from cletus.contrib.rooms import BaseRoom, OccupantMixin
    from cletus.contrib.users import BaseUser
    from cletus.errors import Refused
    from cletus.storage import Field

    service = Service()

    class Room(BaseRoom):
        service = service
        locked = Field(False)

        def check_entry(self, who):
            if self.locked:
                raise Refused("It is locked.")

    class User(OccupantMixin, BaseUser):
        service = service
        ignored = Field(set, session=True)

        def ignores(self, other):
            return other.key in self.ignored

    @service.listen(events.Receive)
    def receive(event):
        user = event.user
        if user is None:
            user = User(event.data, name=event.data.capitalize())
            user.log_in(event.client)
            user.enter_room(user.room or Room.manager.get("hall"))
            return
        try:
            user.go(event.data)
        except Refused as refused:
            user.write(refused)
"""


@pytest.fixture
def inn(app):
    room_cls = app.store("room")
    hall = room_cls("hall", name="The hall", description="A hall.\n\nIt is large.")
    garden = room_cls("garden", name="The garden")
    cellar = room_cls("cellar", locked=True)
    hall.connect("n", garden)
    hall.connect("down", cellar)
    hall.connect("attic", room_cls("attic"), back="ladder")
    app.ann, app.bob = app.person(), app.person()
    app.ann.says("ann")
    app.bob.says("bob")
    return app


def test_who_enters_looks_around(inn):
    assert inn.bob.transcript == (
        "The hall\nA hall.\nIt is large.\nExits: north, down and attic.\nAnn is here.\n"
    )


def test_after_a_crash_of_a_primary_rooms_have_whom_is_in_them(inn):
    """What it had kept last may have been written in the middle of somebody's way."""
    ann, bob = inn.active("user")["ann"], inn.active("user")["bob"]
    hall, garden = inn.active("room")["hall"], inn.active("room")["garden"]
    bob.room = garden
    garden.occupants[:] = [ann, ann]
    inn.service.fire(events.TakenOver(inn.service, planned=True))
    assert (hall.occupants, garden.occupants) == ([ann, bob], [ann, ann])
    inn.service.fire(events.TakenOver(inn.service, planned=False))
    assert (hall.occupants, garden.occupants) == ([ann], [bob])
    assert inn.reload().ok
    inn.service.fire(events.TakenOver(inn.service, planned=False))
    assert (hall.occupants, garden.occupants) == ([ann], [bob])


def test_who_enters_is_announced_to_the_others(inn):
    assert inn.ann.reads().endswith("Bob comes in.\n")


@pytest.mark.parametrize("typed", ["north", "NORTH", "n", "nor"])
def test_going_takes_them_there_and_is_seen_on_both_sides(inn, typed):
    inn.ann.says("north")
    assert inn.bob.reads().endswith("Ann goes north.\n")
    inn.ann.reads()
    assert inn.bob.says(typed).startswith("The garden\nExits: south.\nAnn is here.\n")
    assert inn.ann.reads() == "Bob comes in from the south.\n"


def test_an_exit_can_be_any_word(inn):
    assert inn.bob.says("att").startswith("attic\nExits: ladder.\n")
    assert inn.bob.says("ladder").startswith("The hall")


@pytest.mark.parametrize("typed", ["west", "w", "", "../x"])
def test_where_there_is_no_exit_nobody_goes(inn, typed):
    assert f"You cannot go {typed}. Exits: north, down and attic." in inn.bob.says(typed)
    assert inn.active("user")["bob"].room.key == "hall"


def test_a_room_may_refuse_and_then_nobody_has_moved(inn):
    inn.ann.reads()
    assert inn.bob.says("down") == "It is locked.\n"
    assert inn.active("user")["bob"] in inn.active("room")["hall"].occupants
    assert inn.ann.reads() == ""


def test_an_exit_to_a_room_that_is_gone_is_closed(inn):
    inn.store("room").manager.delete("garden")
    assert inn.bob.says("north") == "That way is closed.\n"


def test_what_is_written_to_a_room_reaches_those_who_are_there(inn):
    inn.ann.says("north")
    inn.ann.reads()
    inn.bob.reads()
    inn.active("room")["hall"].write_all("A bell rings.")
    assert inn.bob.reads() == "A bell rings.\n"
    assert inn.ann.reads() == ""


def test_some_can_be_left_out_and_who_ignores_the_speaker_hears_nothing(inn):
    ann, bob = inn.active("user")["ann"], inn.active("user")["bob"]
    inn.ann.reads()
    inn.bob.reads()
    hall = inn.active("room")["hall"]
    hall.write_all("one", exclude=ann)
    hall.write_all("two", exclude=[ann, bob])
    bob.ignored = {"ann"}
    hall.write_all("three", by=ann)
    assert inn.bob.reads() == "one\n"
    assert inn.ann.reads() == "three\n"


def test_who_leaves_is_not_there_but_is_remembered_to_have_been(inn):
    bob = inn.active("user")["bob"]
    bob.leave_room()
    assert inn.active("room")["hall"].occupants == [inn.active("user")["ann"]]
    assert bob.room.key == "hall"
    bob.leave_room()  # harmless


def test_people_in_a_room_survive_a_reload(inn):
    inn.bob.says("north")
    hall = inn.active("room")["hall"]
    hall.look_count = 3
    assert_survives_reload(inn.service, inn.active("room")["garden"])
    report = inn.reload(lambda text: text.replace("It is locked.", "No."))
    assert report.ok
    assert not report.holders
    garden = inn.active("room")["garden"]
    assert garden.occupants == [inn.active("user")["bob"]]
    assert garden.occupants[0] is inn.active("user")["bob"]
    assert inn.bob.says("s").startswith("The hall")


def test_the_place_is_saved_and_the_people_are_not(inn):
    bob = inn.active("user")["bob"]
    assert '"room": "hall"' in bob.to_json()
    assert "occupants" not in inn.active("room")["hall"].to_json()


def test_directions():
    assert spelled_out("NE") == "northeast"
    assert spelled_out("attic") == "attic"
    assert [arrival(one) for one in ("up", "down", "in", "out", "attic")] == [
        "from below",
        "from above",
        "from outside",
        "from inside",
        "",
    ]


def test_somebody_who_is_nowhere_goes_nowhere(inn):
    user = inn.store("user")("eve")
    with pytest.raises(Refused, match="not in a room"):
        user.go("north")


def test_rooms_are_found_by_key_and_by_name(inn):
    manager = inn.store("room").manager
    assert manager.get_by_name("hall") is manager.get_by_name("the Hall")
    assert manager.get_by_name("nowhere at all") is None


def test_if_a_room_is_gone_there_is_another(inn):
    manager = inn.store("room").manager
    assert manager.get_or_any("hall") is manager.get("hall")
    most = max(len(room.exits) for room in manager.all().values())
    assert len(manager.get_or_any("nowhere").exits) == most > 0


def test_wide_letters_count_as_wide(inn):
    """Han takes two columns a letter."""
    hall = inn.active("room")["hall"]
    hall.description = "燈籠" * 60
    lines = hall.look()
    assert "燈籠" * 60 in "".join(lines)
    assert max(map(width, lines)) <= 79


@pytest.mark.parametrize(
    ("exits", "typed", "exit_"),
    [
        (["northeast", "south"], "north", None),
        (["northeast", "south"], "n", None),
        (["southwest"], "South", None),
        (["northeast"], "ne", "northeast"),
        (["northeast"], "northe", "northeast"),
        (["door"], "d", "door"),
        (["down", "door"], "d", "down"),
        (["nook", "northwest"], "n", "nook"),
        (["upstairs"], "up", "upstairs"),
    ],
)
def test_a_direction_in_full_or_short_means_only_itself(inn, exits, typed, exit_):
    """But the beginning of any other exit finds that exit."""
    room = inn.store("room")("crossing")
    room.exits = dict.fromkeys(exits, "hall")
    if exit_ is None:
        with pytest.raises(Refused, match="You cannot go"):
            room.exit(typed)
    else:
        assert room.exit(typed)[0] == exit_


def test_the_beginning_of_two_exits_names_both(inn):
    room = inn.store("room")("crossing")
    room.exits = {"door": "hall", "drawbridge": "hall"}
    with pytest.raises(Refused, match="'d' could be door or drawbridge"):
        room.exit("d")
    assert room.exit("dr")[0] == "drawbridge"


def test_who_reflows_is_sent_paragraphs_whole(start: Callable[..., Service]) -> None:
    """A browser on a phone breaks lines at its own width."""

    class Room(BaseRoom):
        service = start()

    room = Room("reading")
    room.description = "word " * 40 + "\n\n" + "other " * 3
    viewer = SimpleNamespace(client=SimpleNamespace(terminal=SimpleNamespace(reflows=True)))
    _, first, second, exits = room.look(viewer)
    assert (first, second) == (("word " * 40).strip(), "other other other")
    assert exits == "There are no exits."
    assert max(map(len, room.look())) <= 79
