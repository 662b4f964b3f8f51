"""Changing accounts from the command line: what ``cletus user`` does, in a running service or without one.

The first admin is made here, by somebody who can log in to the machine, and never by being the first
to connect. There is no default account and no default password.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from datetime import timedelta
from typing import Any, Final, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cletus.contrib.users.password import check_new_password
from cletus.contrib.users.users import Users
from cletus.errors import NoUsers, Refused, UnknownRole
from cletus.logs.audit import audit
from cletus.service.lifecycle import State
from cletus.service.service import Service
from cletus.text import gettext as _
from cletus.text import gettext_noop as N_  # noqa: N812 - as gettext's manual calls it

T = TypeVar("T")

#: Who has made a ban, if it was made from the command line.
CONSOLE: Final = N_("the console")


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


async def check_account(users: Users, name: str, roles: Iterable[str] = ()) -> str:
    """Check the name and roles of a new account; returns the name as it will be shown.

    Raises:
        Refused: the name or a role cannot be used.
    """
    name = await users.check_name(name)
    _check_roles(users, roles)
    return name


async def add_user(users: Users, name: str, password: str, roles: Iterable[str] = ()) -> Any:
    """Create an account and save it; returns the user.

    Raises:
        Refused: the name, the password or a role cannot be used. No account is created.
    """
    name = await check_account(users, name, roles)
    password = check_new_password(password, name=name)
    user = users.user.manager.create(name, name=name)
    try:
        await user.set_password(password)
    except BaseException:  # cancelled, or the hashing is overloaded
        users.user.manager.remove(user)
        raise
    for role in roles:
        user.grant(role)
    user.created = users.now()
    user.save()
    audit("account created", user.key, actor=CONSOLE)
    return user


async def set_password(users: Users, name: str, password: str) -> Any:
    """Give a user a new password; returns the user.

    Raises:
        Refused: there is no such user, or the password cannot be used.
    """
    user = find_user(users, name)
    await user.set_password(check_new_password(password, name=str(user)))
    user.save()
    audit("password changed", user.key, actor=CONSOLE)
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

    If the service is running, those whom it covers are disconnected.

    Raises:
        Refused: it is neither a name nor an address.
        StorageError: the ban could not be saved.
    """
    if users.service.state is State.RUNNING:
        return users.ban(whom, duration=duration, by=CONSOLE, reason=reason)
    users.bans.load()
    users.check_ban(whom)
    new = users.bans.prepare(whom, duration=duration, by=CONSOLE, reason=reason)
    new.save()
    return new


def find_user(users: Users, name: str) -> Any:
    """The user of this name.

    Raises:
        Refused: there is none.
    """
    user = users.user.manager.get_by_username(name)
    if user is None:
        raise Refused(_("There is no user called {name!r}.", name=name))
    return user


def _check_roles(users: Users, roles: Iterable[str]) -> None:
    for role in roles:
        if role not in users.user.ROLES:
            raise UnknownRole(role, users.user.ROLES)


# -- what the command does -----------------------------------------------------------------------


async def _add(users: Users, name: str, password: str, roles: list[str]) -> str:
    user = await add_user(users, name, password, roles)
    as_roles = f" as {', '.join(roles)}" if roles else ""
    return _("{user} has an account{as_roles}.", user=user, as_roles=as_roles)


async def _password(users: Users, name: str, password: str) -> str:
    user = await set_password(users, name, password)
    return _("{user} has a new password.", user=user)


async def _role(users: Users, name: str, grant: list[str], revoke: list[str]) -> str:
    user = change_roles(users, name, grant, revoke)
    return f"{user}: {', '.join(sorted(user.roles)) or 'no roles'}"


async def _ban(users: Users, whom: str, seconds: float | None, reason: str) -> str:
    new = ban(users, whom, None if seconds is None else timedelta(seconds=seconds), reason)
    until = "permanently" if new.until is None else f"until {new.until:%Y-%m-%d %H:%M} UTC"
    return _("{target} is banned {until}.", target=new.target, until=until)


async def _unban(users: Users, whom: str) -> str:
    was_banned = users.bans.unban(whom)
    if was_banned:
        return _("{whom} is no longer banned.", whom=whom)
    return _("{whom} is not banned.", whom=whom)


async def _find(users: Users, name: str) -> str:
    return str(find_user(users, name))


async def _rename(users: Users, name: str, new: str) -> str:
    user = find_user(users, name)
    before = str(user)
    user.name = await users.check_name(new, user=user)
    user.save()
    audit("account renamed", f"{before} to {user}", actor=CONSOLE)
    return _("{before} is now called {user}.", before=before, user=user)


async def _delete(users: Users, name: str) -> str:
    user = find_user(users, name)
    users.user.manager.delete(user.key)
    audit("account deleted", user.key, actor=CONSOLE)
    return _("The account of {user} is deleted.", user=user)


async def _list(users: Users) -> str:
    accounts = sorted(users.user.manager.all().values(), key=lambda user: str(user.key))
    return "\n".join(f"{user}\t{', '.join(sorted(user.roles))}" for user in accounts)


#: The actions of ``cletus user``, by name: each takes the users and its arguments, and returns the answer.
ACTIONS: Final[dict[str, Callable[..., Coroutine[Any, Any, str]]]] = {
    "check": check_account,
    "add": _add,
    "find": _find,
    "password": _password,
    "role": _role,
    "ban": _ban,
    "unban": _unban,
    "rename": _rename,
    "delete": _delete,
    "list": _list,
}


async def control(service: Service, action: str, arguments: dict[str, Any]) -> str:
    """Perform an action in the running service: the command ``user`` of its control socket.

    Raises:
        Refused: as the action, or there is no such action.
    """
    if action not in ACTIONS:
        raise Refused(_("there is no action {action!r} of accounts", action=action[:40]))
    return await ACTIONS[action](users_of(service), **arguments)


def perform(service: Service, action: str, arguments: dict[str, Any]) -> str:
    """Perform an action without a running service. Raises as ``control`` does."""
    users_of(service).names.load()  # as at the start of the service: renamed users have two names
    return result_of(Deferred.fromCoroutine(control(service, action, arguments)))


def result_of(deferred: Deferred[T]) -> T:
    """The result of a Deferred that has fired: in a stopped service, all of them have."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    return cast("T", result)
