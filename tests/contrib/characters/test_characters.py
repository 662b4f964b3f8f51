"""Characters: they notice people, act while people are near, die, and come back."""

from __future__ import annotations

import pytest

from cletus import events
from cletus.contrib.rooms import Occupant
from cletus.testing import assert_survives_reload

APPLICATION = """
    from cletus import Service, events
    from cletus.contrib.characters import BaseCharacter, CameBack, Died
    from cletus.contrib.commands import CommandRegistry, Rest
    from cletus.contrib.rooms import BaseRoom, OccupantMixin
    from cletus.contrib.things import BaseThing, CarrierMixin, HolderMixin, register_commands
    from cletus.contrib.users import BaseUser
    from cletus.storage import Field, Store, TempStoreMixin

    service = Service()
    commands = CommandRegistry(service)
    register_commands(commands)
    happened = []

    class Room(HolderMixin, BaseRoom):
        service = service

    class User(CarrierMixin, OccupantMixin, BaseUser):
        service = service

    class Thing(BaseThing):
        service = service
        lost_and_found = "room:inn"

    class Rat(BaseCharacter):
        service = service
        tick_interval = 10.0

        def tick(self):
            self.emote("squeaks.")

    class Guard(CarrierMixin, BaseCharacter):
        service = service
        return_delay = 0.0

        def met(self, user):
            self.say(f"Halt, {user}!")

        def parted(self, user):
            self.emote("yawns.")

        def heard(self, user, text):
            if "boom" in text:
                raise ValueError(text)
            self.say(f"{text}?")

    class Ghost(TempStoreMixin, OccupantMixin, Store):
        "The least that an occupant can be: it has no client."
        service = service

        def __str__(self):
            return "Ghost"

        def write(self, *lines):
            happened.extend(lines)

    for key in ("inn", "yard"):
        Room(key, name=f"The {key}")
    Room.manager.get("inn").connect("north", Room.manager.get("yard"))

    @commands.register
    def go(event, direction: str):
        event.user.go(direction)

    @commands.register
    def say(event, text: Rest):
        event.user.say(text)

    @service.listen(events.Receive)
    def receive(event):
        if event.user is None:
            user = User(event.data, name=event.data.capitalize())
            user.log_in(event.client)
            user.enter_room(Room.manager.get("inn"))
            return None
        return commands.run(event, event.data)

    @service.listen(Died)
    @service.listen(CameBack)
    def note(event):
        happened.append(type(event).__name__)
"""


@pytest.fixture
def inn(app):
    app.room, app.yard = app.active("room")["inn"], app.active("room")["yard"]
    app.ann = app.person()
    app.ann.says("ann")
    yield app
    app.service.reactor.advance(1)  # what is saved soon is saved by then


def make(inn, name, room=None, **values):
    return inn.store(name).manager.make(name, inn.room if room is None else room, **values)


def happened(inn):
    return __import__("small_application").happened


def test_a_room_takes_an_occupant_without_a_client(inn):
    ghost = inn.store("ghost")("boo")
    ghost.enter_room(inn.room)
    assert inn.ann.reads() == "Ghost comes in.\n"
    inn.ann.says("say hello")
    assert str(happened(inn)[-1]) == "Ann says: hello"
    ghost.go("north")
    assert inn.ann.reads() == "Ghost goes north.\n"


def test_a_character_is_an_occupant(inn):
    occupant: Occupant = make(inn, "rat")
    assert occupant.room is inn.room


def test_several_of_one_name_are_seen_together(inn):
    for _ in range(2):
        make(inn, "rat")
    assert "Two rats are here.\n" in inn.ann.says("look")
    make(inn, "guard", article="the")
    assert "Two rats and the guard are here.\n" in inn.ann.says("look")


def test_they_notice_people_who_come_speak_and_go(inn):
    make(inn, "guard", inn.yard)
    assert inn.ann.says("go north").endswith("A guard is here.\nA guard says: Halt, Ann!\n")
    assert inn.ann.says("say hello") == "You say: hello\nA guard says: hello?\n"
    bob = inn.person()
    bob.says("bob")
    bob.says("go north")
    inn.ann.says("go south")
    assert bob.reads().endswith("Ann goes south.\nA guard yawns.\n")


def test_characters_do_not_answer_each_other(inn):
    """They would never stop."""
    first, second = make(inn, "guard"), make(inn, "guard")
    inn.ann.reads()
    first.say("hello")
    assert inn.ann.reads() == "A guard says: hello\n"
    second.go("north")
    assert inn.ann.reads() == "A guard goes north.\n"


