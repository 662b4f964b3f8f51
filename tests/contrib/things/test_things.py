"""Things in a world in memory: what commands do with them, and what a reload and a deletion leave."""

from __future__ import annotations

import pytest

from cletus.errors import Refused
from cletus.testing import assert_survives_reload

APPLICATION = """
    from cletus import Service, events
    from cletus.contrib.commands import CommandRegistry
    from cletus.contrib.rooms import BaseRoom, OccupantMixin
    from cletus.contrib.things import BaseThing, CarrierMixin, HolderMixin, Moved, register_commands
    from cletus.contrib.users import BaseUser
    from cletus.storage import Field, TempStoreMixin

    service = Service()
    commands = CommandRegistry(service)
    register_commands(commands)
    moves = []

    class Room(HolderMixin, BaseRoom):
        service = service

    class User(CarrierMixin, OccupantMixin, BaseUser):
        service = service

    class Guest(TempStoreMixin, User):
        pass

    class Thing(BaseThing):
        service = service
        lost_and_found = "room:attic"

    class Lamp(Thing):
        oil = Field(3)

    for key in ("inn", "attic"):
        Room(key, name=f"The {key}")

    @service.listen(events.Receive)
    def receive(event):
        if event.user is None:
            user = (Guest if event.data.startswith("guest") else User)(event.data, name=event.data.capitalize())
            user.log_in(event.client)
            user.enter_room(Room.manager.get("inn"))
            return None
        return commands.run(event, event.data)

    @service.listen(Moved)
    def moved(event):
        moves.append((event.thing.key, event.user))
"""


@pytest.fixture
def inn(app):
    app.ann, app.bob = app.person(), app.person()
    app.ann.says("ann")
    app.bob.says("bob")
    app.ann.reads()
    app.bob.reads()
    app.room = app.active("room")["inn"]
    yield app
    app.service.reactor.advance(1)  # what is saved soon is saved by then


def make(inn, name, place=None, store="thing", **values):
    return inn.store(store).manager.make(name, inn.room if place is None else place, **values)


def carried(inn, name):
    return [thing.key for thing in inn.active("user")[name].carried]


def test_a_room_shows_what_lies_in_it_several_of_one_name_together(inn):
    for name in ("rat", "rat", "old lamp"):
        make(inn, name)
    assert "Two rats and an old lamp are here.\n" in inn.ann.says("look")
    inn.ann.says("get rat")
    assert "A rat and an old lamp are here.\n" in inn.bob.says("l")


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"name": "water", "article": "some"}, "Some water is here."),
        ({"name": "Excalibur", "article": ""}, "Excalibur is here."),
        ({"name": "owl"}, "An owl is here."),
    ],
)
def test_a_name_may_have_an_article_of_its_own(inn, values, shown):
    make(inn, **values)
    assert shown in inn.ann.says("look")


def test_getting_and_dropping_is_seen_by_both(inn):
    lamp = make(inn, "brass lamp", store="lamp")
    assert inn.ann.says("get lamp") == "You get the brass lamp.\n"
    assert inn.bob.reads() == "Ann gets a brass lamp.\n"
    assert lamp.place is inn.active("user")["ann"]
    assert inn.room.contents == []
    assert inn.ann.says("i") == "You carry a brass lamp.\n"
    assert inn.ann.says("drop all") == "You drop the brass lamp.\n"
    assert inn.bob.reads() == "Ann drops a brass lamp.\n"
    assert inn.room.contents == [lamp]


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("rat", ["rat-1"]),
        ("the rat", ["rat-1"]),
        ("2nd rat", ["rat-2"]),
        ("second rat", ["rat-2"]),
        ("2.rat", ["rat-2"]),
        ("rat 2", ["rat-2"]),
        ("two rats", ["rat-1", "rat-2"]),
        ("2 rats", ["rat-1", "rat-2"]),
        ("all rats", ["rat-1", "rat-2", "rat-3"]),
        ("all", ["rat-1", "rat-2", "rat-3", "old-lamp-1"]),
        ("OLD LA", ["old-lamp-1"]),
        ("lantern", ["old-lamp-1"]),
    ],
)
def test_things_are_meant_by_words_and_numbers(inn, typed, keys):
    for _ in range(3):
        make(inn, "rat")
    make(inn, "old lamp", aliases=["lantern"])
    inn.ann.says(f"get {typed}")
    assert carried(inn, "ann") == keys


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("cat", "There is no cat here."),
        ("4th rat", "There are only three rats."),
        ("9 rats", "There are only three rats."),
        ("lamp", "Which: the old lamp or the brass lamp?"),
        ("two", "There is no two here."),
        ("0 rats", "There is no 0 rats here."),
        ("99999999999999999999 rats", "There is no 99999999999999999999 rats here."),
        ("the", "There is nothing."),
        ("door", "You cannot take the door."),
    ],
)
def test_what_cannot_be_meant_or_taken_is_answered(inn, typed, answer):
    for name in ("rat", "rat", "rat", "old lamp", "brass lamp"):
        make(inn, name)
    make(inn, "door", fixed=True)
    assert inn.ann.says(f"get {typed}") == f"{answer}\n"
    assert carried(inn, "ann") == []


