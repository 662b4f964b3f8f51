"""The chat, with people who are connected to it in memory.

`service`, `connect` and `restart` come with Cletus, and so does `client`, for
where one person is enough.
"""

import pytest
from cletus.testing import assert_survives_reload, reloaded


@pytest.fixture
def ann(connect):
    """Ann, who has come in."""
    ann = connect()
    ann.says("Ann", "likes tea")
    return ann


@pytest.fixture
def bob(connect, ann):
    """Bob, who has come in after her."""
    bob = connect()
    bob.says("Bob", "")
    ann.reads()
    return bob


def test_whoever_connects_is_asked_for_a_name(client):
    assert client.sees("What is your name?")
    assert "What is your name?" in client.says("no name at all!")
    assert "know about you, Carl?" in client.says("Carl")
    assert "Here now: Carl." in client.says("is new here")


def test_a_name_is_had_once(ann, client):
    assert "Ann is here already" in client.says("ann")


def test_people_hear_each_other(ann, bob):
    assert ann.says("hello") == "You say: hello\n"
    assert bob.reads() == "Ann says: hello\n"
    assert bob.says(".emote waves") == "Bob waves\n"
    assert ann.reads() == "Bob waves\n"


def test_who_has_not_come_in_hears_nothing(ann, client):
    client.reads()
    ann.says("hello")
    assert client.reads() == ""


def test_who_lists_those_who_are_here(ann, bob):
    ann.says("hello")
    first, second = bob.says(".who").splitlines()
    assert first.startswith("Ann  ")
    assert first.endswith("likes tea  (1 said, visit number 1)")
    assert second.startswith("Bob  ")
    ann.says(".quit")
    assert bob.reads() == "* Ann leaves.\n"
    assert len(bob.says(".who").splitlines()) == 1


def test_people_are_remembered(ann, restart, connect):
    ann.says(".about likes coffee")
    restart()
    again = connect()
    assert "Here now: Ann." in again.says("ann")
    assert "likes coffee  (0 said, visit number 2)" in again.says(".who")


def test_an_edit_changes_what_people_see_and_nothing_else(service, ann, bob):
    ann.says("hello")
    bob.reads()
    edit = {
        "example_chat.commands": lambda text: text.replace("says", "sings")
    }
    assert reloaded(service, edit).ok
    ann.says("la la")
    assert bob.reads() == "Ann sings: la la\n"
    assert "(2 said" in bob.says(".who")


def test_everybody_stays_where_they_are(service, ann, client):
    client.says("Carl")
    assert_survives_reload(service)
    assert "Here now: Ann, Carl." in client.says("is new here")


def test_help_tells_of_every_command(ann):
    for name in ("say", "emote", "who", "about", "quit"):
        assert name in ann.says(".help")
