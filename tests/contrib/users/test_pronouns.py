"""Pronouns: they until somebody says otherwise, and anybody may have their own."""

from __future__ import annotations

import json

import pytest

from cletus.contrib.users import Pronouns, parse_pronouns
from cletus.contrib.users.pronouns import HE, IT, SHE, THEY
from cletus.errors import Refused

XE = Pronouns("xe", "xem", "xyr", "xemself")


@pytest.fixture
def bob(talker):
    return talker.user_cls("bob", name="Bob")


@pytest.mark.parametrize(
    ("text", "pronouns"),
    [
        ("they", THEY),
        (" She ", SHE),
        ("she/her", SHE),
        ("he/him/his", HE),
        ("it/it/its/itself", IT),
        ("xe/xem/xyr/xemself", XE),
        ("sie/ihr/ihr/sich", Pronouns("sie", "ihr", "ihr", "sich")),
        (
            "they/them/their/themselves",
            Pronouns("they", "them", "their", "themselves", plural=True),
        ),
    ],
)
def test_what_people_write(text, pronouns):
    """A known one, the beginning of one, or four words."""
    assert parse_pronouns(text) == pronouns
    assert parse_pronouns(str(pronouns)) == pronouns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "xe",
        "xe/xem",
        "a/b/c/d/e",
        "a/b//d",
        "1/2/3/4",
        "\x1b[1m/a/b/c",
        "a b/c/d/e",
        f"{'x' * 16}/a/b/c",
    ],
)
def test_what_cannot_be_pronouns_is_refused(text):
    """They are shown to others, so they are letters and not too many."""
    with pytest.raises(Refused):
        parse_pronouns(text)


def test_they_by_default(bob):
    """Nobody is guessed."""
    assert bob.pronouns == THEY
    assert bob.pronouns.plural


def test_they_can_be_set_by_text_or_value(bob):
    """What is refused changes nothing."""
    bob.pronouns = "she"
    assert (bob.pronouns.subject, bob.pronouns.object) == ("she", "her")
    assert (bob.pronouns.possessive, bob.pronouns.reflexive) == ("her", "herself")
    assert not bob.pronouns.plural
    bob.pronouns = XE
    with pytest.raises(Refused):
        bob.pronouns = "nonsense"
    assert bob.pronouns == XE


def test_pronouns_are_saved_as_people_write_them(talker, bob):
    """One can read and edit the file; what cannot be read there is they."""
    bob.pronouns = "she"
    bob.save()
    assert json.loads(bob.to_json())["pronouns"] == "she/her/her/herself"
    talker.reload()
    assert talker.user("bob").pronouns == SHE
    assert talker.user_cls("bob").load().pronouns == SHE
    bob = talker.user("bob")
    for broken in ('"nonsense"', "7", "null"):
        bob.from_json(f'{{"pronouns": {broken}}}')
        assert bob.pronouns == THEY
