"""Finding users."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cletus.storage import Manager

if TYPE_CHECKING:
    from cletus.contrib.users.user import BaseUser

U = TypeVar("U", bound="BaseUser")


class UserManager(Manager[U]):
    """The manager of a store of users, whose key is the name in lower case."""

    def get_by_username(self, name: str) -> U | None:
        """The user of this name, online or saved; ``None`` if there is none.

        Args:
            name: in any case; what cannot be a name is nobody's name.
        """
        return self.get(name.strip())

    def get_active_by_name(self, name: str) -> U | None:
        """The user of this name if they are online, else ``None``."""
        user = self.active().get(name.strip().lower())
        return user if user is not None and user.client is not None else None

    def online(self) -> list[U]:
        """Everybody who is online, in the order of their logging in."""
        return [user for user in self.active().values() if user.client is not None]
