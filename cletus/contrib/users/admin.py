"""What is done to accounts from outside, while the service is not running: ``cletus user``.

The first admin is made here, by somebody who can log in to the machine, and never by being the first
to connect. There is no default account and no default password.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cletus.contrib.users.password import check_new_password
from cletus.contrib.users.users import Users
from cletus.errors import NoUsers, Refused
from cletus.service.service import Service

T = TypeVar("T")


def users_of(service: Service) -> Users:
    """What the application made with ``Users(service, User)``.

    Raises:
        NoUsers: it made none.
    """
    for store_cls in service.session.stores.values():
        found = getattr(store_cls, "users", None)
        if isinstance(found, Users):
            return found
    raise NoUsers


def check_account(users: Users, name: str, roles: Iterable[str] = ()) -> str:
    """The name as an account of it would have it.

    Raises:
        Refused: the name or a role cannot be had.
    """
    name = _at_once(users.check_name(name))
    _check_roles(users, roles)
    return name


def add_user(users: Users, name: str, password: str, roles: Iterable[str] = ()) -> Any:
    """Make an account and save it; the user.

    Raises:
        Refused: the name, the password or a role cannot be had; nothing is made.
    """
    name = check_account(users, name, roles)
    password = check_new_password(password, name=name)
    user = users.user.manager.create(name, name=name)
    _at_once(user.set_password(password))
    for role in roles:
        user.grant(role)
    user.created = users.now()
    user.save()
    return user


def set_password(users: Users, name: str, password: str) -> Any:
    """Give somebody another password; the user.

    Raises:
        Refused: there is nobody of that name, or the password cannot be had.
    """
    user = find_user(users, name)
    _at_once(user.set_password(check_new_password(password, name=str(user))))
    user.save()
    return user


def change_roles(
    users: Users, name: str, grant: Iterable[str] = (), revoke: Iterable[str] = ()
) -> Any:
    """Give somebody roles, and take roles from them; the user.

    Raises:
        Refused: there is nobody of that name, or no such role to give; nothing is changed.
    """
    user = find_user(users, name)
    _check_roles(users, grant)
    for role in grant:
        user.grant(role)
    for role in revoke:
        user.revoke(role)
    user.save()
    return user


def ban(users: Users, whom: str, duration: timedelta | None = None, reason: str = "") -> Any:
    """Keep a name or an address out, for a time or for good; the ban.

    Raises:
        Refused: it is neither a name nor an address.
        StorageError: it could not be saved.
    """
    users.bans.load()
    made = users.bans.ban(whom, duration=duration, by="the console", reason=reason)
    made.save()
    return made


def find_user(users: Users, name: str) -> Any:
    """The user of this name.

    Raises:
        Refused: there is nobody of that name.
    """
    user = users.user.manager.get_by_username(name)
    if user is None:
        raise Refused(f"There is nobody called {name!r}.")
    return user


def _check_roles(users: Users, roles: Iterable[str]) -> None:
    # Asked for its own `grant`, which an application may have changed.
    probe = users.user.schema.detached("probe")
    for role in roles:
        probe.grant(role)


def _at_once(deferred: Deferred[T]) -> T:
    """The result of a Deferred: a service that is not running does everything at once."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    return cast("T", result)
