"""Who comes here: what the talker remembers of people."""

from typing import ClassVar

from cletus.contrib.commands import CooldownsMixin
from cletus.contrib.rooms import OccupantMixin
from cletus.contrib.users import (
    EVERYTHING,
    BaseAccount,
    UserManager,
    write_users,
)
from cletus.events import ClientEvent
from cletus.storage import Field, TempStoreMixin

from example_service.core import service


class User(CooldownsMixin, OccupantMixin, BaseAccount):
    """A regular. Session fields last as long as the service runs."""

    service = service
    manager: ClassVar[UserManager["User"]] = UserManager()
    ROLES = {"admin": EVERYTHING, "keeper": {"ban", "announce", "build"}}

    title = Field("has just arrived")
    lines_said = Field(0, session=True)
    told_by = Field("", session=True)


class Guest(TempStoreMixin, User):
    """Somebody who only looks in, and of whom nothing is kept."""


def has_account(event: ClientEvent) -> bool:
    """For commands: guests have none, since nothing is kept of them."""
    return not isinstance(event.user, Guest)


def everyone_online() -> list[User]:
    """All who are logged in, those with a broken connection among them."""
    return User.manager.online()


def tell_everyone(
    *lines: object, but: User | None = None, by: User | None = None
) -> None:
    """Write to all who are logged in, but for those who ignore ``by``."""
    hearers = [one for one in everyone_online() if not one.ignores(by)]
    write_users(hearers, *lines, exclude=but)
