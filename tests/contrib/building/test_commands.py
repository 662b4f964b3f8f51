"""Building in the game: what builders do, may not do, and undo."""

from __future__ import annotations

import pytest

from cletus.testing import assert_survives_reload

APPLICATION = """
    from cletus import Service, events
    from cletus.contrib.building import AreaRoomMixin, BaseArea, BuilderMixin, register_commands
    from cletus.contrib.characters import BaseCharacter
    from cletus.contrib.commands import CommandRegistry
    from cletus.contrib.rooms import BaseRoom, OccupantMixin
    from cletus.contrib.things import BaseThing, CarrierMixin, HolderMixin
    from cletus.contrib.users import BaseUser
    from cletus.storage import Field

    service = Service()
    commands = CommandRegistry(service)
    register_commands(commands)

    class Room(AreaRoomMixin, HolderMixin, BaseRoom):
        service = service
        seats = Field(0, type=int)

    class Area(BaseArea):
        service = service

    class User(BuilderMixin, CarrierMixin, OccupantMixin, BaseUser):
        service = service
        may = Field(set, session=True)

        def has_permission(self, permission):
            return permission in self.may

    class Thing(BaseThing):
        service = service
        lost_and_found = "room:inn"

    class Rat(BaseCharacter):
        service = service

    for key, area in (("inn", ""), ("marsh", "marsh")):
        Room(key, name=f"The {key}", area=area)

    @commands.register
    def go(event, direction: str):
        event.user.go(direction)

    @service.listen(events.Receive)
    def receive(event):
        if event.user is None:
            user = User(event.data, name=event.data.capitalize())
            user.log_in(event.client)
            user.enter_room(Room.manager.get("inn"))
            return None
        return commands.run(event, event.data)
"""


@pytest.fixture
def inn(app):
    app.room = app.active("room")["inn"]
    app.ann = app.person()
    app.ann.says("ann")
    app.user = app.active("user")["ann"]
    app.user.may = {"build"}
    app.ann.reads()
    yield app
    app.service.reactor.advance(1)  # what is saved soon is saved by then


def test_others_have_no_commands_of_builders(inn):
    inn.user.may = set()
    assert inn.ann.says("dig north Attic").startswith("There is no command dig.")


def test_a_room_is_dug_with_the_way_back_and_undone(inn, log):
    assert inn.ann.says("dig n The attic") == "There is now an exit north, to The attic.\n"
    attic = inn.active("room")["the-attic"]
    assert (inn.room.exits, attic.exits) == ({"north": "the-attic"}, {"south": "inn"})
    assert "building: dig: inn north the-attic, by ann" in log.text
    assert inn.ann.says("dig n Loft") == "There already is an exit north.\n"
    assert "already" in inn.ann.says("dig up The attic")
    assert inn.ann.says("undo") == "Undone: dig inn north the-attic.\n"
    assert inn.room.exits == {}
    assert "the-attic" not in inn.active("room")
    assert inn.ann.says("undo") == "There is nothing to undo.\n"


def test_rooms_are_linked_and_unlinked(inn):
    assert inn.ann.says("link east marsh") == "There is now an exit east, to The marsh.\n"
    marsh = inn.active("room")["marsh"]
    assert marsh.exits == {"west": "inn"}
    assert inn.ann.says("link east marsh") == "There already is an exit east.\n"
    inn.active("room")["marsh"].exits["south"] = "nowhere"
    assert inn.ann.says("link north marsh") == "The marsh already has an exit south.\n"
    del inn.active("room")["marsh"].exits["south"]
    assert inn.ann.says("unlink e") == "There is no exit east any more.\n"
    assert (inn.room.exits, marsh.exits) == ({}, {})
    assert inn.ann.says("link up nowhere") == "There is no room 'nowhere'.\n"
    inn.ann.says("undo")
    assert (inn.room.exits, marsh.exits) == ({"east": "marsh"}, {"west": "inn"})


