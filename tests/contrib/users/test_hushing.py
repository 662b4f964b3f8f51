"""Keeping somebody from speaking: an account, or the guests of an address."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cletus.contrib.users import write_users
from cletus.errors import Refused

HOUR = timedelta(hours=1)
ADDRESS, OTHER = "192.0.2.1:4000", "198.51.100.1:4000"


@pytest.fixture
def guest(talker):
    """Comes in as a guest; returns the user."""

    def come(address=ADDRESS):
        person = talker.person(address)
        person.types("guest")
        return person.client.user

    return come


@pytest.fixture
def bob(talker):
    talker.account("Bob", created=talker.users.now() - timedelta(days=9))
    return talker.login("bob").client.user


def speaks(user):
    """Whether others read what somebody says."""
    return write_users([], "hello", by=user)


def test_a_hushed_user_is_told_and_does_not_speak_until_it_is_over(talker, bob):
    talker.users.hush(bob, duration=HOUR, reason="shouting")
    assert bob.hush_text() == "You are hushed until 2030-01-01 01:00 UTC: shouting."
    assert not speaks(bob)
    talker.wait(3660)
    assert speaks(bob)
    assert list(talker.users.hushes) == []


def test_a_hushed_guest_is_hushed_under_the_next_name_too(talker, guest):
    talker.users.hush(guest(), duration=HOUR)
    again = guest("192.0.2.1:4001")
    assert again.key == "guest-2"
    assert not speaks(again)
    assert speaks(guest(OTHER))


def test_an_account_of_a_hushed_address_speaks_unless_it_is_new(talker, guest, bob):
    talker.users.hush(guest(), duration=HOUR)
    assert speaks(bob)
    bob.created = talker.users.now()
    assert not speaks(bob)


def test_guests_of_a_socket_are_hushed_by_name(talker, guest):
    user = guest("memory")
    talker.users.hush(user, duration=HOUR)
    assert not speaks(user)
    assert speaks(guest("memory"))


def test_unhush(talker, guest, bob):
    for user in (guest(), bob):
        talker.users.hush(user)
        assert talker.users.unhush(user)
        assert not talker.users.unhush(user)
        assert speaks(user)


def test_who_ranks_above_cannot_be_hushed_nor_can_one_hush_oneself(talker, bob):
    bob.grant("moderator")
    talker.account("Ann", roles={"admin"})
    ann = talker.login("ann", address=OTHER).client.user
    with pytest.raises(Refused, match="ranks above you"):
        talker.users.hush(ann, by="bob")
    with pytest.raises(Refused, match="yourself"):
        talker.users.hush(ann, by="ann")
    talker.users.hush(bob, by="ann")
    assert not speaks(bob)


def test_a_hush_is_saved_and_survives_a_reload(talker, bob):
    talker.users.hush(bob, reason="spam")
    talker.reload()
    assert not speaks(talker.user("bob"))
    assert talker.users.hushes._ban_cls.manager.keys() == ["name-bob"]


def test_the_next_account_of_the_name_may_speak(talker, bob):
    talker.users.hush(bob)
    talker.user_cls.manager.delete("bob")
    assert talker.users.hushes.of_name("bob") is None


def test_a_hush_is_in_the_audit_log(talker, bob, logged):
    talker.users.hush(bob, duration=HOUR, by="ann", reason="spam")
    assert any("hushed: bob, by ann: until 2030-01-01 01:00 UTC (spam)" in line for line in logged)
