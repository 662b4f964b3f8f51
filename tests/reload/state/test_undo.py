"""What a reload has changed is taken back as a whole."""

from __future__ import annotations

from collections import deque

from cletus.reload.state.records import attributes_of, attributes_of_all
from cletus.reload.state.undo import Undo


def test_containers_noted_in_bulk_hold_again_what_they_held():
    items, numbers, members, queue = [1, 2], {"a": 1}, {1}, deque([1])
    undo = Undo()
    undo.note_all([items, "text", numbers, members, queue, None, items])
    items.append(3)
    numbers["b"] = 2
    members.clear()
    queue.append(2)
    assert undo.run() == []
    assert (items, numbers, members, queue) == ([1, 2], {"a": 1}, {1}, deque([1]))


def test_what_was_noted_first_counts():
    items = [1]
    undo = Undo()
    undo.note_contents(items)
    items.append(2)
    undo.note_all([items])
    undo.note_contents(items)
    undo.run()
    assert items == [1]


class Plain:
    pass


class Proxy:
    """Has attributes of its own, and shows those of others."""

    def __getattribute__(self, name: str) -> object:
        raise AttributeError(name)


class Slotted:
    __slots__ = ("a",)


def test_attributes_in_bulk_are_those_of_each_object():
    plain, proxy = Plain(), Proxy()
    plain.a = 1
    assert attributes_of_all([plain, Plain()]) == [{"a": 1}, {}]
    assert attributes_of_all([proxy]) == [attributes_of(proxy)] == [{}]
    assert attributes_of_all([Slotted(), plain]) == [{"a": 1}]
