"""Roles grant permissions, and nobody has one for having been the first."""

from __future__ import annotations

import pytest

from cletus import events
from cletus.contrib.users import EVERYTHING, if_admin, if_can, may, requires
from cletus.errors import Refused, UnknownRole


@pytest.fixture
def bob(talker):
    return talker.user_cls("bob", name="Bob")


def event_of(talker, user):
    person = talker.person()
    if user is not None:
        user.log_in(person.client)
    return events.Receive(talker.service, person.client, "")


def test_the_first_user_may_nothing(talker):
    """Admins are made on the command line."""
    person = talker.person()
    person.types("Bob", "y", "correct horse", "correct horse")
    talker.wait(1)
    bob = talker.user("bob")
    assert bob.is_online
    assert bob.roles == set()
    assert not bob.can("shutdown")
    assert not bob.is_admin


def test_a_role_grants_what_it_says(bob):
    """And no more."""
    bob.grant("moderator")
    assert bob.can("ban")
    assert not bob.can("shutdown")
    assert not bob.is_admin
    bob.revoke("moderator")
    assert not bob.can("ban")
    bob.revoke("moderator")


def test_an_admin_may_everything(bob):
    """Also what nobody had thought of."""
    bob.grant("admin")
    assert bob.can("shutdown")
    assert bob.can("whatever")
    assert bob.is_admin
    assert "whatever" in EVERYTHING


def test_an_unknown_role_is_refused(bob):
    """With those that there are."""
    with pytest.raises(UnknownRole, match="there are admin, moderator") as refused:
        bob.grant("king")
    assert refused.value.role == "king"
    assert bob.roles == set()


def test_a_role_that_the_code_lacks_grants_nothing(bob):
    """It may be back with the next edit, so it stays in the file."""
    bob.from_json('{"roles": ["king", "moderator"]}')
    assert bob.can("ban")
    assert not bob.can("rule")
    assert "king" in bob.to_json()


def test_roles_are_saved_and_survive(talker, bob):
    """A set in memory, a list in the file."""
    bob.grant("moderator")
    bob.save()
    talker.reload()
    assert talker.user("bob").roles == {"moderator"}
    assert talker.user("bob").can("mute")
    assert talker.user_cls("bob").load().roles == {"moderator"}


def test_a_role_means_what_the_new_code_says(talker, bob):
    """After a reload."""
    bob.grant("moderator")
    talker.app.reload(talker=lambda text: text.replace('{"ban", "mute"}', '{"mute"}'))
    assert not talker.user("bob").can("ban")
    assert talker.user("bob").can("mute")


def test_guards_ask_the_user_of_the_event(talker, bob):
    """A stranger may nothing."""
    stranger, known = event_of(talker, None), event_of(talker, bob)
    assert not if_admin(stranger)
    assert not if_can("ban")(stranger)
    assert not may(None, "ban")
    assert not may(object(), "ban")
    assert not if_can("ban")(known)
    bob.grant("moderator")
    assert if_can("ban")(known)
    assert not if_admin(known)
    bob.grant("admin")
    assert if_admin(known)


def test_requires_guards_a_function(talker, bob):
    """It keeps its name and signature, so that commands can read them."""

    @requires("ban")
    def ban(event, whom: str):
        """Ban somebody."""
        return whom

    event = event_of(talker, bob)
    with pytest.raises(Refused, match="may not"):
        ban(event, "ann")
    bob.grant("moderator")
    assert ban(event, "ann") == "ann"
    assert (ban.__name__, ban.__doc__) == ("ban", "Ban somebody.")
