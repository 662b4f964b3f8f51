"""A renamed user is found by both names, and a deleted account leaves nothing to the next of its name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cletus.errors import NameRefused
from tests.contrib.users.conftest import PASSWORD
from tests.contrib.users.test_login import register


def rename(talker, user, name):
    """What a command does that renames its user; the new name, or why it was refused."""
    try:
        user.name = talker.users.check_name(name, user=user).result
    except NameRefused as refused:
        return str(refused)
    user.save_soon()
    talker.wait(1)
    return user.name


def check(talker, name, user=None):
    deferred = talker.users.check_name(name, user=user)
    failures = []
    deferred.addErrback(failures.append)
    return failures[0].getErrorMessage() if failures else deferred.result


@pytest.fixture
def bob(talker):
    talker.account("Bob")
    person = talker.login("bob")
    assert person.sees("Be kind.")
    bob = talker.user("bob")
    assert rename(talker, bob, "Robert") == "Robert"
    return bob


def test_a_renamed_user_is_found_by_both_names(talker, bob):
    manager = talker.user_cls.manager
    assert manager.get_by_username("robert") is bob
    assert manager.get_by_username("Bob") is bob
    assert manager.get_active_by_name("ROBERT") is bob
    bob.leave()
    assert manager.peek("Robert").key == "bob"


def test_nobody_else_can_have_the_new_name_nor_the_old_one(talker, bob):
    for name in ("Robert", "robert", "Bob", "R0bert"):
        assert check(talker, name) != name
    assert check(talker, "Robert") == "That name is taken."


def test_they_log_in_by_the_new_name(talker, bob):
    bob.leave()
    again = talker.login("Robert")
    assert again.sees("Be kind.")
    assert talker.user("bob").client is again.client


def test_capitals_of_ones_own_name_can_change(talker, bob):
    assert rename(talker, bob, "ROBERT") == "ROBERT"
    assert rename(talker, bob, "Bob") == "Bob"
    assert rename(talker, bob, "BOB") == "BOB"


def test_a_name_that_was_given_up_is_free(talker, bob):
    rename(talker, bob, "Rupert")
    assert check(talker, "Robert") == "Robert"
    assert talker.user_cls.manager.peek("Robert") is None


def test_the_new_name_outlasts_a_restart(talker, bob):
    """It is in a document of its own, so that finding somebody reads no other account."""
    bob.leave()
    talker.reload()
    talker.wait(1)
    names = talker.users.names
    assert names.key_of("robert") == "bob"
    assert talker.service.session.find("alias").manager.keys() == ["robert"]


def test_a_deleted_account_is_disconnected_and_stays_deleted(talker, bob):
    client = bob.client
    talker.user_cls.manager.delete("bob")
    talker.wait(1)
    assert client.was_closed
    assert talker.user_cls.manager.keys() == []
    assert check(talker, "Bob") == "Bob"
    assert check(talker, "Robert") == "Robert"


def test_the_name_of_a_deleted_account_can_stay_reserved(talk):
    talker = talk(users_reserve_deleted=True)
    talker.account("Bob")
    talker.user_cls.manager.delete("bob")
    assert check(talker, "Bob") == "That name is taken."
    assert check(talker, "Bobby") == "Bobby"


def test_who_ignored_a_deleted_account_does_not_ignore_the_next_one(talker):
    """Neither who is online, nor who is not and logs in later."""
    for name in ("Ann", "Cid", "Bob"):
        talker.account(name)
        talker.login(name)
    ann, cid, bob = map(talker.user, ("ann", "cid", "bob"))
    assert ann.ignore(bob)
    assert cid.ignore(bob)
    cid.leave()
    talker.wait(60)
    talker.user_cls.manager.delete("bob")
    assert not ann.ignored
    register(talker, "Bob", "y", PASSWORD, PASSWORD)
    talker.login("cid")
    assert talker.user("cid").ignored == set()
    assert talker.user("cid").ignore(talker.user("bob"))
    talker.user("cid").leave()
    talker.login("cid")
    assert talker.user("cid").ignored == {"bob"}


def test_an_account_that_was_deleted_in_the_future_was_deleted_by_now(talker):
    """The clock was ahead then; who ignores the next account of the name goes on doing so."""
    deleted = talker.app.store("deletedaccount")("bob", at=datetime(2040, 1, 1, tzinfo=UTC))
    assert talker.users.names.deleted_at("bob") == talker.users.now()
    deleted.at = datetime(2020, 1, 1)  # noqa: DTZ001 - as somebody has written it by hand
    assert talker.users.names.deleted_at("bob") == datetime(2020, 1, 1, tzinfo=UTC)
