"""What persists, and carries attributes of the application."""

from __future__ import annotations

from cletus.persistent import Persistent


class Thing(Persistent):
    colour = "red"

    def __init__(self) -> None:
        self.size = 1
        self._made()


def test_what_its_own_init_has_set_is_not_the_applications() -> None:
    thing = Thing()
    thing.size = 2
    assert thing.attachments() == {}


def test_what_is_set_later_is_the_applications() -> None:
    thing = Thing()
    thing.user = "alice"  # type: ignore[attr-defined]  # what applications do
    thing.colour = "blue"
    assert thing.attachments() == {"user": "alice", "colour": "blue"}


def test_it_can_be_given_exactly_these() -> None:
    thing = Thing()
    thing.user = "alice"  # type: ignore[attr-defined]  # as above
    thing.colour = "blue"
    before = thing.attachments()
    thing.attach({"mood": "calm"})
    assert thing.attachments() == {"mood": "calm"}
    assert (thing.colour, thing.size) == ("red", 1)
    thing.attach(before)
    assert thing.attachments() == before
