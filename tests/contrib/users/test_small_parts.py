"""What a user remembers of being here, of others, and of being away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cletus.contrib.users import ago
from cletus.contrib.users.ignoring import MOST
from cletus.contrib.users.missed import CHARACTERS_MAX, LINES_MAX
from cletus.contrib.users.seen import PLACES_MAX
from cletus.testing import assert_survives_reload
from cletus.text import style

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def bob(talker):
    return talker.user_cls("bob", name="Bob")


@pytest.fixture
def ann(talker):
    return talker.user_cls("ann", name="Ann")


# -- last seen ----------------------------------------------------------------------------------


def test_coming_and_going_are_noted(talker):
    """Times with their zone; a new account says when it was made."""
    person = talker.person()
    person.types("Bob", "y", "correct horse", "correct horse")
    talker.wait(60)
    person.types("quit")
    talker.wait(1)
    bob = talker.user_cls.manager.get("bob")
    assert bob.visits == 1
    assert bob.created == bob.last_login
    assert bob.last_seen - bob.last_login >= timedelta(seconds=55)
    assert bob.last_seen.tzinfo is not None


def test_places_are_remembered_but_not_written_down(bob):
    """A digest of each is enough to know one again, and no more are kept than the latest."""
    bob.note_login(NOON, "192.0.2.1")
    assert bob.has_come_from("192.0.2.1")
    assert not bob.has_come_from("192.0.2.2")
    assert "192.0.2" not in bob.to_json(session=True)
    for number in range(PLACES_MAX):
        bob.note_login(NOON, f"198.51.100.{number}")
    assert not bob.has_come_from("192.0.2.1")
    assert bob.has_come_from("198.51.100.0")
    assert len(bob.places) == PLACES_MAX


def test_a_place_known_to_one_is_not_known_to_another(bob, ann):
    """Nor can two files be compared."""
    bob.note_login(NOON, "192.0.2.1")
    ann.note_login(NOON, "192.0.2.1")
    assert bob.places != ann.places


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=2, minutes=59), "2 hours ago"),
        (timedelta(days=400), "400 days ago"),
    ],
)
def test_how_long_ago(passed, text):
    """In the largest unit that fits."""
    assert ago(NOON - passed, NOON) == text


def test_never():
    """For who has never been here."""
    assert ago(None, NOON) == "never"


# -- ignoring -----------------------------------------------------------------------------------


def test_ignoring(bob, ann):
    """It is one-sided, and can be taken back."""
    assert bob.ignore(ann)
    assert bob.ignores(ann)
    assert not ann.ignores(bob)
    assert not bob.ignores(None)
    bob.unignore(ann)
    assert not bob.ignores(ann)
    bob.unignore(ann)


def test_nobody_ignores_themself(bob):
    """They would wonder."""
    assert not bob.ignore(bob)
    assert not bob.ignores(bob)


def test_the_list_is_bounded(bob, ann):
    """It is in one file."""
    bob.ignored = {f"n{number}" for number in range(MOST)}
    assert not bob.ignore(ann)


def test_ignoring_is_saved_and_survives(talker, bob, ann):
    """And holds for the other's next self."""
    bob.ignore(ann)
    bob.save()
    assert_survives_reload(talker.service, bob)
    assert talker.user("bob").ignores(talker.user("ann"))
    assert talker.user_cls("bob").load().ignores(talker.user("ann"))


# -- away ---------------------------------------------------------------------------------------


def test_away(bob):
    """With a message or without."""
    assert not bob.is_away
    assert bob.away_text() == ""
    bob.go_away(" lunch ")
    assert bob.is_away
    assert bob.away_text() == "away: lunch"
    bob.go_away()
    assert bob.away_text() == "away"
    assert bob.come_back()
    assert not bob.come_back()


def test_away_survives_a_reload_but_not_the_session(talker, bob):
    """It is about now."""
    bob.go_away("lunch")
    assert "lunch" not in bob.to_json()
    assert assert_survives_reload(talker.service, bob).away_text() == "away: lunch"


# -- missed -------------------------------------------------------------------------------------


def test_only_the_last_lines_are_kept(talker, bob):
    """Somebody may be waited for in a busy room."""
    for number in range(LINES_MAX + 50):
        bob.miss(f"line {number}")
    person = talker.person()
    bob.tell_missed(person.client)
    text = person.new_text()
    assert "(50 earlier lines are lost.)" in text
    assert "line 49\n" not in text
    assert "line 50\n" in text
    assert f"line {LINES_MAX + 49}\n" in text
    assert bob.missed == []


def test_long_lines_are_bounded_too(bob):
    """Neither many nor one can fill the memory."""
    bob.miss("x" * CHARACTERS_MAX * 3)
    assert len(bob.missed[0]) == CHARACTERS_MAX
    for _ in range(50):
        bob.miss("y" * (CHARACTERS_MAX // 4))
    assert sum(map(len, bob.missed)) <= CHARACTERS_MAX


def test_nothing_missed_is_not_mentioned(talker, bob):
    """Most reconnects are quick."""
    person = talker.person()
    person.new_text()
    bob.tell_missed(person.client)
    assert person.new_text() == ""


def test_colours_wait_too(talker, bob):
    """As markup and not as escape sequences: nobody knows which terminal comes back."""
    line = style("[red]{what}[/]", what="fire")
    bob.miss(line, 7)
    assert bob.missed == [line, "7"]
    report = talker.reload()
    assert "carried as it is" not in str(report)
    assert talker.user("bob").missed == [line, "7"]
