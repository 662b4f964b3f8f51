"""Tests of the chat, with people who are connected in memory.

The fixtures `service`, `connect`, `restart` and `client` come with Cletus.
"""

import pytest
from cletus.testing import assert_survives_reload, reloaded


@pytest.fixture
def ann(connect):
    """Ann, who is online."""
    ann = connect()
    ann.says("Ann", "likes tea")
    return ann


@pytest.fixture
def bob(connect, ann):
    """Bob, who is online, too."""
    bob = connect()
    bob.says("Bob", "")
    ann.reads()
    return bob


def test_a_new_connection_is_asked_for_a_name(client):
    assert client.sees("What is your name?")
    assert "What is your name?" in client.says("no name at all!")
    assert "about yourself, Carl:" in client.says("Carl")
    assert "Online: Carl." in client.says("is new here")


def test_a_name_is_used_once(ann, client):
    assert "Ann is already online" in client.says("ann")


def test_people_hear_each_other(ann, bob):
    assert ann.says("hello") == "You say: hello\n"
    assert bob.reads() == "Ann says: hello\n"
    assert bob.says(".emote waves") == "Bob waves\n"
    assert ann.reads() == "Bob waves\n"


def test_nobody_hears_anything_before_login(ann, client):
    client.reads()
    ann.says("hello")
    assert client.reads() == ""


def test_who_lists_everybody_online(ann, bob):
    ann.says("hello")
    first, second = bob.says(".who").splitlines()
    assert first.startswith("Ann  ")
    assert first.endswith("likes tea  (lines: 1, visits: 1)")
    assert second.startswith("Bob  ")
    ann.says(".quit")
    assert bob.reads() == "* Ann leaves.\n"
    assert len(bob.says(".who").splitlines()) == 1


def test_people_are_remembered(ann, restart, connect):
    ann.says(".about likes coffee")
    restart()
    again = connect()
    assert "Online: Ann." in again.says("ann")
    assert "likes coffee  (lines: 0, visits: 2)" in again.says(".who")


def test_an_edit_changes_what_people_see_and_nothing_else(service, ann, bob):
    ann.says("hello")
    bob.reads()
    edit = {
        "example_chat.commands": lambda text: text.replace("says", "sings")
    }
    assert reloaded(service, edit).ok
    ann.says("la la")
    assert bob.reads() == "Ann sings: la la\n"
    assert "(lines: 2" in bob.says(".who")


def test_a_reload_keeps_everybody_where_they_are(service, ann, client):
    client.says("Carl")
    assert_survives_reload(service)
    assert "Online: Ann, Carl." in client.says("is new here")


def test_help_lists_every_command(ann):
    for name in ("say", "emote", "who", "about", "quit"):
        assert name in ann.says(".help")
