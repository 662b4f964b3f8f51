"""Things: what people can pick up, carry, wear, and put into one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from twisted.logger import Logger

from cletus import events
from cletus.contrib.loading import load_at_start
from cletus.contrib.saving import save_for
from cletus.contrib.things.events import Moved
from cletus.contrib.things.holder import HolderMixin
from cletus.contrib.things.nouns import NounMixin, make_numbered, named
from cletus.contrib.things.place import Contents, PlaceField, holder_at, place_text
from cletus.contrib.things.thing_file import FromFileMixin
from cletus.errors import Refused, StorageError
from cletus.service.service import Service
from cletus.storage import Field, Manager, Store
from cletus.text import gettext as _

T = TypeVar("T", bound="BaseThing")

#: Of the module, not of a class: an event keeps its source, and so would keep old code alive.
_log = Logger()


class ThingManager(Manager[T]):
    """The manager of a store of things. All saved things are active from the start of the service on."""

    _contents: Contents | None = None

    def contents_of(self, place: str) -> list[T]:
        """The things of this store in a place, in no particular order.

        Args:
            place: as ``place_of`` gives it.
        """
        if self._contents is None:
            self._contents = Contents(self.store_cls.session, self.active().values())
        keys = self._contents.at(place)
        return [thing for key in keys if (thing := self.get_active(key)) is not None]

    def make(self, name: str, place: Any = None, **values: Any) -> T:
        """A new thing under a key of its own: ``rat-1``. It is saved soon.

        Args:
            name: of the thing; its key begins with it.
            place: what holds it. Its ``check_receive`` is not called.
            values: of other fields.

        Raises:
            InvalidKey: the name has no letter and no digit.
            UnknownField, FieldValueError: as for ``create``.
        """
        thing: T = make_numbered(self, name, values)
        thing.place_in(place)
        return thing

    def delete(self, key: str) -> None:
        """As ``Manager.delete``. What the thing holds is put where the thing is."""
        thing = self.get(key)
        if thing is not None:
            thing.empty()
        super().delete(key)

    # -- keeping the contents up to date ----------------------------------------------------

    def add_active(self, obj: T) -> None:
        """As ``Manager.add_active``."""
        super().add_active(obj)
        self._contents = None

    def remove_active(self, obj: T) -> None:
        """As ``Manager.remove_active``."""
        super().remove_active(obj)
        self._contents = None

    def set_active(self, objects: Mapping[str, T]) -> None:
        """As ``Manager.set_active``."""
        super().set_active(objects)
        self._contents = None

    def moved(self, thing: T, before: str, place: str) -> None:
        """For the field ``place``: the thing is in another place."""
        active = self.get_active(thing.key)
        if self._contents is not None and active is not None and vars(active) is vars(thing):
            self._contents.discard(thing.key, before)
            self._contents.add(thing.key, place)


class BaseThing(NounMixin, FromFileMixin, HolderMixin, Store):
    """The base of an application's stores of things: ``class Thing(BaseThing)``, ``class Lamp(Thing)``.

    Attributes:
        place: what holds it: a room, a person, another thing, or ``None``. ``move_to`` changes it.
        home: where it goes if what holds it no longer exists; by default ``lost_and_found``.
        weight: its own weight, in the unit of your choice.
        container: whether other things can be put into it.
        fixed: whether nobody can take it.
        wearable: the part of the body that it is worn on, such as ``head``; empty if it is not worn.
        worn: whether the person who has it wears it.
        since: when it came to where it is, in seconds by the service's clock.
    """

    abstract = True
    manager: ClassVar[ThingManager[Any]] = ThingManager()
    #: Where things without a home go if what held them no longer exists: ``"room:inn"``.
    lost_and_found: ClassVar[str] = ""
    #: How many things can be inside one another. Our choice.
    nested_max: ClassVar[int] = 8

    place = PlaceField()
    home = PlaceField()
    weight: Field[float] = Field(0.0, type=float)
    container: Field[bool] = Field(False)
    fixed: Field[bool] = Field(False)
    wearable: Field[str] = Field("")
    worn: Field[bool] = Field(False)
    since: Field[float] = Field(0.0)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.abstract:
            load_at_start(cls)
            cls.service.listen(events.PostStart)(cls._find_lost)
            for event in (events.PostReload, events.PostRestart):
                cls.service.listen(event)(cls._renewed)

    # -- to override ------------------------------------------------------------------------

    def check_move(self, by: Any) -> None:
        """Called before a person moves it. Override it to keep it where it is.

        Raises:
            Refused: it stays; the person reads why.
        """
        if self.fixed:
            raise Refused(_("You cannot take {definite}.", definite=self.definite))

    def look(self, viewer: Any = None) -> list[str]:
        """What a person sees who looks at it: paragraphs."""
        lines = [part for part in self.description.strip().split("\n\n") if part]
        if self.container:
            lines.append(_("In it you see {things}.", things=self.contents_text()))
        return lines or [_("You see nothing special about {definite}.", definite=self.definite)]

    def examine(self, viewer: Any = None) -> list[str]:
        """What a person sees who examines it."""
        lines = self.look(viewer)
        if self.total_weight:
            lines.append(_("Weight: {weight:g}.", weight=self.total_weight))
        if self.wearable:
            lines.append(_("You can wear it ({place}).", place=self.wearable))
        return lines

    # -- places -----------------------------------------------------------------------------

    @property
    def total_weight(self) -> float:
        """Its weight with all that it holds."""
        return self.weight + self.load_weight

    def move_to(self, holder: Any, *, by: Any = None) -> None:
        """Move it, if both agree, and save it soon.

        Args:
            holder: a room, a person or a container.
            by: who moves it, or ``None``.

        Raises:
            Refused: it stays where it is: ``check_move`` or the holder's ``check_receive`` says so.
        """
        self.check_move(by)
        holder.check_receive(self, by)
        self.place_in(holder, by=by)

    def place_in(self, holder: Any, *, by: Any = None) -> None:
        """Move it without asking anybody, save it soon, and fire ``Moved``.

        Args:
            holder: a room, a person, a container, or ``None`` to take it out of the world.
            by: who moves it, or ``None``.
        """
        origin = self.place
        self.place = holder
        self.worn = False
        self.since = self.service.clock.now()
        save_for(self, by)
        self.service.fire(Moved(self.service, self, origin, holder, by))

    def check_receive(self, thing: Any, by: Any = None) -> None:
        """As a holder; also, it must be a container, and not be inside the thing."""
        if not self.container:
            raise Refused(_("You cannot put anything into {definite}.", definite=self.definite))
        containers = list(self.containers())
        if thing is self or thing in containers:
            raise Refused(_("You cannot put {definite} into itself.", definite=thing.definite))
        if len(containers) + 1 + thing.height > self.nested_max:
            raise Refused(_("There are too many things inside one another."))
        for container in (self, *containers):
            HolderMixin.check_receive(container, thing, by)

    def containers(self) -> list[Any]:
        """The things that it is in, the nearest first."""
        containers: list[Any] = []
        holder = self.place
        while isinstance(holder, BaseThing) and holder not in containers:
            containers.append(holder)
            holder = holder.place
        return containers

    @property
    def height(self) -> int:
        """How many things are inside one another in it, itself included."""
        return 1 + max((thing.height for thing in self.contents), default=0)

    def place_outside(self) -> Any:
        """Where it is."""
        return self.place

    def contents_text(self) -> str:
        """``two rats and an old lamp``, or ``nothing``."""
        return named(self.contents)

    def find_home(self) -> Any:
        """Its home, or ``lost_and_found``; ``None`` if neither exists."""
        return self.home or holder_at(self.session, self.lost_and_found)

    def go_home(self) -> None:
        """Put a thing that a file describes where it belongs. It is not saved, since the file has it."""
        self.place = self.find_home()

    # -- wearing ----------------------------------------------------------------------------

    def wear(self) -> None:
        """The person who carries it puts it on.

        Raises:
            Refused: it cannot be worn, or they wear something there already.
        """
        if not self.wearable:
            raise Refused(_("You cannot wear {definite}.", definite=self.definite))
        if self.worn:
            raise Refused(_("You already wear {definite}.", definite=self.definite))
        for thing in self.place.worn:
            if thing.wearable == self.wearable:
                raise Refused(_("You already wear {thing}.", thing=thing))
        self.worn = True
        save_for(self, self.place)

    def take_off(self) -> None:
        """The person who wears it takes it off.

        Raises:
            Refused: they do not wear it.
        """
        if not self.worn:
            raise Refused(_("You do not wear {definite}.", definite=self.definite))
        self.worn = False
        save_for(self, self.place)

    # -- keeping ----------------------------------------------------------------------------

    @classmethod
    def forget_user(cls, key: str) -> None:
        """Called when an account is deleted: what it had goes home."""
        _send_lost_home(cls.service, cls.schema.name)

    @classmethod
    def _find_lost(cls, _: events.PostStart) -> None:
        _send_lost_home(cls.service, cls.schema.name)

    @classmethod
    def _renewed(cls, _: events.PostReload | events.PostRestart) -> None:
        # Later: a room of a file may be made by a listener that is called after this.
        cls.service.call_later(0, _send_lost_home, cls.service, cls.schema.name)


def _send_lost_home(service: Service, store: str) -> None:
    """Send home the things of a store whose holder no longer exists, or that are inside themselves.

    The second is what a crash can leave: a bag was taken out of a box, the box put into the bag, and
    only the place of the box was saved.
    """
    store_cls: Any = service.session.find(store)
    saved: dict[str, set[str]] = {}
    for thing in () if store_cls is None else store_cls.manager.active().values():
        try:
            is_lost = _is_lost(thing, saved)
        except StorageError as error:
            _log.error("{thing}: {error}", thing=repr(thing), error=error)
            continue
        if is_lost:
            before = place_text(thing)
            thing.place_in(thing.find_home())
            _log.warn(
                "{thing} was in {before}, which no longer exists; it is in {place} now",
                thing=repr(thing),
                before=before,
                place=place_text(thing) or "no place: set its home, or lost_and_found of its class",
            )


def _is_lost(thing: Any, saved: dict[str, set[str]]) -> bool:
    place = place_text(thing)
    store, _, key = place.partition(":")
    store_cls = thing.session.find(store) if place else None
    if store_cls is None:
        return False  # it is nowhere; or the code lacks the store for now, and may have it again
    if store_cls.manager.get_active(key) is None:
        if store not in saved:
            saved[store] = set(store_cls.manager.keys())
        return key not in saved[store]
    return thing in thing.containers()
