"""Who may do what: users have roles, and a role grants permissions.

    class User(BaseAccount):
        ROLES = {"admin": EVERYTHING, "moderator": {"ban", "mute"}}

    if user.can("ban"): ...

    @commands.register
    @requires("shutdown")
    def shutdown(event): ...

Roles are given by name, by an admin or on the command line (``cletus user role``), and nobody has one
for having been the first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any, ClassVar, Final, TypeVar

from cletus.errors import Refused, UnknownRole
from cletus.events import ClientEvent
from cletus.storage import Field

Function = TypeVar("Function", bound=Callable[..., Any])

#: The role of those who run the place.
ADMIN: Final = "admin"
REFUSAL = "You may not do that."


class _Everything(frozenset[str]):
    """The permissions of somebody who may do whatever there is."""

    def __contains__(self, _: object) -> bool:
        return True


#: What ``ROLES`` gives to a role that may do whatever there is.
EVERYTHING: Final = _Everything()


class PermissionsMixin:
    """Gives a user roles.

    Attributes:
        ROLES: role name to the permissions that it grants.
        roles: the names of the user's roles. One that ``ROLES`` does not name grants nothing.
    """

    ROLES: ClassVar[Mapping[str, Collection[str]]] = {ADMIN: EVERYTHING}
    roles: Field[set[str]] = Field(set, type=set[str])

    def can(self, permission: str) -> bool:
        """Whether one of their roles grants this."""
        return any(permission in self.ROLES.get(role, ()) for role in self.roles)

    @property
    def is_admin(self) -> bool:
        """Whether they have the role ``admin``."""
        return ADMIN in self.roles

    def grant(self, role: str) -> None:
        """Give them a role; saving is the caller's.

        Raises:
            UnknownRole: ``ROLES`` does not name it.
        """
        if role not in self.ROLES:
            raise UnknownRole(role, self.ROLES)
        self.roles = {*self.roles, role}

    def revoke(self, role: str) -> None:
        """Take a role from them, whether they had it or not; saving is the caller's."""
        self.roles = self.roles - {role}


def may(user: Any, permission: str) -> bool:
    """Whether somebody may do this; a stranger (``None``) may nothing."""
    return isinstance(user, PermissionsMixin) and user.can(permission)


def if_admin(event: ClientEvent) -> bool:
    """For ``can=`` of a command: only admins may use it."""
    return isinstance(event.user, PermissionsMixin) and event.user.is_admin


def if_can(permission: str) -> Callable[[ClientEvent], bool]:
    """For ``can=`` of a command: only those may use it whose role grants this."""

    def check(event: ClientEvent) -> bool:
        return may(event.user, permission)

    return check


def requires(permission: str) -> Callable[[Function], Function]:
    """Have a function of an event raise ``Refused`` for all who may not do this.

    A command tells the person so. For a bare listener see ``may``.
    """

    def guard(function: Function) -> Function:
        @wraps(function)
        def guarded(event: ClientEvent, *args: Any, **kwargs: Any) -> Any:
            if not may(event.user, permission):
                raise Refused(REFUSAL)
            return function(event, *args, **kwargs)

        guarded_function: Any = guarded
        return guarded_function  # type: ignore[no-any-return]  # its signature is the function's

    return guard
