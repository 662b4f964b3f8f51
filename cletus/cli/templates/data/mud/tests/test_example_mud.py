"""Tests of the MUD, with people who are connected in memory.

The fixtures `service`, `connect`, `restart` and `client` come with Cletus.
"""

import pytest
from cletus.testing import assert_survives_reload, reloaded

PASSWORD = "black water"


@pytest.fixture
def newcomer(connect):
    """A function that creates an account and logs in to it."""

    def newcomer(name):
        person = connect()
        person.says(name, "y", PASSWORD, PASSWORD)
        person.waits(1)  # hashing runs in a thread
        return person

    return newcomer


@pytest.fixture
def ann(newcomer):
    """Ann, who is online."""
    return newcomer("Ann")


def store(service, name):
    return service.session.stores[name].manager


def test_a_newcomer_is_in_the_square(ann):
    assert "The square" in ann.transcript
    assert "A well is here." in ann.says("look")


def test_people_hear_each_other(ann, newcomer):
    bob = newcomer("Bob")
    ann.reads()
    assert ann.says("say hello") == "You say: hello\n"
    assert bob.reads() == "Ann says: hello\n"
    bob.says("tell ann psst")
    assert ann.reads() == "Bob tells you: psst\n"


def test_marta_greets_and_answers(ann):
    ann.says("east")
    assert "Marta says: Welcome, Ann!" in ann.waits(1)
    ann.says("say where is the sword?")
    assert "in the ruin" in ann.waits(1)


def test_a_loaf_is_eaten_for_good(service, ann):
    store(service, "user").get("ann").health = 5
    ann.says("e", "get bread from bag")
    assert ann.says("i") == "You carry a loaf of bread.\n"
    ann.says("eat bread")
    assert "Health: 15 of 20." in ann.says("score")
    assert ann.says("i") == "You carry nothing.\n"


def test_a_fight_ends_with_a_death_and_the_dead_come_back(service, ann):
    ann.says("north")
    assert "Two rats are here." in ann.says("look")
    assert ann.says("kill rat") == "You attack a rat.\n"
    text = ann.waits(60)
    assert "The rat dies." in text
    assert "Experience: 1." in ann.says("score")
    ann.says("south")
    ann.waits(120)
    assert not store(service, "beast").get("rat-1").dead


def test_who_falls_wakes_up_in_the_square(service, ann):
    ann.says("n", "n")
    store(service, "user").get("ann").health = 1
    store(service, "beast").get("eel-1").health = 1000
    ann.says("kill eel")
    assert "you wake up in the square" in ann.waits(60)
    assert store(service, "user").get("ann").room.key == "square"
    assert store(service, "beast").get("eel-1").foe is None


def test_a_fight_goes_on_in_the_new_code(service, ann):
    ann.says("n", "n")
    store(service, "beast").get("eel-1").health = 1000
    ann.says("kill eel")
    assert_survives_reload(service)
    edit = {"example_mud.fight": lambda text: text.replace("hits", "bites")}
    assert reloaded(service, edit).ok
    store(service, "user").get("ann").health = 1000
    assert "An eel bites you" in ann.waits(30)


def test_what_people_have_outlasts_the_service(ann, restart, connect):
    ann.says("east", "get hat", "wear hat", "quit")
    restart()
    again = connect()
    again.says("ann", PASSWORD)
    again.waits(1)
    assert "You wear a straw hat." in again.says("i")


def test_builders_build(service, ann):
    assert "There is no command dig" in ann.says("dig up Loft")
    store(service, "user").get("ann").grant("builder")
    assert "to The loft" in ann.says("dig up The loft")
    ann.says("up", "describe", "Hay.", ".")
    assert "Hay." in ann.says("look")
    ann.says("make fork", "Three prongs.", "2", "", "", "", "y")
    assert "Three prongs." in ann.says("examine fork")
    assert ann.says("destroy fork") == "fork-1 is gone.\n"
    ann.says("undo")
    assert "You carry a fork." in ann.says("i")


def test_newcomers_begin_elsewhere_if_the_square_is_gone(
    service, ann, newcomer
):
    store(service, "user").get("ann").grant("builder")
    ann.says("n", "destroy square")
    assert "The pool" in newcomer("Bob").transcript


def test_nobody_can_flee_where_there_are_no_exits(service, ann):
    store(service, "user").get("ann").grant("builder")
    ann.says("n", "unlink south", "unlink north", "kill rat")
    assert "There are no exits." in ann.says("flee")


def test_an_edited_area_is_merged_with_what_was_built(service, ann):
    store(service, "user").get("ann").grant("builder")
    ann.says("rename The old square", "dig up The loft")
    assert reloaded(service, {"example_mud.world": str}).ok
    room = store(service, "room").get("square")
    assert (room.name, room.exits["up"]) == ("The old square", "the-loft")


def test_a_keeper_jails_somebody(service, ann, newcomer):
    bob = newcomer("Bob")
    store(service, "user").get("ann").grant("keeper")
    bob.says("east")
    ann.says("jail bob 10m")
    assert "The lock-up" in bob.transcript
    ann.says("release bob")
    assert store(service, "user").get("bob").room.key == "inn"


def test_an_alias_and_a_prompt_are_kept(ann):
    ann.says("alias hi = say Hello, $1!", "preferences prompt {health} >")
    assert "You say: Hello, Marta!\n20 > " in ann.says("hi Marta")
    assert ann.says("").endswith("20 > ")


def test_a_reload_keeps_everybody_where_they_are(service, ann, client):
    client.says("Carl", "y")
    ann.says("east")
    assert_survives_reload(service)
    assert "Ann" in ann.says("who")
