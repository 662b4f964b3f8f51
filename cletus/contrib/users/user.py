"""What a user is: somebody with a name, who may be online."""

from __future__ import annotations

from typing import Any, ClassVar

from cletus.contrib.users.client_field import ClientField
from cletus.contrib.users.manager import UserManager
from cletus.storage import Field, Store


class BaseUser(Store):
    """The base of an application's ``User`` store.

    ``user.client`` is the connection they are at, ``client.user`` and ``event.user`` are they. This
    is all there is of it; ``BaseAccount`` has passwords, roles, pronouns and the rest.
    """

    abstract = True
    manager: ClassVar[UserManager[Any]] = UserManager()

    name: Field[str | None] = Field(type=str)
    client = ClientField()

    @property
    def is_online(self) -> bool:
        """Whether they are here."""
        return self.client is not None

    def write(self, *lines: object) -> None:
        """Send these as whole lines; nothing happens if they are offline."""
        if self.client is not None:
            self.client.write(*lines)

    def __str__(self) -> str:
        return self.name or self.key

    def log_in(self, client: Any) -> None:
        """They are at this client now. Who was there as the same user before is disconnected.

        While they typed their password, they may have left elsewhere, or come in as another object:
        from now on this object is the active one.
        """
        other = self.manager.active().get(self.key)
        before = [one.client for one in (self, other) if one is not None]
        if other != self:
            if other is not None:
                other.log_out()
            self.manager.add_active(self)
        self.client = client
        for one in dict.fromkeys(before):
            if one is not None and one is not client:
                one.write("You have logged in from elsewhere.")
                one.close("replaced by a new connection")

    def log_out(self) -> None:
        """They are offline; what was not saved of them is forgotten with the manager's reference."""
        self.client = None
        self.manager.remove_active(self)
