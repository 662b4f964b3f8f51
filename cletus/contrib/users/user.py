"""The base of users: somebody with a name, who may be connected."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from cletus.client.client import Client
from cletus.contrib.users.manager import UserManager
from cletus.storage import Field, Store
from cletus.text import gettext as _


class ClientField(Field[Client | None]):
    """The client at which a user is logged in, or ``None``.

    ``user.client = client`` also sets ``client.user = user``, and detaches both from whatever they
    were attached to; ``user.client = None`` logs the user out. So the two never disagree.

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
        self._detach(obj)
        obj.__dict__[self._name] = value
        if value is not None:
            previous = getattr(value, "user", None)
            if previous is not None and previous is not obj:
                previous.__dict__[self._name] = None
            value.user = obj

    def serialise(self, obj: Store, name: str) -> Client | None:
        """The client by reference. While a reload freezes, the client is detached from the user.

        If the new code has no such user, nobody is logged in at that client any more; if the reload
        fails, the framework restores every client's attributes.
        """
        client: Client | None = obj.__dict__.get(name)
        if client is not None and obj.service.session.freezing:
            client.user = None
        return client

    def deserialise(self, obj: Store, name: str, data: Any) -> None:
        """Attach the client to the new user object, if it is still connected."""
        self.__set__(obj, None if data is None or data.gone else data)

    def _detach(self, obj: Any) -> None:
        client = obj.__dict__.get(self._name)
        if client is not None and getattr(client, "user", None) is obj:
            client.user = None


class BaseUser(Store):
    """The minimal base of an application's ``User`` store: a name and a connection.

    ``user.client`` is the user's connection; ``client.user`` and ``event.user`` are the user.
    ``BaseAccount`` adds passwords, roles, pronouns and the rest.
    """

    abstract = True
    manager: ClassVar[UserManager[Any]] = UserManager()

    name: Field[str | None] = Field(type=str)
    client = ClientField()

    @property
    def is_online(self) -> bool:
        """Whether they are connected."""
        return self.client is not None

    def write(self, *lines: object) -> None:
        """Send whole lines; does nothing if they are offline."""
        if self.client is not None:
            self.client.write(*lines)

    def __str__(self) -> str:
        return self.name or self.key

    def save(self, *, force: bool = False) -> None:
        """As ``Store.save``; also records a new name, so that they are found by it."""
        self._note_name()
        super().save(force=force)

    def save_soon(self, *, force: bool = False) -> Deferred[None]:
        """As ``Store.save_soon``; also records a new name, so that they are found by it."""
        self._note_name()
        return super().save_soon(force=force)

    def _note_name(self) -> None:
        users = getattr(type(self), "users", None)
        if users is not None:
            users.names.note_name(self)

    def log_in(self, client: Any) -> None:
        """Attach them to this client, and close any other connection of the same user.

        While they typed their password, they may have left elsewhere, or come in as another object:
        from now on this object is the active one.
        """
        active = self.manager.active().get(self.key)
        previous = [user.client for user in (self, active) if user is not None]
        if active != self:
            if active is not None:
                active.log_out()
            self.manager.add_active(self)
        self.client = client
        for replaced in dict.fromkeys(previous):
            if replaced is not None and replaced is not client:
                replaced.write(_("You have logged in from another connection. This one is closed."))
                replaced.close("replaced by a new connection")

    def log_out(self) -> None:
        """Take them offline and out of memory; changes that were not saved are lost."""
        self.client = None
        self.manager.remove_active(self)
