"""Characters: what they notice, what they do while people are near, and how they die and come back.

A character has no timer of its own unless people are in its room, so hundreds of them cost nothing while
nobody is near. It notices people only, not other characters: two characters that answer each other would
never stop.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from twisted.logger import Logger

from cletus import events
from cletus.contrib.characters.events import CameBack, Died
from cletus.contrib.language import capitalised
from cletus.contrib.loading import load_at_start
from cletus.contrib.rooms import Entered, Left, OccupantMixin, Said
from cletus.contrib.saving import save_for
from cletus.contrib.things import HolderMixin, NounMixin, PlaceField
from cletus.contrib.things.nouns import make_numbered
from cletus.contrib.things.thing_file import FromFileMixin
from cletus.errors import CallTimedOut, Refused
from cletus.service.timers import Timer
from cletus.storage import Field, Manager, Store
from cletus.text import gettext as _

C = TypeVar("C", bound="BaseCharacter")

#: Of the module, not of a class: an event keeps its source, and so would keep old code alive.
_log = Logger()


class CharacterManager(Manager[C]):
    """The manager of a store of characters. All saved ones are active from the start of the service on."""

    def make(self, name: str, home: Any, **values: Any) -> C:
        """A new character under a key of its own, ``rat-1``, in its home. It is saved soon.

        Args:
            name: of the character; its key begins with it.
            home: a room.
            values: of other fields.

        Raises:
            InvalidKey: the name has no letter and no digit.
            UnknownField, FieldValueError: as for ``create``.
        """
        character: C = make_numbered(self, name, values)
        character.home = home
        character.go_home()
        save_for(character)
        return character


class BaseCharacter(NounMixin, FromFileMixin, OccupantMixin, Store):
    """The base of an application's stores of characters: ``class Rat(BaseCharacter)``.

    To carry things, a character also has ``CarrierMixin``: ``class Guard(CarrierMixin, BaseCharacter)``.

    Attributes:
        room: where it is, or ``None`` while it is dead.
        home: the room where it begins, and where it comes back.
        dead: whether it has died and is not back yet.
        ticking: the timer that calls ``tick``; ``None`` while nobody is near.
        returning: the timer that lets it come back.
    """

    abstract = True
    manager: ClassVar[CharacterManager[Any]] = CharacterManager()
    #: Seconds between calls of ``tick`` while people are in the room; 0 for no calls.
    tick_interval: ClassVar[float] = 0.0
    #: Seconds from its death until it comes back; 0 if it never does, and is deleted.
    return_delay: ClassVar[float] = 60.0

    home = PlaceField()
    dead: Field[bool] = Field(False, session=True)
    ticking: Field[Timer | None] = Field(None, session=True)
    returning: Field[Timer | None] = Field(None, session=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.abstract:
            load_at_start(cls)
            for event, listener in (
                (events.PostStart, cls._place_all),
                (Entered, cls._somebody_entered),
                (Left, cls._somebody_left),
                (Said, cls._somebody_said),
            ):
                cls.service.listen(event)(listener)

    # -- to override ------------------------------------------------------------------------

    def met(self, user: Any) -> None:
        """Called when a person has entered its room."""

    def parted(self, user: Any) -> None:
        """Called when a person has left its room."""

    def heard(self, user: Any, text: str) -> None:
        """Called when a person has said something in its room, with ``user.say(text)``."""

    def tick(self) -> None:
        """Called every ``tick_interval`` seconds while people are in its room."""

    def death_text(self) -> str:
        """Shown in its room when it dies."""
        return _("{definite} dies.", definite=capitalised(self.definite))

    def return_text(self) -> str:
        """Shown in its home when it comes back."""
        return _("{character} appears.", character=capitalised(str(self)))

    # -- what it does -----------------------------------------------------------------------

    def write(self, *lines: object) -> None:
        """Nothing: a character reads no lines. It notices events."""

    def see_room(self) -> None:
        """Nothing: it does not read the description of the room."""

    def said_text(self, text: str) -> str:
        """As ``OccupantMixin``."""
        return capitalised(super().said_text(text))

    def departure_text(self, direction: str) -> str:
        """As ``OccupantMixin``."""
        return capitalised(super().departure_text(direction))

    def arrival_text(self, direction: str) -> str:
        """As ``OccupantMixin``."""
        return capitalised(super().arrival_text(direction))

    def emote(self, action: str) -> None:
        """Do something that everybody in the room sees: ``rat.emote("squeaks.")``."""
        if self.room is not None:
            self.room.write_all(f"{capitalised(str(self))} {action}", by=self)

    def wander(self, choose: Callable[[list[str]], str] = random.choice) -> bool:
        """Leave by an exit at random; whether it did.

        Args:
            choose: takes the exits, and returns one of them.
        """
        exits = list(self.room.exits) if self.room is not None else []
        try:
            if exits:
                self.go(choose(exits))
        except Refused:
            return False
        return bool(exits)

    def people(self) -> list[Any]:
        """The people in its room."""
        room = self.room
        return [] if room is None else [user for user in room.occupants if _is_person(user)]

    def die(self, by: Any = None) -> None:
        """Die. It comes back in its home after ``return_delay`` seconds. Dying twice is harmless.

        Args:
            by: who has killed it, or ``None``.
        """
        if self.dead:
            return
        room = self.room
        if room is not None:
            room.write_all(self.death_text())
        if isinstance(self, HolderMixin):
            self.empty()
        self._leave()
        self.dead = True
        if self.return_delay:
            self.returning = self.service.call_later(self.return_delay, self.come_back)
        self.service.fire(Died(self.service, self, room, by))
        if not self.return_delay:
            self.delete()

    def come_back(self) -> None:
        """End being dead, in its home. Does nothing if it is not dead."""
        if not self.dead:
            return
        if self.returning is not None:
            self.returning.cancel()
        self.dead, self.returning = False, None
        self.go_home()
        if self.room is not None:
            self.room.write_all(self.return_text(), by=self)
        self.service.fire(CameBack(self.service, self))

    def go_home(self) -> None:
        """Be in its home, without a word. Without a home, it is nowhere."""
        if self.home is not None:
            self.enter_room(self.home, quietly=True)

    def delete(self) -> None:
        """As ``Store.delete``. What it carries stays in the room."""
        if isinstance(self, HolderMixin):
            self.empty()
        self._leave()
        if self.returning is not None:
            self.returning.cancel()
        super().delete()

    # -- inside -----------------------------------------------------------------------------

    @property
    def is_awake(self) -> bool:
        """Whether ``tick`` is being called."""
        return self.ticking is not None

    def _leave(self) -> None:
        self._set_awake(awake=False)
        self.leave_room(quietly=True)
        self.room = None

    def _set_awake(self, *, awake: bool) -> None:
        if awake and self.ticking is None and self.tick_interval:
            self.ticking = self.service.every(self.tick_interval, self.tick)
        elif not awake and self.ticking is not None:
            self.ticking.cancel()
            self.ticking = None

    def _notice(self, method: Callable[..., None], *args: Any) -> None:
        """Call a method of the application's. If it raises, the others in the room notice nevertheless."""
        try:
            method(*args)
        except Refused:
            return  # it wanted to do what it cannot do
        except (Exception, CallTimedOut):  # noqa: BLE001 - it is logged
            _log.failure("{character} failed to notice", character=repr(self))

    @classmethod
    def _here(cls, room: Any) -> list[Any]:
        return [occupant for occupant in room.occupants if type(occupant) is cls]

    @classmethod
    def _somebody_entered(cls, event: Entered) -> None:
        if type(event.user) is cls:
            event.user._set_awake(awake=bool(event.user.people()))
        elif _is_person(event.user):
            for character in cls._here(event.room):
                character._set_awake(awake=True)
                character._notice(character.met, event.user)

    @classmethod
    def _somebody_left(cls, event: Left) -> None:
        if not _is_person(event.user):
            return
        for character in cls._here(event.room):
            character._notice(character.parted, event.user)
            character._set_awake(awake=bool(character.people()))

    @classmethod
    def _somebody_said(cls, event: Said) -> None:
        if _is_person(event.user):
            for character in cls._here(event.room):
                character._notice(character.heard, event.user, event.text)

    @classmethod
    def _place_all(cls, _: events.PostStart) -> None:
        """Put those that are nowhere where they were saved, or into their home."""
        for character in cls.manager.active().values():
            if character.dead:
                continue  # after a primary was lost, that is known before the service has started
            if character.room is None:
                character.go_home()
            elif character not in character.room.occupants:
                character.enter_room(character.room, quietly=True)


def _is_person(user: Any) -> bool:
    return not isinstance(user, BaseCharacter)
