"""Changing a password: the old one is asked first."""

from __future__ import annotations

import pytest

from cletus.contrib.users import ChangePassword
from tests.contrib.users.conftest import PASSWORD


@pytest.fixture
def bob(talker):
    talker.account("Bob")
    person = talker.login("bob")
    person.results = []
    person.client.run_dialogue(ChangePassword()).addCallback(person.results.append)
    return person


def fits(talker, password):
    return talker.user("bob").check_password(password).result


def test_the_password_is_changed_and_saved(talker, bob):
    """And none of the three is shown."""
    for line in (PASSWORD, "another horse", "another horse"):
        assert bob.transport.hidden
        bob.types(line)
    talker.wait(1)
    assert bob.sees("Your password has been changed.")
    assert not bob.transport.hidden
    assert bob.results == [True]
    assert fits(talker, "another horse")
    assert not fits(talker, PASSWORD)
    assert talker.user_cls.manager.saved()["bob"].password == talker.user("bob").password


def test_the_old_one_is_wrong(talker, bob):
    """Nothing changes, and it counts as a failed login."""
    bob.types("wrong horse")
    assert bob.results == [False]
    assert fits(talker, PASSWORD)
    assert any("'bob' from 192.0.2.1" in what for what in talker.users.throttle.failures)


def test_an_unattended_terminal_is_no_oracle(talker, bob):
    """After some wrong ones they have to wait."""
    for _ in range(8):
        bob.types("wrong horse")
        bob.client.start_dialogue(ChangePassword())
    assert bob.sees("Too many wrong passwords.")
    bob.types(PASSWORD)
    assert not bob.sees("A new one")


def test_a_new_one_that_cannot_be_one(talker, bob):
    """They choose again."""
    bob.types(PASSWORD)
    assert "too short" in bob.types("short")
    assert "too easy" in bob.types("aaaaaaaaaa")
    assert "Type it again" in bob.types("another horse")


def test_two_different_new_ones(talker, bob):
    """Nothing changes."""
    bob.types(PASSWORD, "another horse", "an other horse")
    assert bob.results == [False]
    assert fits(talker, PASSWORD)


def test_a_stranger_has_none_to_change(talker):
    """It ends."""
    person = talker.person()
    results = []
    person.client.run_dialogue(ChangePassword()).addCallback(results.append)
    person.types("x")
    assert results == [False]