@pytest.mark.parametrize(
    ("name", "shown", "key"),
    [
        ("a box", "a box", "box-1"),
        ("An old box", "an old box", "old-box-1"),
        ("some water", "some water", "water-1"),
        ("the One Ring", "the One Ring", "one-ring-1"),
        ("a", "an a", "a-1"),
        ("Ann's hat (new)", "an Ann's hat (new)", "anns-hat-new-1"),
    ],
)
def test_a_thing_is_made_with_the_article_of_its_name(inn, name, shown, key):
    thing = make(inn, name)
    assert (str(thing), thing.key) == (shown, key)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("drop all", "You carry nothing."),
        ("give all to bob", "You carry nothing."),
        ("put all in bag", "You carry nothing."),
        ("wear everything", "You carry nothing."),
        ("remove all", "You wear nothing."),
        ("get all from bag", "There is nothing in it."),
    ],
)
def test_of_nothing_there_is_no_all(inn, typed, answer):
    """It read: you carry no all."""
    make(inn, "bag", container=True)
    assert inn.ann.says(typed) == f"{answer}\n"


def test_a_container_holds_what_is_put_into_it(inn):
    make(inn, "bag", container=True, weight=1)
    for _ in range(2):
        make(inn, "coin", weight=0.5)
    inn.ann.says("get all")
    assert inn.ann.says("put all coins in bag") == "You put two coins into the bag.\n"
    assert inn.ann.says("look in bag") == "In it you see two coins.\n"
    assert inn.ann.says("examine bag") == "In it you see two coins.\nWeight: 2.\n"
    assert inn.ann.says("i") == "You carry a bag.\n"
    assert inn.ann.says("get 2nd coin from bag") == "You get the coin from the bag.\n"
    assert inn.ann.says("i") == "You carry a bag and a coin.\n"


def test_nothing_is_put_into_itself_however_deep(inn):
    box, bag = (make(inn, name, container=True) for name in ("box", "bag"))
    bag.move_to(box)
    with pytest.raises(Refused, match="into itself"):
        box.move_to(bag)
    with pytest.raises(Refused, match="into itself"):
        box.move_to(box)
    assert (bag.place, box.place) == (box, inn.room)


def test_only_so_many_things_are_inside_one_another(inn):
    outer = make(inn, "box", container=True)
    for _ in range(7):
        box = make(inn, "box", outer, container=True)
        outer = box
    with pytest.raises(Refused, match="too many things inside one another"):
        make(inn, "coin").move_to(outer)


def test_a_capacity_counts_what_is_inside_of_what_is_inside(inn):
    chest = make(inn, "chest", container=True, capacity=3)
    bag = make(inn, "bag", chest, container=True, weight=1)
    make(inn, "stone", weight=2).move_to(bag)
    with pytest.raises(Refused, match="There is no room for the stone"):
        make(inn, "stone", weight=2).move_to(bag)
    inn.active("user")["ann"].capacity = 2
    make(inn, "anvil", weight=9)
    assert inn.ann.says("get anvil") == "You cannot carry the anvil as well.\n"


def test_giving_is_told_to_all_three(inn):
    eve = inn.person()
    eve.says("eve")
    make(inn, "rat")
    inn.ann.says("get rat")
    inn.bob.reads()
    eve.reads()
    assert inn.ann.says("give rat to bob") == "You give the rat to Bob.\n"
    assert inn.bob.reads() == "Ann gives you a rat.\n"
    assert eve.reads() == "Ann gives a rat to Bob.\n"
    assert carried(inn, "bob") == ["rat-1"]
    assert inn.ann.says("give rat to bob") == "You carry no rat.\n"
    assert inn.ann.says("give rat to zoe") == "'zoe' is not here.\n"


def test_clothes_are_worn_each_part_of_the_body_once(inn):
    for name in ("hat", "crown"):
        make(inn, name, wearable="head")
    make(inn, "rat")
    inn.ann.says("get all")
    assert inn.ann.says("wear hat") == "You put on the hat.\n"
    assert inn.bob.reads().endswith("Ann puts on a hat.\n")
    assert inn.ann.says("wear crown") == "You already wear a hat.\n"
    assert inn.ann.says("wear rat") == "You cannot wear the rat.\n"
    assert inn.ann.says("i") == "You carry a rat and a crown.\nYou wear a hat.\n"
    assert inn.ann.says("drop hat") == "You carry no hat.\n"
    assert inn.ann.says("remove hat") == "You take off the hat.\n"
    assert inn.ann.says("drop hat") == "You drop the hat.\n"


