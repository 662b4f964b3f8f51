"""Who comes here."""

from typing import ClassVar

from talk.core import service

from cletus.contrib.users import BaseUser, PasswordMixin, UserManager
from cletus.storage import Field


class User(PasswordMixin, BaseUser):
    """A regular. Fields with ``session=True`` last as long as the service runs."""

    service = service
    manager: ClassVar[UserManager["User"]] = UserManager()

    title = Field("has just arrived")
    visits = Field(0)
    lines_said = Field(0, session=True)


def everyone_online() -> list[User]:
    """All who are logged in, in the order of their coming."""
    return [client.user for client in service.clients if client.user is not None]


def tell_everyone(*lines: object, but: User | None = None) -> None:
    """Write to all who are logged in."""
    service.write_all(*lines, filter=lambda client: client.user not in (None, but))