def test_a_mistake_in_a_character_is_logged_and_the_others_notice(inn, log):
    make(inn, "guard")
    make(inn, "guard")
    inn.ann.reads()
    assert inn.ann.says("say boom") == "You say: boom\n"
    assert len(log.take_failures()) == 2


def test_they_act_only_while_people_are_near(inn):
    rat = make(inn, "rat", inn.yard)
    assert not rat.is_awake
    inn.ann.says("go north")
    assert rat.is_awake
    assert inn.ann.waits(10) == "A rat squeaks.\n"
    assert inn.ann.waits(20) == "A rat squeaks.\nA rat squeaks.\n"
    inn.ann.says("go south")
    assert not rat.is_awake
    assert inn.ann.waits(60) == ""


def test_one_who_comes_to_people_or_leaves_them_wakes_or_falls_asleep(inn):
    rat = make(inn, "rat", inn.yard)
    assert rat.wander(lambda exits: exits[0])
    assert rat.is_awake
    assert inn.ann.reads() == "A rat comes in from the north.\n"
    rat.go("north")
    assert not rat.is_awake


def test_the_idle_have_no_timers(inn):
    timers = len([timer for timer in inn.service.session.current.timers if timer.active])
    for _ in range(50):
        make(inn, "rat", inn.yard)
    assert len([timer for timer in inn.service.session.current.timers if timer.active]) == timers


def test_one_that_dies_comes_back_in_its_home(inn):
    rat = make(inn, "rat", inn.yard)
    rat.enter_room(inn.room)
    inn.ann.reads()
    rat.die()
    rat.die()  # harmless
    assert inn.ann.reads() == "The rat dies.\n"
    assert (rat.room, rat.is_awake, inn.room.occupants) == (
        None,
        False,
        [inn.active("user")["ann"]],
    )
    inn.ann.says("go north")
    assert inn.ann.waits(59) == ""
    assert inn.ann.waits(1) == "A rat appears.\n"
    assert rat.room is inn.yard
    assert rat.is_awake
    assert happened(inn) == ["Died", "CameBack"]


def test_one_that_is_dead_when_the_service_starts_comes_back_in_its_time(inn):
    """A primary that succeeds another one has its timer before it starts."""
    rat = make(inn, "rat", inn.yard)
    rat.die()
    inn.service.fire(events.PostStart(inn.service))
    assert (rat.room, inn.yard.occupants) == (None, [])
    inn.ann.waits(60)
    assert (rat.room, inn.yard.occupants) == (inn.yard, [rat])


def test_one_that_does_not_come_back_is_deleted_and_leaves_what_it_carried(inn):
    guard = make(inn, "guard")
    sword = inn.store("thing").manager.make("sword", guard)
    guard.die(by=inn.active("user")["ann"])
    assert sword.place is inn.room
    assert inn.active("guard") == {}


def test_they_are_given_things(inn):
    make(inn, "guard")
    make(inn, "rat")
    inn.store("thing").manager.make("apple", inn.room)
    inn.ann.says("get apple")
    assert inn.ann.says("give apple to rat") == "A rat cannot take anything.\n"
    assert inn.ann.says("give apple to guard") == "You give the apple to a guard.\n"
    assert inn.active("guard")["guard-1"].carried == [inn.active("thing")["apple-1"]]


def test_they_survive_a_reload_awake_asleep_and_dead(inn):
    awake, asleep, dead = make(inn, "rat"), make(inn, "rat", inn.yard), make(inn, "rat")
    dead.die()
    inn.service.reactor.advance(4)
    report = assert_survives_reload(inn.service)
    assert not report.holders
    assert inn.reload(lambda text: text.replace("squeaks", "sings")).ok
    assert (awake.is_awake, asleep.is_awake, dead.dead) == (True, False, True)
    inn.ann.reads()
    assert inn.ann.waits(6) == "A rat sings.\n"
    assert "A rat appears.\n" in inn.ann.waits(50)


def test_a_refused_reload_changes_nothing(inn, log):
    make(inn, "rat")
    inn.ann.reads()
    assert not inn.reload(lambda text: text + "\nboom\n").ok
    assert len(log.take_failures()) == 1
    assert inn.ann.waits(10) == "A rat squeaks.\n"


def test_looking_at_one(inn):
    make(inn, "rat", description="It looks back.")
    assert inn.ann.says("look at rat") == "It looks back.\n"
