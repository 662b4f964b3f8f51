"""``BaseUser``: somebody with a name, who may be at a client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cletus import Service, events
from cletus.contrib.users import BaseUser
from cletus.errors import AbstractStore
from cletus.storage import Field
from cletus.testing import Person

Come = Callable[..., Person]


@pytest.fixture
def user(service: Service) -> Any:
    """A store of users."""
    home = service

    class User(BaseUser):
        service = home
        visits = Field(0)

    return User


def test_it_is_a_base_and_no_store_itself() -> None:
    with pytest.raises(AbstractStore):
        BaseUser("bob")


def test_it_is_called_by_its_name_or_else_its_key(user: Any) -> None:
    assert str(user("bob", name="Bob")) == "Bob"
    assert str(user("Cas")) == "cas"


def test_who_is_online_is_written_to(user: Any, service: Service, come: Come) -> None:
    bob, person = user("bob"), come(service)
    bob.write("nobody sees this")
    bob.client = person.client
    bob.write("a", "b")
    assert person.new_text() == "a\nb\n"


def test_logging_in_makes_them_the_user_of_the_client(
    user: Any, service: Service, come: Come
) -> None:
    bob, person = user("bob"), come(service)
    assert not bob.is_online
    bob.log_in(person.client)
    assert person.client.user is bob
    assert bob.is_online
    bob.log_out()
    assert person.client.user is None
    assert not bob.is_online
    assert person.client.connected, "they may log in again"


def test_the_user_of_an_event_is_who_is_logged_in(user: Any, service: Service, come: Come) -> None:
    seen: list[object] = []
    service.listen(events.ClientEvent)(lambda event: seen.append(event.user))
    bob, person = user("bob"), come(service)
    bob.log_in(person.client)
    person.types("hello")
    person.hangs_up()
    assert seen == [None, bob, bob]


def test_logging_in_elsewhere_takes_over(user: Any, service: Service, come: Come) -> None:
    """The connection before is told and closed, and is nobody's from then on."""
    departed: list[object] = []
    service.listen(events.Disconnect)(lambda event: departed.append(event.user))
    bob, first, second = user("bob"), come(service), come(service)
    bob.log_in(first.client)
    bob.log_in(second.client)
    first.new_text()
    assert first.screen == "You have logged in from another connection. This one is closed.\n"
    assert not first.client.connected
    assert departed == [None]
    assert bob.client is second.client
    assert second.client.user is bob


def test_logging_in_twice_at_one_client_is_harmless(
    user: Any, service: Service, come: Come
) -> None:
    bob, person = user("bob"), come(service)
    bob.log_in(person.client)
    bob.log_in(person.client)
    assert person.client.connected
    assert bob.client is person.client


def test_who_is_offline_is_not_kept_in_memory(user: Any, service: Service, come: Come) -> None:
    bob, person = user("bob"), come(service)
    bob.log_in(person.client)
    assert user.manager.active() == {"bob": bob}
    bob.log_out()
    assert user.manager.active() == {}


def test_who_is_online_is_active_whatever_happened_while_they_typed_their_password(
    user: Any, service: Service, come: Come
) -> None:
    """They were here elsewhere, and have left there: the object was no longer active."""
    bob, first, second = user("bob"), come(service), come(service)
    bob.log_in(first.client)
    bob.log_out()
    bob.log_in(second.client)
    assert user.manager.active() == {"bob": bob}
    assert user.manager.get_active_by_name("bob") is bob


def test_there_are_never_two_of_one_user(user: Any, service: Service, come: Come) -> None:
    """An object of earlier takes over from the one that was made of the same user meanwhile."""
    early = user("bob")
    user.manager.remove_active(early)
    late, first, second = user("bob"), come(service), come(service)
    late.log_in(first.client)
    early.log_in(second.client)
    first.new_text()
    assert user.manager.active() == {"bob": early}
    assert user.manager.active()["bob"] is early
    assert not first.client.connected
    assert late.client is None
    assert first.client.user is None
