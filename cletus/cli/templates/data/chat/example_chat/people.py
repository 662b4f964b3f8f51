"""The store of people."""

from typing import Any, ClassVar

from cletus.contrib.users import BaseUser, UserManager, write_users
from cletus.storage import Field

from example_chat.core import service


class Person(BaseUser):
    """A person. Add a field and save this file: everybody has it.

    Fields are saved in store/person/. A field with session=True is not saved:
    it lasts as long as the service runs.
    """

    service = service
    manager: ClassVar[UserManager["Person"]] = UserManager()

    about = Field("")
    visits = Field(0)
    lines_said = Field(0, session=True)


def everyone() -> list[Person]:
    """Everybody who is online."""
    return Person.manager.online()


def tell_everyone(*lines: object, **options: Any) -> None:
    """Write to everybody online. Options are those of write_users."""
    write_users(everyone(), *lines, **options)
