"""Lists, sets and dicts of store objects: they behave as such, and hold keys alone."""

from __future__ import annotations

from typing import Any

import pytest

from cletus import Service
from cletus.errors import FieldValueError
from tests.storage.rig import define_rooms_and_users, make_service


@pytest.fixture
def service() -> Service:
    return make_service()


@pytest.fixture
def stores(service: Service) -> Any:
    return define_rooms_and_users(service)


# -- lists --------------------------------------------------------------------------------------


def test_a_list_behaves_as_a_list(stores: Any) -> None:
    """Of objects; they are found by key, not by comparing."""
    user, room = stores
    a, b, c = (room(key) for key in "abc")
    rooms = user("bob").visited
    rooms.append(a)
    rooms.extend([b, a])
    rooms += [c]
    assert rooms == [a, b, a, c]
    assert [*rooms] == [a, b, a, c] == rooms.copy()
    assert rooms[0] is a
    assert rooms[-1] is c
    assert rooms[1:3] == [b, a]
    assert (len(rooms), rooms.count(a), rooms.index(b)) == (4, 2, 1)
    assert b in rooms
    assert "b" not in rooms
    assert user("b") not in rooms
    rooms[0] = c
    rooms[1:3] = [b]
    assert rooms == [c, b, c]
    rooms.remove(c)
    rooms.insert(0, a)
    assert rooms.pop() is c
    del rooms[0]
    assert rooms == [b]
    rooms.extend([c, a])
    rooms.sort(key=lambda room: room.key)
    assert rooms == [a, b, c]
    rooms.reverse()
    assert [*reversed(rooms)] == [a, b, c]
    assert rooms + [a] == [c, b, a, a]  # noqa: RUF005 - that is what is tested
    assert rooms != [c, b]
    assert rooms != (c, b, 5)
    assert rooms != 5
    assert repr(rooms) == "<StoreList of room: ['c', 'b', 'a']>"
    rooms.clear()
    assert not rooms


def test_two_lists_are_never_one(stores: Any) -> None:
    """Assigning one takes what is in it."""
    user, room = stores
    bob, amy = user("bob", visited=[room("a")]), user("amy")
    amy.visited = bob.visited
    assert amy.visited == bob.visited
    amy.visited.append(room("b"))

    assert len(bob.visited) == 1
    assert amy.visited != bob.visited
    assert user("eve").visited is not user("zoe").visited


def test_what_is_gone_from_a_list(stores: Any) -> None:
    """It reads as ``None`` in its place, until it is pruned."""
    user, room = stores
    a, b = room("a"), room("b")
    rooms = user("bob", visited=[a, b, a]).visited
    a.delete()

    assert [*rooms] == [None, b, None]
    assert rooms.as_keys() == ["a", "b", "a"]
    rooms.prune()
    assert rooms == [b]


def test_a_list_with_gaps_can_be_assigned(stores: Any) -> None:
    """Its references are taken, also those to what is gone."""
    user, room = stores
    a = room("a")
    bob = user("bob", visited=[a, a], friends=[user("amy")], exits={"up": a})
    a.delete()
    user.manager.get("amy").delete()
    eve = user("eve", visited=bob.visited, friends=bob.friends, exits=bob.exits)

    assert eve.to_dict() == bob.to_dict()


@pytest.mark.parametrize("wrong", [5, None, "abc", b"abc", {"a": 1}, [5], [None], ["a"]])
def test_what_cannot_be_in_a_list(stores: Any, wrong: Any) -> None:
    """It is refused, and the list is as it was: keys, too, which are for files."""
    user, room = stores
    bob = user("bob", visited=[room("a")])
    with pytest.raises(FieldValueError, match=r"'bob', visited: expected .*object"):
        bob.visited = wrong
    with pytest.raises(FieldValueError, match="'bob', visited: expected an object of the store"):
        bob.visited.append(wrong)

    assert bob.visited.as_keys() == ["a"]


# -- sets ---------------------------------------------------------------------------------------


