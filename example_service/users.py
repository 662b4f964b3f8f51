"""The store of users, and of guests."""

from typing import Any, ClassVar

from cletus.contrib.commands import AliasesMixin, CooldownsMixin, Refused
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


class User(AliasesMixin, CooldownsMixin, OccupantMixin, BaseAccount):
    """A user. Session fields last as long as the service runs."""

    service = service
    manager: ClassVar[UserManager["User"]] = UserManager()
    ROLES = {"admin": EVERYTHING, "keeper": {"ban", "announce", "build"}}

    title = Field("has just arrived")
    lines_said = Field(0, session=True)
    reply_to = Field("", session=True)

    def state_text(self) -> str:
        """What others should know before they talk to this user."""
        return "disconnected" if self.link_lost else self.away_text()


class Guest(TempStoreMixin, User):
    """A user without an account, who is never saved."""


def is_guest(event: ClientEvent) -> bool:
    """For ``requires=`` of commands that are only for guests."""
    return isinstance(event.user, Guest)


def has_account(event: ClientEvent) -> bool:
    """For ``requires=`` of commands that guests cannot use."""
    if is_guest(event):
        raise Refused("You need an account for that. Type .register.")
    return True


def everyone_online() -> list[User]:
    """All users who are online, including those with a lost link."""
    return User.manager.online()


def tell_everyone(*lines: object, **options: Any) -> None:
    """Write to all users. Options are those of ``write_users``."""
    write_users(everyone_online(), *lines, **options)
