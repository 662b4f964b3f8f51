"""When somebody was last here, and from where they have come before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cletus.contrib.users import ago
from cletus.contrib.users.mixins import ORIGINS_MAX

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def bob(talker):
    return talker.user_cls("bob", name="Bob")


@pytest.fixture
def ann(talker):
    return talker.user_cls("ann", name="Ann")


def test_an_account_of_the_future_is_a_newcomers_for_a_day_only(bob, talker):
    """It was made while the machine's clock was ahead by a year."""
    bob.created = talker.users.now() + timedelta(days=365)
    bob.note_login(talker.users.now(), "192.0.2.1")
    assert bob.is_newcomer
    talker.wait(90_000)
    assert not bob.is_newcomer


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
    assert bob.has_logged_in_from("192.0.2.1")
    assert not bob.has_logged_in_from("192.0.2.2")
    assert "192.0.2" not in bob.to_json(session=True)
    for number in range(ORIGINS_MAX):
        bob.note_login(NOON, f"198.51.100.{number}")
    assert not bob.has_logged_in_from("192.0.2.1")
    assert bob.has_logged_in_from("198.51.100.0")
    assert len(bob.origins) == ORIGINS_MAX


def test_a_place_known_to_one_is_not_known_to_another(bob, ann):
    """Nor can two files be compared."""
    bob.note_login(NOON, "192.0.2.1")
    ann.note_login(NOON, "192.0.2.1")
    assert bob.origins != ann.origins


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
