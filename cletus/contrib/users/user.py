"""What a user is: somebody with a name, who may be online."""

from __future__ import annotations

from typing import Any, ClassVar

from cletus.client.client import Client
from cletus.contrib.users.manager import UserManager
from cletus.storage import Field, Store


class ClientField(Field[Client | None]):
    """The client at which a user is logged in, or ``None``.

    ``user.client = client`` also sets ``client.user = user``, and takes the user off the client that
    they were at before; ``user.client = None`` logs them out. So the two never disagree.

    A store object is destroyed and made anew by a reload, and a client persists. So, in the words of
    the storage document, the field clears and sets ``client.user``, and the client itself is
    serialised as a reference. The field is session-only: nothing of it gets into JSON.
    """

    def __init__(self) -> None:
        super().__init__(session=True)

    def __get__(self, obj: Any, owner: Any = None) -> Any:
        """The field itself on the class, the client on a user."""
        return self if obj is None else obj.__dict__.get(self._name)

    def __set__(self, obj: Any, value: Client | None) -> None:
        self._leave(obj)
        obj.__dict__[self._name] = value
        if value is not None:
            other = getattr(value, "user", None)
            if other is not None and other is not obj:
                other.__dict__[self._name] = None
            value.user = obj

    def serialise(self, obj: Store, name: str) -> Client | None:
        """The client by reference. While a reload freezes, the client is taken off the user.

        If the new code has no such user, nobody is logged in at that client any more; if the reload
        fails, the framework puts every client's attributes back.
        """
        client: Client | None = obj.__dict__.get(name)
        if client is not None and obj.service.session.freezing:
            client.user = None
        return client

    def deserialise(self, obj: Store, name: str, data: Any) -> None:
        """Join the new user object with the client, if that is still there."""
        self.__set__(obj, None if data is None or data.gone else data)

    def _leave(self, obj: Any) -> None:
        client = obj.__dict__.get(self._name)
        if client is not None and getattr(client, "user", None) is obj:
            client.user = None


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
