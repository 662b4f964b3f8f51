"""Who comes here: what the chat remembers of people."""

from typing import ClassVar

from cletus.contrib.users import BaseUser, UserManager, write_users
from cletus.storage import Field

from example_chat.core import service


class Person(BaseUser):
    """Somebody with a name. Add a field and save this file: they all have it.

    Fields are kept in store/person/; one with session=True is not, and lasts
    as long as the service runs.
    """

    service = service
    manager: ClassVar[UserManager["Person"]] = UserManager()

    about = Field("")
    visits = Field(0)
    lines_said = Field(0, session=True)


def everyone() -> list[Person]:
    """All who are here."""
    return Person.manager.online()


def tell_everyone(*lines: object, but: Person | None = None) -> None:
    """Write to all who are here; who has not said their name sees nothing."""
    write_users(everyone(), *lines, exclude=but)
