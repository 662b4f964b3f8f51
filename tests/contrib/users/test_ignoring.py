"""Not hearing somebody."""

from __future__ import annotations

import pytest

from cletus.contrib.users.mixins import IGNORED_MAX
from cletus.testing import assert_survives_reload


@pytest.fixture
def bob(talker):
    return talker.user_cls("bob", name="Bob")


@pytest.fixture
def ann(talker):
    return talker.user_cls("ann", name="Ann")


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
    bob.ignored = {f"n{number}" for number in range(IGNORED_MAX)}
    assert not bob.ignore(ann)


def test_ignoring_is_saved_and_survives(talker, bob, ann):
    """And holds for the other's next self."""
    bob.ignore(ann)
    bob.save()
    assert_survives_reload(talker.service, bob)
    assert talker.user("bob").ignores(talker.user("ann"))
    assert talker.user_cls("bob").load().ignores(talker.user("ann"))


def test_a_guest_is_ignored_under_the_next_name_and_the_next_guest_of_that_name_is_not(talker, ann):
    """The names of guests are reused: it is the address that is ignored, and the file does not tell it."""
    rude, other = (talker.person(address) for address in ("192.0.2.1:1", "198.51.100.1:1"))
    rude.types("guest")
    assert ann.ignore(rude.client.user)
    assert "192" not in str(ann.ignored)
    rude.hangs_up()
    other.types("guest")
    assert other.client.user.key == "guest-1"
    assert not ann.ignores(other.client.user)
    again = talker.person("192.0.2.1:2")
    again.types("guest")
    assert ann.ignores(again.client.user)
    ann.unignore(again.client.user)
    assert not ann.ignores(again.client.user)
