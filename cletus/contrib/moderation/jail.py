"""Jail: people who are kept in one room for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from cletus.contrib.users.bans import BaseBan
from cletus.errors import Refused
from cletus.storage import Field, Manager
from cletus.text import gettext_noop as N_  # noqa: N812 - as gettext's manual calls it

if TYPE_CHECKING:
    from cletus.contrib.rooms import OccupantMixin

    _Base = OccupantMixin
else:
    _Base = object


class BaseJail(BaseBan):
    """As a ban, but those whom it covers are kept in a room. Of a network it covers guests and newcomers."""

    abstract = True
    manager: ClassVar[Manager[BaseBan]] = Manager()
    word = N_("jailed")
    ended = N_("released")

    @classmethod
    def forget_user(cls, key: str) -> None:
        """Called when an account is deleted: the next account of its name is free."""
        for jail in cls.manager.active().values():
            if jail.name == key:
                jail.delete()


class JailMixin(_Base):
    """Keeps a user who was jailed in the jail: ``class User(JailMixin, OccupantMixin, BaseAccount)``.

    Attributes:
        moderation: what the application made with ``Moderation(users)``; ``None`` before that.
        room_before_jail: the key of the room where they were; empty if they are not in jail.
    """

    moderation: ClassVar[Any] = None
    room_before_jail: Field[str] = Field("")

    def enter_room(self, room: Any, *, by: str = "", quietly: bool = False) -> None:
        """As ``OccupantMixin.enter_room``. Who was jailed enters the jail, and no other room.

        Raises:
            Refused: they are in jail; or as ``OccupantMixin.enter_room``.
        """
        moderation = self.moderation
        jail = None if moderation is None else moderation.jail_of(self)
        if jail is not None:
            cell = moderation.jail_room
            if self.room is not None and self.room is cell and self in self.room.occupants:
                raise Refused(jail.text_for(self))
            if not self.room_before_jail:
                self.room_before_jail = room.key if self.room is None else self.room.key
            super().enter_room(cell, quietly=quietly)
            return
        if self.room_before_jail:
            if moderation is not None and room is moderation.jail_room:
                room = moderation.room_after_jail(self)
            self.room_before_jail = ""
        super().enter_room(room, by=by, quietly=quietly)
