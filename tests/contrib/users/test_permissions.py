"""Roles grant permissions, and nobody has one for having been the first."""

from __future__ import annotations

import pytest

from cletus.contrib.users import EVERYTHING, has_permission
from cletus.errors import UnknownRole


@pytest.fixture
def bob(talker):
    return talker.user_cls("bob", name="Bob")


def test_the_first_user_may_nothing(talker):
    """Admins are made on the command line."""
    person = talker.person()
    person.types("Bob", "y", "correct horse", "correct horse")
    talker.wait(1)
    bob = talker.user("bob")
    assert bob.is_online
    assert bob.roles == set()
    assert not bob.has_permission("shutdown")
    assert not bob.is_admin


def test_a_role_grants_what_it_says(bob):
    """And no more."""
    bob.grant("moderator")
    assert bob.has_permission("ban")
    assert not bob.has_permission("shutdown")
    assert not bob.is_admin
    bob.revoke("moderator")
    assert not bob.has_permission("ban")
    bob.revoke("moderator")


def test_an_admin_may_everything(bob):
    """Also what nobody had thought of."""
    bob.grant("admin")
    assert bob.has_permission("shutdown")
    assert bob.has_permission("whatever")
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
    assert bob.has_permission("ban")
    assert not bob.has_permission("rule")
    assert "king" in bob.to_json()


def test_roles_are_saved_and_survive(talker, bob):
    """A set in memory, a list in the file."""
    bob.grant("moderator")
    bob.save()
    talker.reload()
    assert talker.user("bob").roles == {"moderator"}
    assert talker.user("bob").has_permission("mute")
    assert talker.user_cls("bob").load().roles == {"moderator"}


def test_a_role_means_what_the_new_code_says(talker, bob):
    """After a reload."""
    bob.grant("moderator")
    talker.app.reload(talker=lambda text: text.replace('{"ban", "mute"}', '{"mute"}'))
    assert not talker.user("bob").has_permission("ban")
    assert talker.user("bob").has_permission("mute")


def test_a_role_grants_its_own_name(bob):
    """So ``requires="admin"`` asks for the role."""
    assert not bob.has_permission("moderator")
    bob.grant("moderator")
    assert bob.has_permission("moderator")
    assert not bob.has_permission("admin")


def test_nobody_has_no_permission(bob):
    """Neither ``None`` nor a user without roles."""
    assert not has_permission(None, "ban")
    assert not has_permission(object(), "ban")
    assert not has_permission(bob, "ban")
    bob.grant("moderator")
    assert has_permission(bob, "ban")
