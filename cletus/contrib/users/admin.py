"""Changing accounts from outside the service: what ``cletus user`` does.

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
from cletus.errors import NoUsers, Refused, UnknownRole
from cletus.service.service import Service

T = TypeVar("T")


def users_of(service: Service) -> Users:
    """What the application made with ``Users(service, User)``.

    Raises:
        NoUsers: it made none.
    """
    for store_cls in service.session.stores.values():
        users = getattr(store_cls, "users", None)
        if isinstance(users, Users):
            return users
    raise NoUsers


def check_account(users: Users, name: str, roles: Iterable[str] = ()) -> str:
    """Check the name and roles of a new account; returns the name as it will be shown.

    Raises:
        Refused: the name or a role cannot be used.
    """
    name = _result(users.check_name(name))
    _check_roles(users, roles)
    return name


def add_user(users: Users, name: str, password: str, roles: Iterable[str] = ()) -> Any:
    """Create an account and save it; returns the user.

    Raises:
        Refused: the name, the password or a role cannot be used. No account is created.
    """
    name = check_account(users, name, roles)
    password = check_new_password(password, name=name)
    user = users.user.manager.create(name, name=name)
    _result(user.set_password(password))
    for role in roles:
        user.grant(role)
    user.created = users.now()
    user.save()
    return user


def set_password(users: Users, name: str, password: str) -> Any:
    """Give a user a new password; returns the user.

    Raises:
        Refused: there is no such user, or the password cannot be used.
    """
    user = find_user(users, name)
    _result(user.set_password(check_new_password(password, name=str(user))))
    user.save()
    return user


def change_roles(
    users: Users, name: str, grant: Iterable[str] = (), revoke: Iterable[str] = ()
) -> Any:
    """Give a user roles and take roles from them; returns the user.

    Raises:
        Refused: there is no such user, or no such role to give. Nothing is changed.
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
    """Ban a name or an address, for a time or permanently; returns the ban.

    Raises:
        Refused: it is neither a name nor an address.
        StorageError: the ban could not be saved.
    """
    users.bans.load()
    new = users.bans.prepare(whom, duration=duration, by="the console", reason=reason)
    new.save()
    return new


def find_user(users: Users, name: str) -> Any:
    """The user of this name.

    Raises:
        Refused: there is none.
    """
    user = users.user.manager.get_by_username(name)
    if user is None:
        raise Refused(f"There is no user called {name!r}.")
    return user


def _check_roles(users: Users, roles: Iterable[str]) -> None:
    for role in roles:
        if role not in users.user.ROLES:
            raise UnknownRole(role, users.user.ROLES)


def _result(deferred: Deferred[T]) -> T:
    """The result of a Deferred that has fired: in a stopped service, all of them have."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    return cast("T", result)
