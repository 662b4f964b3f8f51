"""Which listeners are called for an event."""

from __future__ import annotations

from functools import partial

from cletus import events
from cletus.service.listeners import Listener, Listeners


def first(event: events.Event) -> None: ...


def second(event: events.Event) -> None: ...


class Room:
    def hears(self, event: events.Event) -> None: ...


def test_those_of_a_class_and_of_its_bases_in_the_order_of_registration() -> None:
    listeners = Listeners()
    every, receive, connect = (
        Listener(events.Event, first),
        Listener(events.Receive, second),
        Listener(events.Connect, second),
    )
    for listener in (receive, every, connect):
        listeners.add(listener)
    assert listeners.of(events.Receive) == (receive, every)
    assert listeners.of(events.Connect) == (every, connect)
    assert listeners.of(events.PreStart) == (every,)
    assert tuple(listeners) == (receive, every, connect)


def test_who_is_added_after_a_look_up_is_found_by_the_next() -> None:
    listeners = Listeners()
    assert listeners.of(events.Receive) == ()
    listeners.add(Listener(events.Receive, first))
    assert len(listeners.of(events.Receive)) == 1


def test_who_is_removed_is_not_called_any_more_for_anything() -> None:
    listeners = Listeners()
    room = Room()
    for function in (first, second, first, room.hears):
        listeners.add(Listener(events.Receive, function))
    assert len(listeners.of(events.Receive)) == 4
    listeners.remove(first)
    listeners.remove(room.hears)
    listeners.remove(print)
    assert [one.function for one in listeners.of(events.Receive)] == [second]


def test_a_listener_is_named_by_module_and_function() -> None:
    assert Listener(events.Event, first).function_name == f"{__name__}.first"
    assert Listener(events.Event, Room().hears).function_name == f"{__name__}.Room.hears"
    assert "functools.partial" in Listener(events.Event, partial(first)).function_name


def test_the_successor_of_a_listener_has_its_name_and_its_event() -> None:
    def first(event: events.Event) -> None: ...

    first.__qualname__ = "first"
    listeners = Listeners()
    other = Listener(events.Connect, first)
    successor = Listener(events.Receive, first)
    for listener in (other, successor):
        listeners.add(listener)
    assert listeners.named_like(Listener(events.Receive, globals()["first"])) is successor
    assert listeners.named_like(Listener(events.Receive, second)) is None


def test_a_gmcp_listener_hears_of_its_package_and_what_is_inside_it() -> None:
    listener = Listener(events.Gmcp, first, package="Char.Login")
    assert listener.hears("char.login")
    assert listener.hears("Char.Login.Credentials")
    assert not listener.hears("Char.LoginX")
    assert not listener.hears("Char")
    assert Listener(events.Gmcp, first).hears("anything")