def test_a_set_behaves_as_a_set(stores: Any) -> None:
    """Of objects, in the order of their adding."""
    user, _ = stores
    bob, amy, eve = (user(key) for key in ("bob", "amy", "eve"))
    friends = bob.friends
    friends.add(eve)
    friends.add(amy)
    friends.add(eve)
    assert [*friends] == [eve, amy]
    assert friends == {amy, eve}
    assert {amy, eve} == friends
    assert amy in friends
    assert bob not in friends
    assert "amy" not in friends
    assert friends | {bob} == {amy, bob, eve}
    assert friends & {amy, bob} == {amy}
    assert friends - {amy} == {eve}
    assert friends ^ {amy, bob} == {eve, bob}
    assert type(friends | {bob}) is set
    assert friends <= {amy, bob, eve}
    assert friends.isdisjoint({bob})
    assert friends.copy() == {amy, eve}
    friends.discard(bob)
    friends.remove(eve)
    with pytest.raises(KeyError):
        friends.remove(eve)
    friends.update([bob], {eve})
    friends -= {amy}
    assert [*friends] == [bob, eve]
    friends |= {amy}
    assert friends.pop() is bob
    assert len(friends) == 2
    assert repr(friends) == "<StoreSet of user: ['eve', 'amy']>"
    friends.clear()
    assert not friends


def test_who_is_gone_from_a_set(stores: Any) -> None:
    """They are left out when it is iterated, which may delete from it."""
    user, _ = stores
    bob, amy, eve = (user(key) for key in ("bob", "amy", "eve"))
    bob.friends = [amy, eve]
    amy.delete()

    assert [*bob.friends] == [eve]
    assert len(bob.friends) == 2
    bob.friends.prune()
    assert bob.friends.as_keys() == ["eve"]
    for friend in bob.friends:
        bob.friends.discard(friend)
    assert not bob.friends


def test_what_cannot_be_in_a_set(stores: Any) -> None:
    """Objects of other stores are refused."""
    user, room = stores
    bob = user("bob")
    for wrong in (room("a"), "bob", None):
        with pytest.raises(
            FieldValueError, match="'bob', friends: expected an object of the store"
        ):
            bob.friends.add(wrong)
    with pytest.raises(FieldValueError):
        bob.friends |= {room("a")}
    with pytest.raises(FieldValueError):
        bob.friends = 5


# -- dicts --------------------------------------------------------------------------------------


def test_a_dict_behaves_as_a_dict(stores: Any) -> None:
    """Of texts to objects."""
    user, room = stores
    a, b = room("a"), room("b")
    exits = user("bob").exits
    exits["up"] = a
    exits.update(down=b)
    assert exits["up"] is a
    assert exits == {"up": a, "down": b}
    assert [*exits] == [*exits.keys()] == ["up", "down"]
    assert [*exits.values()] == [a, b]
    assert [*exits.items()] == [("up", a), ("down", b)]
    assert exits.get("out") is None
    assert "up" in exits
    assert "out" not in exits
    assert exits.setdefault("up", b) is a
    assert exits.pop("up") is a
    with pytest.raises(KeyError):
        _ = exits["up"]
    assert exits.copy() == {"down": b}
    assert repr(exits) == "<StoreDict of room: {'down': 'b'}>"
    del exits["down"]
    assert not exits
    amy = user("amy", exits={"up": a})
    amy.exits = amy.exits
    assert amy.exits == {"up": a}


def test_what_is_gone_from_a_dict(stores: Any) -> None:
    """It reads as ``None`` under its name, until it is pruned."""
    user, room = stores
    a, b = room("a"), room("b")
    exits = user("bob", exits={"up": a, "down": b}).exits
    a.delete()

    assert dict(exits) == {"up": None, "down": b}
    exits.prune()
    assert exits == {"down": b}


def test_what_cannot_be_in_a_dict(stores: Any) -> None:
    """Objects of other stores, and names that are no texts."""
    user, room = stores
    bob, a = user("bob"), room("a")
    for name, value in ((5, a), (None, a), ("up", bob), ("up", "a"), ("up", None)):
        with pytest.raises(FieldValueError, match="'bob', exits: expected"):
            bob.exits[name] = value
    for wrong in (5, [a], {"up": bob}, {5: a}):
        with pytest.raises(FieldValueError, match="'bob', exits: expected"):
            bob.exits = wrong
    assert not bob.exits


def test_collections_cannot_be_hashed(stores: Any) -> None:
    """As lists, sets and dicts cannot."""
    bob = stores[0]("bob")
    for collection in (bob.visited, bob.friends, bob.exits):
        with pytest.raises(TypeError):
            hash(collection)
