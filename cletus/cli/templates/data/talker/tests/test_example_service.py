"""Tests of the talker, with people who are connected in memory.

The fixtures `service`, `connect`, `restart` and `client` come with Cletus.
"""

import pytest
from cletus.testing import assert_survives_reload, reloaded

PASSWORD = "lantern light"


@pytest.fixture
def newcomer(connect):
    """A function that creates an account and logs in to it."""

    def newcomer(name):
        person = connect()
        person.says(name, "y", PASSWORD, PASSWORD, "she")
        person.waits(1)  # hashing runs in a thread
        return person

    return newcomer


@pytest.fixture
def ann(newcomer):
    """Ann, who is online."""
    return newcomer("Ann")


@pytest.fixture
def bob(newcomer, ann):
    """Bob, who is online, too."""
    bob = newcomer("Bob")
    ann.reads()
    return bob


def test_a_newcomer_creates_an_account(client):
    assert client.sees("What is your name")
    client.says("Carl", "y")
    assert client.types_unseen, "a password is being asked for"
    client.says(PASSWORD, PASSWORD)
    assert not client.types_unseen
    assert "Welcome, Carl!" in client.says("he")


def test_people_hear_each_other(ann, bob):
    assert ann.says("hello") == "You say: hello\n"
    assert bob.reads() == "Ann says: hello\n"
    assert "Bob tells you: psst" not in bob.says(".tell ann psst")
    assert ann.reads() == "Bob tells you: psst\n"


def test_a_letter_waits_until_it_is_read(ann, bob, restart, connect):
    bob.says(".quit")
    ann.says(".write bob tea", "Will you come at four?", ".")
    restart()
    again = connect()
    again.says("bob", PASSWORD)
    again.waits(1)
    assert "Will you come at four?" in again.says(".read 1")


def test_an_edit_changes_what_people_see_and_nothing_else(service, ann, bob):
    ann.says(".title lights lamps")
    bob.reads()
    edit = {"example_service.talk": lambda text: text.replace("says", "sings")}
    assert reloaded(service, edit).ok
    ann.says("la la")
    assert bob.reads() == "Ann sings: la la\n"
    assert "Ann lights lamps" in bob.says(".finger ann")


def test_a_reload_keeps_everybody_where_they_are(service, ann, client):
    client.says("Carl", "y", PASSWORD)
    assert_survives_reload(service)
    assert "pronouns" in client.says(PASSWORD)
    assert "Ann" in ann.says(".who")
