"""Who comes here: what the talker remembers of people."""

from typing import ClassVar

from cletus.contrib.users import EVERYTHING, BaseAccount, UserManager, write_users
from cletus.storage import Field, TempStoreMixin
from example_service.core import service


class User(BaseAccount):
    """A regular. Fields with ``session=True`` last as long as the service runs."""

    service = service
    manager: ClassVar[UserManager["User"]] = UserManager()
    ROLES = {"admin": EVERYTHING, "keeper": {"ban", "announce"}}

    title = Field("has just arrived")
    lines_said = Field(0, session=True)


class Guest(TempStoreMixin, User):
    """Somebody who only looks in, and of whom nothing is kept."""


def everyone_online() -> list[User]:
    """All who are logged in, those with a broken connection among them."""
    return User.manager.online()


def tell_everyone(*lines: object, but: User | None = None) -> None:
    """Write to all who are logged in; strangers at the door see nothing of it."""
    write_users(everyone_online(), *lines, exclude=but)
