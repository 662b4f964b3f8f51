"""``ClientField``: a user and a client, who never disagree about each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cletus import Client, Service
from cletus.contrib.users import BaseUser, ClientField
from cletus.testing import Person
from tests.reload.conftest import Running

Come = Callable[..., Person]


@pytest.fixture
def user(service: Service) -> Any:
    """A store of users."""
    home = service

    class User(BaseUser):
        service = home

    return User


def agree(*parts: Any) -> None:
    """Each user is the user of their client, and each client is the client of its user."""
    for part in parts:
        if isinstance(part, Client):
            assert part.user is None or part.user.client is part
        else:
            assert part.client is None or part.client.user is part


def test_on_the_class_it_is_the_field(user: Any) -> None:
    assert isinstance(user.client, ClientField)
    assert user.client.session
    assert user("bob").client is None


def test_user_and_client_always_agree(user: Any, service: Service, come: Come) -> None:
    """Through every change of hands among two users and two clients."""
    users = [user("ann"), user("bob")]
    clients = [come(service).client, come(service).client]
    for step in range(81):
        who, where = step % 2, (None, *clients)[step * 7 // 3 % 3]
        users[who].client = where
        assert users[who].client is where
        agree(*users, *clients)


def test_whoever_comes_to_a_client_takes_it_over(user: Any, service: Service, come: Come) -> None:
    ann, bob, client = user("ann"), user("bob"), come(service).client
    ann.client = client
    bob.client = client
    assert (ann.client, client.user) == (None, bob)
    bob.client = None
    assert client.user is None


def test_nothing_of_it_gets_into_a_file(user: Any, service: Service, come: Come) -> None:
    bob = user("bob")
    bob.client = come(service).client
    assert "client" not in bob.to_dict()
    assert "client" not in json.loads(bob.to_json())
    bob.save()
    assert bob.to_dict(session=True)["client"] is bob.client


def test_it_is_serialised_by_reference_and_clears_only_while_a_reload_freezes(
    user: Any, service: Service, come: Come
) -> None:
    """In the words of the storage document: it clears and sets ``client.user``."""
    bob, client = user("bob"), come(service).client
    bob.client = client
    assert bob.to_dict(session=True)["client"] is client
    assert client.user is bob
    service.session.freezing = True
    assert bob.to_dict(session=True)["client"] is client
    assert client.user is None
    service.session.freezing = False
    bob.from_dict({"client": client}, session=True)
    assert client.user is bob


def test_a_client_that_has_gone_is_not_joined_again(
    user: Any, service: Service, come: Come
) -> None:
    bob, person = user("bob"), come(service)
    person.hangs_up()
    bob.from_dict({"client": person.client}, session=True)
    assert bob.client is None


USERS = """
    from cletus.contrib.users import BaseUser
    from cletus.storage import Field
    from APP.core import service

    class User(BaseUser):
        service = service
        mood = Field("calm", session=True)
"""


@pytest.fixture
def app(run: Callable[..., Running]) -> Running:
    return run(users=USERS)


def test_after_a_reload_the_client_is_the_same_and_its_user_is_of_the_new_class(
    app: Running,
) -> None:
    """And it is the very object that the manager has."""
    old, person = app.store("user"), app.person()
    bob = old("bob", mood="merry")
    bob.log_in(person.client)
    report = app.reload(users=lambda text: text + "    title = Field('new')\n")
    assert report.ok, str(report)
    new = app.store("user")
    assert new is not old
    assert type(person.client.user) is new
    assert person.client.user is new.manager.active()["bob"]
    assert person.client.user.client is person.client
    assert (person.client.user.mood, person.client.user.title) == ("merry", "new")


@pytest.mark.parametrize("broken", ["def broken(:", "1 / 0"])
def test_after_a_failed_reload_everything_is_as_it_was(app: Running, broken: str) -> None:
    old, person = app.store("user"), app.person()
    bob = old("bob")
    bob.log_in(person.client)
    report = app.reload(users=lambda text: f"{text}\n{broken}\n")
    assert not report.ok
    assert app.store("user") is old
    assert person.client.user is bob
    assert bob.client is person.client


def test_where_the_new_code_has_no_users_nobody_is_logged_in(app: Running) -> None:
    """And when it has them again, those who were are, if they are still there."""
    ann, bob = app.person(), app.person()
    for name, person in (("ann", ann), ("bob", bob)):
        app.store("user")(name).log_in(person.client)
    assert app.reload(users="").ok
    assert ann.client.user is None
    assert bob.client.user is None
    bob.hangs_up()
    assert app.reload(users=USERS.replace("APP", app.name)).ok
    users = app.active("user")
    assert ann.client.user is users["ann"]
    assert users["ann"].client is ann.client
    assert users["bob"].client is None
