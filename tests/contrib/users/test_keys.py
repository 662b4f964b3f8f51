"""Adding an SSH key: the password is asked for first."""

from __future__ import annotations

import pytest

from cletus.contrib.users import edit_keys
from cletus.errors import Refused
from tests.contrib.users.conftest import PASSWORD

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9tb1+6nY0Uq3KXbtAkzpCHqYEyp3WLBXQlPxeQBYl0 bob@home"


@pytest.fixture
def bob(talker):
    talker.account("Bob")
    return talker.login("bob")


def test_the_key_is_added_and_saved_when_the_password_is_right(talker, bob):
    user = talker.user("bob")
    assert edit_keys(user, f"add {KEY}") == []
    assert bob.transport.hidden
    assert user.ssh_keys == []
    bob.types(PASSWORD)
    talker.wait(1)
    assert bob.sees("Added SHA256:")
    assert not bob.transport.hidden
    assert talker.user_cls.manager.saved()["bob"].ssh_keys == [KEY]


def test_with_a_wrong_password_it_is_not_added(talker, bob):
    """It counts as a failed login."""
    edit_keys(talker.user("bob"), f"add {KEY}")
    assert "The key was not added." in bob.types("wrong horse")
    assert talker.user("bob").ssh_keys == []
    assert any("'bob' from 192.0.2.1" in what for what in talker.users.throttle.failures)


def test_the_question_survives_a_reload(talker, bob):
    edit_keys(talker.user("bob"), f"add {KEY}")
    talker.reload()
    bob.types(PASSWORD)
    assert talker.user("bob").ssh_keys == [KEY]


def test_what_is_not_a_key_is_refused_before_anybody_is_asked(talker, bob):
    with pytest.raises(Refused, match="damaged"):
        edit_keys(talker.user("bob"), f"add {KEY[:40]}")
    assert not bob.transport.hidden


def test_two_terminals_do_not_add_it_twice(talker, bob):
    user = talker.user("bob")
    edit_keys(user, f"add {KEY}")
    user.ssh_keys.append(KEY)
    assert "You have that key already." in bob.types(PASSWORD)
    assert user.ssh_keys == [KEY]


def test_who_has_no_password_is_not_asked(talker, bob):
    user = talker.user("bob")
    user.password = None
    assert edit_keys(user, f"add {KEY}")[0].startswith("Added")
