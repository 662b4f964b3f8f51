"""What can hold things: rooms, people, and things that are containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cletus.contrib.language import capitalised, grouped, listed
from cletus.contrib.things.place import place_of
from cletus.errors import Refused
from cletus.storage import Field, Store, TempStoreMixin, save_all
from cletus.text import gettext as _
from cletus.text import ngettext

if TYPE_CHECKING:
    _Base = Store
else:
    _Base = object


class HolderMixin(_Base):
    """Lets a store hold things: ``class Room(HolderMixin, BaseRoom)``. It comes before the other bases.

    Attributes:
        capacity: the greatest weight of all that it holds; 0 for any.
    """

    capacity: Field[float] = Field(0.0, type=float)

    @property
    def contents(self) -> list[Any]:
        """The things in it, in the order of their coming. Things inside these are not included."""
        place = place_of(self)
        things = [
            thing
            for store_cls in self.session.current.stores.values()
            if (contents_of := getattr(store_cls.manager, "contents_of", None)) is not None
            for thing in contents_of(place)
        ]
        return sorted(things, key=lambda thing: (thing.since, len(thing.key), thing.key))

    @property
    def load_weight(self) -> float:
        """The weight of all that it holds."""
        return sum((float(thing.total_weight) for thing in self.contents), 0.0)

    # -- to override ------------------------------------------------------------------------

    def check_receive(self, thing: Any, by: Any = None) -> None:
        """Called before a thing comes into it. Override it to refuse some.

        Args:
            thing: what comes.
            by: who moves it, or ``None``.

        Raises:
            Refused: the thing may not come into it; the person reads why.
        """
        if self.capacity and self.load_weight + thing.total_weight > self.capacity:
            raise Refused(self.too_heavy_text(thing, by))

    def too_heavy_text(self, thing: Any, by: Any = None) -> str:
        """What a person reads who would put too much into it."""
        if self is by:
            return _("You cannot carry {definite} as well.", definite=thing.definite)
        return _("There is no room for {definite}.", definite=thing.definite)

    def things_text(self, viewer: Any = None) -> str:
        """``Two rats and an old lamp are here.``; empty if there is nothing. A room shows it."""
        contents = self.contents
        if not contents:
            return ""
        names = capitalised(listed(grouped(contents)))
        return ngettext("{names} is here.", "{names} are here.", len(contents), names=names)

    # -- emptying ---------------------------------------------------------------------------

    def place_outside(self) -> Any:
        """What holds the contents when this is no longer there; ``None`` if they go home."""
        return None

    def empty(self) -> list[Any]:
        """Put the contents where this is, or home, and save them; returns them.

        On return they are durable, so that the holder can be deleted.
        """
        contents, outside = self.contents, self.place_outside()
        for thing in contents:
            thing.place_in(outside if outside is not None else thing.find_home())
        save_all(thing for thing in contents if not isinstance(thing, TempStoreMixin))
        return contents

    def delete(self) -> None:
        """As ``Store.delete``. What it holds is put where it is, or home."""
        self.empty()
        super().delete()


class CarrierMixin(HolderMixin):
    """Lets users and characters carry and wear things: ``class User(CarrierMixin, BaseAccount)``.

    What an account carries stays with it while it is offline. What a guest carries is dropped when
    they leave, since the next guest has the same name.
    """

    if TYPE_CHECKING:
        room: Any

    @property
    def carried(self) -> list[Any]:
        """The things that they carry and do not wear."""
        return [thing for thing in self.contents if not thing.worn]

    @property
    def worn(self) -> list[Any]:
        """The things that they wear."""
        return [thing for thing in self.contents if thing.worn]

    def inventory(self) -> list[str]:
        """What they carry and wear, as sentences."""
        lines: list[str] = [_("You carry {things}.", things=listed(grouped(self.carried)))]
        if self.worn:
            lines.append(_("You wear {things}.", things=listed(grouped(self.worn))))
        return lines

    def place_outside(self) -> Any:
        """The room where they are, or were last."""
        room = getattr(self, "room", None)
        return room if isinstance(room, HolderMixin) else None

    def log_out(self) -> None:
        """As the users' own; a user whose store is temporary drops everything."""
        if isinstance(self, TempStoreMixin):
            self.empty()
        super().log_out()  # type: ignore[misc]  # of the users' own base; nobody else calls this
