"""``UserManager``: finding users by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cletus import Service
from cletus.contrib.users import BaseUser
from cletus.storage import TempStoreMixin
from cletus.testing import Person

Come = Callable[..., Person]


@pytest.fixture
def user(service: Service) -> Any:
    """A store of users."""
    home = service

    class User(BaseUser):
        service = home

    return User


@pytest.fixture
def online(user: Any, service: Service, come: Come) -> Callable[[str], Any]:
    """Somebody of this name logs in."""

    def online(name: str) -> Any:
        one = user(name, name=name)
        one.log_in(come(service).client)
        return one

    return online


@pytest.mark.parametrize("name", ["Zoë", "zoë", "ZOË", " Zoë ", "Zoe\u0308", "ZOE\u0308"])
def test_a_name_is_found_however_it_is_written(
    user: Any, online: Callable[[str], Any], name: str
) -> None:
    """In any case, with spaces around it, its letters composed or not."""
    zoe = online("Zoë")
    assert user.manager.get_by_username(name) is zoe
    assert user.manager.get_active_by_name(name) is zoe
    assert user.manager.peek(name) is zoe


@pytest.mark.parametrize("name", ["", " ", "a b", "../etc/passwd", "a/b", "a.b", "x" * 500, "\0"])
def test_what_cannot_be_a_name_is_nobodys(user: Any, name: str) -> None:
    for find in (user.manager.get_by_username, user.manager.get_active_by_name, user.manager.peek):
        assert find(name) is None


def test_who_is_saved_is_found_and_made_active(user: Any) -> None:
    bob = user("bob", name="Bob")
    bob.save()
    user.manager.remove_active(bob)
    found = user.manager.get_by_username("Bob")
    assert found is not bob
    assert (found.name, user.manager.active()) == ("Bob", {"bob": found})


def test_a_peek_makes_nobody_active(user: Any) -> None:
    bob = user("bob", name="Bob")
    bob.save()
    user.manager.remove_active(bob)
    assert user.manager.peek("Bob").name == "Bob"
    assert user.manager.active() == {}


def test_who_is_offline_is_not_found_among_those_who_are_here(user: Any) -> None:
    user("bob")
    assert user.manager.get_active_by_name("bob") is None
    assert user.manager.online() == []


def test_those_who_are_here_in_the_order_of_coming(user: Any, online: Callable[[str], Any]) -> None:
    cas, ann = online("cas"), online("ann")
    user("bob")
    assert user.manager.online() == [cas, ann]
    cas.log_out()
    assert user.manager.online() == [ann]


def test_guests_are_found_as_well(user: Any, service: Service, come: Come) -> None:
    class Guest(TempStoreMixin, user):  # type: ignore[misc]  # made by a fixture
        pass

    guest = Guest("guest1")
    guest.log_in(come(service).client)
    assert user.manager.get_active_by_name("Guest1") is guest
    assert user.manager.get_by_username("Guest1") is guest
    assert user.manager.online() == [guest]
    assert user.manager.active() == {}