def test_looking_at_things_and_people(inn):
    make(inn, "lamp", description="Brass.\n\nIt is lit.")
    assert inn.ann.says("look at lamp") == "Brass.\nIt is lit.\n"
    assert inn.ann.says("x lamp") == "Brass.\nIt is lit.\n"
    make(inn, "rat")
    assert inn.ann.says("look rat") == "You see nothing special about the rat.\n"
    make(inn, "hat", inn.active("user")["bob"], wearable="head").wear()
    assert inn.ann.says("look at bob") == "You see Bob.\nBob wears a hat.\n"


def test_a_move_fires_an_event_with_its_author(inn):
    rat = make(inn, "rat")
    inn.ann.says("get rat")
    assert inn.service.session is not None
    module = __import__("small_application")
    assert module.moves[-1] == (rat.key, inn.active("user")["ann"])


def test_a_deleted_container_leaves_its_contents_where_it_was(inn):
    bag = make(inn, "bag", container=True)
    coin = make(inn, "coin", bag)
    inn.ann.says("get bag")
    bag.delete()
    assert coin.place is inn.active("user")["ann"]
    assert "bag-1" not in inn.active("thing")


def test_a_deleted_room_sends_its_things_home(inn):
    cellar = inn.store("room")("cellar")
    coin, rat = make(inn, "coin", cellar), make(inn, "rat", cellar)
    rat.home = inn.room
    cellar.delete()
    assert coin.place is inn.active("room")["attic"]
    assert rat.place is inn.room


def test_what_a_guest_carries_is_dropped_when_they_leave(inn):
    guest = inn.person()
    guest.says("guest-1")
    rat = make(inn, "rat")
    guest.says("get rat")
    inn.active("guest")["guest-1"].log_out()
    assert rat.place is inn.room


def test_what_an_offline_user_carries_stays_with_them(inn):
    rat = make(inn, "rat")
    inn.ann.says("get rat")
    ann = inn.active("user")["ann"]
    ann.save()
    ann.log_out()
    assert rat.place.key == "ann"
    assert inn.room.contents == []


def test_a_deleted_account_sends_its_things_home(inn):
    rat = make(inn, "rat")
    inn.ann.says("get rat")
    inn.active("user")["ann"].save()
    inn.store("user").manager.delete("ann")
    assert rat.place is inn.active("room")["attic"]


def test_everything_stays_where_it_is_in_a_reload(inn):
    bag = make(inn, "bag", container=True)
    make(inn, "coin", bag)
    make(inn, "lamp", store="lamp", oil=9)
    make(inn, "hat", inn.active("user")["ann"], wearable="head").wear()
    report = assert_survives_reload(inn.service)
    assert not report.holders
    inn.service.reactor.advance(1)
    assert inn.ann.says("i") == "You carry nothing.\nYou wear a hat.\n"
    assert inn.ann.says("look in bag") == "In it you see a coin.\n"
    new = "class Torch(Thing):\n    renamed_from = 'lamp'"
    report = inn.reload(lambda text: text.replace("class Lamp(Thing):", new))
    assert report.ok, report.error
    (torch,) = inn.active("torch").values()
    assert (torch.oil, torch.place) == (9, inn.active("room")["inn"])


def test_a_refused_reload_leaves_everything_where_it_is(inn, log):
    rat = make(inn, "rat")
    report = inn.reload(lambda text: text + "\nboom\n")
    assert not report.ok
    assert len(log.take_failures()) == 1
    assert inn.ann.says("get rat") == "You get the rat.\n"
    assert carried(inn, "ann") == [rat.key]


def test_a_reload_that_takes_away_a_class_of_holders_loses_nothing(inn):
    """When the class is back, so is what was in it."""
    lamp = make(inn, "lamp", store="lamp", container=True)
    coin = make(inn, "coin", lamp)
    text = "class Lamp(Thing):\n    oil = Field(3)"
    assert inn.reload(lambda code: code.replace(text, "")).ok
    inn.service.reactor.advance(1)
    assert coin.place is None
    assert inn.reload(lambda code: code.replace("for key in", text + "\n\nfor key in", 1)).ok
    inn.service.reactor.advance(1)
    (lamp,) = inn.active("lamp").values()
    assert lamp.contents == [inn.active("thing")["coin-1"]]


def test_a_room_that_is_gone_after_a_reload_sends_its_things_home(inn):
    cellar = inn.store("room")("cellar")
    coin = make(inn, "coin", cellar)
    inn.store("room").manager.remove_active(cellar)
    assert inn.reload().ok
    inn.service.reactor.advance(1)
    assert coin.place is inn.active("room")["attic"]


def test_things_of_one_place_are_counted_by_the_time_of_their_coming(inn):
    first, second = make(inn, "rat"), make(inn, "rat")
    inn.service.reactor.advance(5)
    first.move_to(inn.active("user")["ann"])
    first.move_to(inn.room)
    assert inn.room.contents == [second, first]


def test_a_thing_can_be_taken_out_of_the_world_and_comes_back(inn):
    rat = make(inn, "rat")
    rat.place_in(None)
    assert inn.room.contents == []
    assert rat.place is None
    rat.place_in(inn.room)
    assert inn.room.contents == [rat]
