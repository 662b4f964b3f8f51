"""What type checkers see of stores. It is checked (``test_typing.py``), and never run."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, assert_type

from msgspec import Meta
from twisted.internet.defer import Deferred

from cletus import Service
from cletus.storage import (
    Field,
    Manager,
    Store,
    StoreDict,
    StoreDictField,
    StoreField,
    StoreList,
    StoreListField,
    StoreSet,
    StoreSetField,
    TempStoreMixin,
    Unsaved,
)

the_service = Service()


class UserManager(Manager["User"]):
    """A manager that knows whose it is."""

    def best(self) -> User:
        return max(self.all().values(), key=lambda user: user.score)


class Room(Store):
    service = the_service
    title = Field("")


class User(Store):
    service = the_service
    version = 2
    registry = UserManager()

    score = Field(0)
    name = Field("", session=True)
    born = Field(type=dt.date)
    level: Field[int] = Field(1, type=Annotated[int, Meta(ge=1)])
    friends = Field(list[str])
    words: Field[list[str]] = Field([])
    seen: Field[dict[str, dt.date]] = Field(dict, type=dict[str, dt.date])
    anything = Field()
    room = StoreField(Room)
    place = StoreField("room")
    visited = StoreListField(Room)
    known = StoreSetField(Room)
    exits = StoreDictField(Room)
    by_name = StoreListField("room")

    @classmethod
    def migrate(cls, data: dict[str, Any], version: int) -> dict[str, Any]:
        return data


class Fight(TempStoreMixin, Store):
    service = the_service
    round = Field(1)


class Untyped(Manager):
    """A manager that does not say whose it is is one of anything."""


def on_the_class() -> None:
    assert_type(User.score, Field[int])
    assert_type(User.name, Field[str])
    assert_type(User.room, StoreField[Room])
    assert_type(User.registry, UserManager)


def on_an_object(user: User) -> None:
    assert_type(user.score, int)
    assert_type(user.name, str)
    assert_type(user.born, dt.date | None)
    assert_type(user.level, int)
    assert_type(user.friends, list[str])
    assert_type(user.words, list[str])
    assert_type(user.seen, dict[str, dt.date])
    assert_type(user.anything, Any)
    assert_type(user.room, Room | None)
    assert_type(user.visited, StoreList[Room])
    assert_type(user.visited[0], Room | None)
    assert_type(user.visited[1:], list[Room | None])
    assert_type(user.known, StoreSet[Room])
    assert_type(user.exits, StoreDict[Room])
    assert_type(user.exits["up"], Room | None)
    for room in user.known:
        assert_type(room, Room)
    assert_type(user.key, str)
    assert_type(Fight("duel").round, int)


def setting(user: User, room: Room) -> None:
    user.score += 1
    user.born = dt.date(2000, 1, 1)
    user.born = None
    user.anything = object()
    user.room = room
    user.room = None
    user.place = room
    user.visited = [room, room]
    user.known = {room}
    user.exits = {"up": room}
    user.by_name = [room]
    user.visited.append(room)


def methods(user: User) -> None:
    assert_type(user.load(), User)
    assert_type(User("bob").load(), User)
    assert_type(user.save_soon(), Deferred[None])
    assert_type(user.to_dict(session=True), dict[str, Any])
    assert_type(user.to_json(), str)
    assert_type(User.registry.get("bob"), User | None)
    assert_type(User.registry.create("bob", score=1), User)
    assert_type(User.registry.active(), dict[str, User])
    assert_type(User.registry.best(), User)
    assert_type(User.registry.save_all(), list[Unsaved])
    assert_type(Room.manager.get("hall"), Any | None)


# Each of these is a mistake: a checker that did not see it would complain of a needless comment.


def mistakes(user: User, room: Room) -> None:
    user.score = "many"  # type: ignore[assignment]  # a text is no int
    user.born = "today"  # type: ignore[assignment]  # a text is no date
    user.room = user  # type: ignore[assignment]  # a user is no room
    user.visited = [user]  # type: ignore[list-item]  # a user is no room
    user.visited.append("hall")  # type: ignore[arg-type]  # a key is no room
    Field(session="yes")  # type: ignore[call-overload]  # a text is no bool
    StoreField(5)  # type: ignore[arg-type]  # a number names no store
