"""Connections that are logging in, counted by origin."""

from __future__ import annotations

HERE = "192.0.2.66:1"


def test_who_has_logged_in_is_no_stranger_after_a_reload(talk):
    """The new code counts anew, and counts strangers only."""
    talker = talk(users_strangers_per_address=2)
    for name in ("Ann", "Bob", "Cas"):
        talker.account(name)
        talker.login(name, address=HERE)
    talker.reload()
    for _ in range(2):
        assert talker.person(HERE).sees("What is your name")
    assert talker.person(HERE).sees("Too many people are logging in from your address")


def test_nothing_is_remembered_of_who_has_gone(talker):
    """A flood leaves no trace in memory."""
    people = [talker.person(f"198.51.100.{number}:1") for number in range(20)]
    for person in people:
        person.hangs_up()
    assert talker.users.pending_logins._all() == {}