def test_an_exit_is_closed_and_opened_on_both_sides(inn):
    inn.ann.says("link east marsh")
    assert inn.ann.says("close east") == "The way east is closed.\n"
    assert inn.ann.says("go e") == "The way east is closed.\n"
    assert inn.active("room")["marsh"].closed == ["west"]
    assert inn.ann.says("open e") == "The way east is open.\n"
    assert "The marsh" in inn.ann.says("go e")
    assert inn.ann.says("close up") == "There is no exit up. Exits: west.\n"


def test_a_room_is_renamed_described_and_set(inn):
    inn.ann.says("rename The old inn")
    inn.ann.says("describe", "It leaks.", ".")
    assert inn.ann.says("set here seats 4") == "seats is now 4.\n"
    assert (inn.room.name, inn.room.description, inn.room.seats) == ("The old inn", "It leaks.", 4)
    for _ in range(3):
        inn.ann.says("undo")
    assert (inn.room.name, inn.room.description, inn.room.seats) == ("The inn", "", 0)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("set here seats many", "'many' is not a whole number."),
        ("set here exits x", "There is no field 'exits' that you can set."),
        ("set here occupants x", "There is no field 'occupants' that you can set."),
        ("set bob name X", "People cannot be built."),
        ("set lamp place inn", "There is no field 'place' that you can set."),
        ("set sword weight 2", "There is no sword here."),
        ("destroy bob", "People cannot be built."),
        ("destroy inn", "You are in that room. Go somewhere else first."),
        ("destroy here", "You are in that room. Go somewhere else first."),
        ("dig up !!", "A room cannot be called '!!'."),
        ("find zzz", "Nothing has that name."),
        ("export marsh", "There is no area 'marsh' with a file."),
        ("conflicts", "There are no conflicts."),
    ],
)
def test_what_cannot_be_built_is_refused(inn, typed, answer):
    bob = inn.person()
    bob.says("bob")
    inn.store("thing").manager.make("lamp", inn.room)
    inn.ann.reads()
    assert inn.ann.says(typed).startswith(answer)
    assert inn.user.acts == []


def test_things_are_set_and_destroyed_and_come_back(inn):
    make = inn.store("thing").manager.make
    bag = make("bag", inn.room, container=True)
    coin = make("coin", bag)
    inn.ann.says("set bag weight 2.5")
    assert bag.weight == 2.5
    assert inn.ann.says("destroy bag") == "bag-1 is gone.\n"
    assert coin.place is inn.room
    inn.ann.says("undo")
    bag = inn.active("thing")["bag-1"]
    assert (bag.place, bag.weight, coin.place) == (inn.room, 2.5, bag)


def test_a_destroyed_room_lets_everything_go_and_comes_back(inn):
    inn.ann.says("link east marsh")
    marsh = inn.active("room")["marsh"]
    bob = inn.person()
    bob.says("bob")
    bob.says("go east")
    rat = inn.store("rat").manager.make("rat", inn.room)
    rat.enter_room(marsh)
    coin = inn.store("thing").manager.make("coin", marsh)
    coin.home = inn.active("user")["bob"]
    assert inn.ann.says("destroy marsh").endswith("The marsh is gone.\n")
    assert "This room no longer exists.\nThe inn\n" in bob.reads()
    assert (rat.room, coin.place) == (inn.room, inn.active("user")["bob"])
    assert inn.room.exits == {}
    assert inn.ann.says("undo") == "Undone: destroy marsh.\n"
    marsh = inn.active("room")["marsh"]
    assert (marsh.exits, inn.room.exits) == ({"west": "inn"}, {"east": "marsh"})
    assert coin.place is marsh


def test_a_name_may_have_an_apostrophe(inn):
    """It was refused: it cannot be in a key."""
    assert "to Bob's inn - (old)" in inn.ann.says("dig n Bob's inn - (old)")
    assert inn.active("room")["bobs-inn-old"].name == "Bob's inn - (old)"
    assert inn.ann.says("destroy bob's inn (old)") == "Bob's inn - (old) is gone.\n"


