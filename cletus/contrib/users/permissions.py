"""Permissions: users have roles, and a role grants permissions.

    class User(BaseAccount):
        ROLES = {"admin": EVERYTHING, "keeper": {"ban", "announce"}}

    if user.has_permission("ban"): ...

    @commands.register(requires="announce")
    def announce(event, text: Rest): ...

Roles are given by an admin or on the command line (``cletus user role``), never for being the first to
connect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any, ClassVar, Final, TypeVar

from cletus import renamed
from cletus.contrib.permissions import has_permission
from cletus.errors import Refused, UnknownRole
from cletus.events import ClientEvent
from cletus.logs.audit import audit
from cletus.storage import Field
from cletus.text import gettext as _

Function = TypeVar("Function", bound=Callable[..., Any])

#: The role of those who run the service.
ADMIN: Final = "admin"


class _Everything(frozenset[str]):
    """A set of permissions that contains all of them."""

    def __contains__(self, _: object) -> bool:
        return True


#: In ``ROLES``: the role grants every permission.
EVERYTHING: Final = _Everything()


class PermissionsMixin:
    """Gives a user roles.

    Attributes:
        ROLES: name of the role to the permissions that it grants. Each role grants its own name, too,
            so ``has_permission("admin")`` holds for admins.
        roles: the names of the user's roles. A name that is not in ``ROLES`` grants nothing.
    """

    ROLES: ClassVar[Mapping[str, Collection[str]]] = {ADMIN: EVERYTHING}
    roles: Field[set[str]] = Field(set, type=set[str])

    def has_permission(self, permission: str) -> bool:
        """Whether one of their roles grants this permission."""
        granted = [role for role in self.roles if role in self.ROLES]
        return permission in granted or any(permission in self.ROLES[role] for role in granted)

    def is_outranked_by(self, other: Any) -> bool:
        """Whether another user has a permission that this user lacks."""
        if not isinstance(other, PermissionsMixin):
            return False
        own, theirs = self._permissions(), other._permissions()
        if EVERYTHING in own:
            return False
        return EVERYTHING in theirs or not set().union(*theirs) <= set().union(*own)

    def _permissions(self) -> list[Collection[str]]:
        return [self.ROLES[role] for role in self.roles if role in self.ROLES]

    @property
    def is_admin(self) -> bool:
        """Whether they have the role ``admin``."""
        return ADMIN in self.roles

    def grant(self, role: str) -> None:
        """Give them a role; the caller saves.

        Raises:
            UnknownRole: it is not in ``ROLES``.
        """
        if role not in self.ROLES:
            raise UnknownRole(role, self.ROLES)
        self.roles = {*self.roles, role}
        audit("role granted", f"{role} to {getattr(self, 'key', self)}")

    def revoke(self, role: str) -> None:
        """Take a role from them, if they have it; the caller saves."""
        if role in self.roles:
            audit("role revoked", f"{role} from {getattr(self, 'key', self)}")
        self.roles = self.roles - {role}

    # -- the old name of has_permission, for callers and for subclasses that override it -----

    def can(self, permission: str) -> bool:
        """The old name of ``has_permission``."""
        renamed.warn("PermissionsMixin.can", "PermissionsMixin.has_permission")
        return PermissionsMixin.has_permission(self, permission)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "can" in vars(cls) and "has_permission" not in vars(cls):
            renamed.warn("PermissionsMixin.can", "PermissionsMixin.has_permission")
            cls.has_permission = vars(cls)["can"]  # type: ignore[method-assign]


# -- old names -----------------------------------------------------------------------------------


def if_admin(event: ClientEvent) -> bool:
    """The old way to write ``requires="admin"``."""
    renamed.warn("if_admin", renamed.FUNCTIONS["if_admin"])
    return isinstance(event.user, PermissionsMixin) and event.user.is_admin


def if_can(permission: str) -> Callable[[ClientEvent], bool]:
    """The old way to write ``requires="permission"``."""
    renamed.warn("if_can", renamed.FUNCTIONS["if_can"])
    return lambda event: has_permission(event.user, permission)


def requires(permission: str) -> Callable[[Function], Function]:
    """The old decorator of a function that raises ``Refused`` for all without this permission."""
    renamed.warn("requires", renamed.FUNCTIONS["requires"])

    def guard(function: Function) -> Function:
        @wraps(function)
        def guarded(event: ClientEvent, *args: Any, **kwargs: Any) -> Any:
            if not has_permission(event.user, permission):
                raise Refused(_("You do not have permission to do that."))
            return function(event, *args, **kwargs)

        guarded_function: Any = guarded
        return guarded_function  # type: ignore[no-any-return]  # its signature is the function's

    return guard
