"""``MemoryTransport``, which records what it is asked to do, and ``Person``, who sits behind it."""

from __future__ import annotations

import inspect

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cletus import Service, events
from cletus.client.interfaces import Transport
from cletus.protocol.charset import Encoder
from cletus.protocol.terminal import Terminal
from cletus.testing import MemoryTransport, Person


def test_it_has_the_methods_and_attributes_of_a_transport() -> None:
    """The same methods, called the same way."""
    for name, method in inspect.getmembers(Transport, inspect.isfunction):
        if name.startswith("_"):
            continue
        ours = inspect.signature(getattr(MemoryTransport, name))
        assert ours.parameters.keys() == inspect.signature(method).parameters.keys(), name
    transport = MemoryTransport()
    for name in inspect.get_annotations(Transport):
        assert hasattr(transport, name), name


def test_it_starts_open_reading_and_showing() -> None:
    transport = MemoryTransport("192.0.2.1:4000")
    assert transport.address == "192.0.2.1:4000"
    assert (transport.reading, transport.hidden) == (True, False)
    assert (transport.closed, transport.aborted) == (False, False)
    assert (transport.sent, transport.text, transport.messages) == ([], "", [])


def test_it_records_what_it_is_asked_to_do() -> None:
    transport = MemoryTransport()
    transport.send(b"a")
    transport.send("é\n".encode())
    assert (transport.sent, transport.text) == ([b"a", "é\n".encode()], "aé\n")
    transport.pause_reading()
    transport.pause_reading()
    assert not transport.reading
    transport.resume_reading()
    assert transport.reading
    assert transport.hide_input(True) == b""
    assert transport.hidden
    transport.hide_input(False)
    assert transport.hidings == [True, False]
    assert transport.message("Room.Info", {"num": 1}) == b""
    assert transport.messages == [("Room.Info", {"num": 1})]
    transport.close()
    assert (transport.closed, transport.aborted) == (True, False)
    transport.abort()
    assert transport.aborted


def test_text_is_read_in_the_character_set_that_the_terminal_had_then() -> None:
    transport = MemoryTransport()
    transport.send("é".encode())
    transport.terminal = Terminal(Encoder("latin-1", network=False))
    transport.send("é".encode("latin-1"))
    assert transport.text == "éé"


def test_a_terminal_may_show_only_what_it_is_sent() -> None:
    assert MemoryTransport(character_mode=True).terminal.character_mode
    assert not MemoryTransport().terminal.character_mode


# -- Person -------------------------------------------------------------------------------------


def echoing(service: Service) -> Service:
    @service.listen(events.Receive)
    def receive(event: events.Receive) -> None:
        event.client.write(f"You: {event.data}")
        if event.data == "quit":
            event.client.close("quit")

    return service


def test_they_connect_at_once(service: Service, clock: Clock) -> None:
    heard: list[str] = []
    service.listen(events.Connect)(lambda event: heard.append(event.client.address))
    alice = Person(service, clock, "192.0.2.1:4000")
    assert heard == ["192.0.2.1:4000"]
    assert alice.client in service.clients


def test_what_they_type_gives_what_comes_onto_the_screen(service: Service, clock: Clock) -> None:
    alice = Person(echoing(service), clock)
    assert alice.types("a") == "You: a\n"
    assert alice.types("b", "c") == "You: b\nYou: c\n"
    assert alice.screen == "You: a\nYou: b\nYou: c\n"


def test_new_text_is_what_was_not_read_yet(service: Service, clock: Clock) -> None:
    alice, bob = Person(echoing(service), clock), Person(service, clock)
    assert alice.new_text() == ""
    alice.types("a")
    service.write_all("to all")
    assert alice.new_text() == "You: a\nto all\n"
    assert alice.new_text() == ""
    assert bob.sees("to all")
    assert not bob.sees("You: a")


def test_time_does_not_pass_for_them(service: Service, clock: Clock) -> None:
    """Only calls that are due are made."""
    rung: list[str] = []
    clock.callLater(1, rung.append, "later")
    clock.callLater(0, rung.append, "now")
    Person(service, clock).types("a")
    assert rung == ["now"]
    assert clock.seconds() == 0


def test_when_the_service_hangs_up_they_are_gone(service: Service, clock: Clock) -> None:
    gone: list[str] = []
    service.listen(events.Disconnect)(lambda event: gone.append(event.reason))
    alice = Person(echoing(service), clock)
    assert alice.types("quit", "are you there?") == "You: quit\n"
    assert gone == ["quit"]
    assert service.clients == ()


def test_they_hang_up_once(service: Service, clock: Clock) -> None:
    gone: list[str] = []
    service.listen(events.Disconnect)(lambda event: gone.append(event.reason))
    alice = Person(service, clock)
    alice.hangs_up("connection lost")
    alice.hangs_up()
    assert gone == ["connection lost"]


def test_their_lines_wait_like_those_of_a_real_client(service: Service, clock: Clock) -> None:
    work: Deferred[None] = Deferred()

    @service.listen(events.Receive)
    async def receive(event: events.Receive) -> None:
        await work
        event.client.write(event.data)

    alice = Person(service, clock)
    assert alice.types("a", "b") == ""
    work.callback(None)
    assert alice.new_text() == "a\nb\n"