def test_a_destroyed_character_is_in_its_room_again(inn):
    """It came back into no room."""
    rat = inn.store("rat").manager.make("rat", inn.active("room")["marsh"])
    rat.enter_room(inn.room)
    inn.ann.says("destroy rat")
    assert "A rat is here." not in inn.room.look(inn.user)
    inn.ann.says("undo")
    assert "A rat is here." in inn.room.look(inn.user)
    inn.ann.says("set rat name mouse", "undo")
    assert "A rat is here." in inn.room.look(inn.user)


def test_people_in_a_room_whose_digging_is_undone_come_to_where_it_was_dug(inn):
    """It left them in no room."""
    bob = inn.person()
    bob.says("bob")
    inn.ann.says("dig north The attic")
    for person in (inn.ann, bob):
        person.says("go north")
    inn.ann.says("undo")
    users = inn.active("user")
    assert users["ann"].room is users["bob"].room is inn.room
    assert "This room no longer exists.\nThe inn\n" in bob.transcript


def test_what_was_changed_since_is_not_undone(inn):
    inn.ann.says("rename A")
    inn.room.name = "B"
    assert inn.ann.says("undo") == "inn has been changed since.\n"
    assert inn.room.name == "B"


def test_builders_of_an_area_build_there_only(inn):
    inn.user.may = {"build:marsh"}
    assert inn.ann.says("rename X").startswith("There is no command rename.")
    inn.user.enter_room(inn.active("room")["marsh"])
    inn.ann.reads()
    assert inn.ann.says("rename X") == "This room is called X now.\n"
    assert inn.ann.says("link east inn") == "You may not build in this room.\n"
    assert inn.ann.says("teleport inn") == "You may not build in this room.\n"
    assert inn.ann.says("destroy inn") == "You may not build in this room.\n"
    assert inn.ann.says("set here area other") == "You may not build in that area.\n"
    inn.ann.says("dig up Loft")
    assert inn.active("room")["loft"].area == "marsh"


def test_who_is_a_builder_no_more_saves_no_text_and_undoes_nothing(inn):
    inn.user.may = {"build:marsh", "build"}
    inn.ann.says("rename Here", "describe", "Rude words.")
    inn.user.may = {"build:marsh"}
    assert "You may not build in this room." in inn.ann.says(".")
    inn.ann.says(".quit")
    inn.user.enter_room(inn.active("room")["marsh"])
    inn.ann.reads()
    assert inn.ann.says("undo") == "You may not build in this room.\n"
    assert (inn.room.name, inn.room.description) == ("Here", "")


def test_teleporting_to_a_room_and_to_a_person(inn):
    assert "The marsh" in inn.ann.says("teleport marsh")
    bob = inn.person()
    bob.says("bob")
    assert "The inn" in inn.ann.says("teleport Bob")


def test_finding_by_name_and_key(inn):
    inn.store("thing").manager.make("brass lamp", inn.room)
    assert inn.ann.says("find lamp") == (
        "Store  Key           Name          Place\nthing  brass-lamp-1  a brass lamp  inn\n"
    )
    assert "room   marsh  The marsh" in inn.ann.says("find the marsh")


def test_it_survives_a_reload(inn):
    inn.ann.says("dig up Loft", "close up")
    assert_survives_reload(inn.service)
    inn.ann.says("describe", "Dusty.")
    assert inn.reload().ok
    inn.ann.says(".")
    for _ in range(3):
        inn.ann.says("undo")
    assert inn.active("room")["inn"].exits == {}


def test_the_acts_have_a_bound(inn):
    for number in range(30):
        inn.ann.says(f"rename R{number}")
    assert len(inn.user.acts) == inn.user.acts_max
