"""``Visitor``: a person at a terminal, in memory, who connects by the telnet door."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import pytest
import pytest_twisted
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread

from cletus import Service, events
from cletus.errors import Disconnected
from cletus.testing import MemoryDoor, Visitor
from cletus.text.markup import style


@pytest.fixture
def service(start: Callable[..., Service]) -> Service:
    """An echo service with a few more commands."""
    service = start(connections_per_address=2)

    @service.listen(events.Connect)
    def connect(event: events.Connect) -> None:
        event.client.write("Welcome.")

    @service.listen(events.Receive)
    async def receive(event: events.Receive) -> None:
        client = event.client
        match event.data.split():
            case ["password"]:
                answer = await client.ask("Password: ", hidden=True)
                client.write(f"{len(answer)} characters")
            case ["red"]:
                client.write(style("[red]stop[/]"))
            case ["many"]:
                client.write(*(f"line {number}" for number in range(40)))
            case ["all", word]:
                service.write_all(word)
            case ["thread"]:
                client.write(await deferToThread(lambda: "from a thread"))
            case ["quit"]:
                client.write("Goodbye.")
                client.close("quit")
            case _:
                client.write(f"You: {event.data}")

    return service


def test_they_connect_by_the_telnet_door(client: Visitor, service: Service) -> None:
    (seen,) = service.clients
    assert client.client is seen
    assert (seen.door, seen.address) == ("telnet", client.address)
    assert (seen.terminal.name, seen.terminal.columns) == ("DUMB", 80)
    assert client.transcript == "Welcome.\n"


def test_says_returns_the_answer(client: Visitor) -> None:
    assert client.says("hello") == "You: hello\n"
    assert client.says("a", "b") == "You: a\nYou: b\n"
    assert client.says("naïve ÿ") == "You: naïve ÿ\n"
    assert client.says() == ""


@pytest_twisted.ensureDeferred
async def test_says_can_be_awaited(client: Visitor) -> None:
    assert await client.says("hello") == "You: hello\n"
    assert type(await client.reads()) is str


def test_says_can_be_awaited_under_any_loop(client: Visitor) -> None:
    async def talk() -> str:
        return await client.says("hello")

    assert asyncio.run(talk()) == "You: hello\n"


def test_they_read_once_what_has_come_since_they_typed(
    client: Visitor, connect: Callable[..., Visitor]
) -> None:
    other = connect()
    client.says("all one")
    client.says("all two")
    assert other.reads() == "Welcome.\none\ntwo\n"
    assert other.reads() == ""
    client.says("all three")
    other.says("hello")
    assert other.reads() == ""


def test_they_see_what_is_on_the_screen_or_has_just_scrolled_off_it(client: Visitor) -> None:
    client.says("hello")
    client.says("many")
    assert client.sees("line 39")
    assert client.sees("line 0")
    assert not client.sees("line 40")
    assert not client.sees("Welcome.")
    client.says("hm")
    assert client.sees("line 39")
    assert not client.sees("line 0\n")


def test_the_screen_shows_what_a_terminal_shows(client: Visitor) -> None:
    client.says("hello")
    assert client.screen == "Welcome.\nhello\nYou: hello"


def test_a_password_is_not_on_the_screen(client: Visitor) -> None:
    assert client.says("password") == "Password: "
    assert client.types_unseen
    assert client.says("secret") == "\n6 characters\n"
    assert not client.types_unseen
    assert client.screen == "Welcome.\npassword\nPassword:\n\n6 characters"


def test_colours_are_on_the_screen_of_a_terminal_that_has_some(
    client: Visitor, connect: Callable[..., Visitor]
) -> None:
    colourful = connect(terminal="xterm-256color")
    assert colourful.client.terminal.colours == 256
    assert colourful.says("red") == client.says("red") == "stop\n"
    assert "\x1b[31mstop\x1b[0m\r\n" in colourful.raw
    assert colourful.pyte.buffer[2][0].fg == "red"
    assert client.pyte.buffer[2][0].fg == "default"


def test_the_window_has_a_size_and_can_be_resized(
    connect: Callable[..., Visitor], service: Service
) -> None:
    sizes: list[tuple[int, int]] = []
    service.listen(events.Resize)(lambda event: sizes.append((event.columns, event.rows)))
    narrow = connect(columns=40, rows=10)
    assert narrow.says("x" * 50) == f"You: {'x' * 50}\n"
    assert narrow.screen.splitlines()[1:3] == ["x" * 40, "x" * 10]
    narrow.resizes(30, 8)
    assert sizes == [(40, 10), (30, 8)]
    assert len(narrow.pyte.display) == 8


def test_programs_talk_beside_the_text(
    connect: Callable[..., Visitor], client: Visitor, service: Service
) -> None:
    heard: list[object] = []
    service.gmcp("Char")(lambda event: heard.append(event.data))
    mud = connect(gmcp=True)
    for each in service.clients:
        each.gmcp.send("Room.Info", {"num": 1})
    mud.sends("Char.Login", {"name": "ann"})
    assert mud.messages == [("Room.Info", {"num": 1})]
    assert heard == [{"name": "ann"}]
    assert client.messages == []


def test_time_passes_when_they_wait(client: Visitor, service: Service) -> None:
    service.every(60, lambda: service.write_all(f"{service.clock.seconds():.0f} s"))
    client.says("hello")
    assert client.reads() == ""
    assert client.waits(180).count("s\n") >= 1


@pytest_twisted.ensureDeferred
async def test_what_comes_from_outside_can_be_waited_for(client: Visitor) -> None:
    client.says("thread")
    assert await client.until("from a thread") == "from a thread\n"
    assert client.reads() == ""
    assert client.client.service.clock.seconds() == 0


@pytest_twisted.ensureDeferred
async def test_what_does_not_come_fails_the_test(client: Visitor) -> None:
    with pytest.raises(AssertionError, match=r"'Hall' has not come in 0\.02 seconds"):
        await client.until("Hall", 0.02)


def test_without_a_reactor_nothing_is_waited_for(
    client: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "twisted.internet.reactor")
    with pytest.raises(RuntimeError, match="pytest-twisted"):
        client.until("Hall").send(None)


def test_when_the_service_hangs_up_they_are_gone_and_can_say_no_more(
    client: Visitor, service: Service
) -> None:
    assert client.says("quit") == "Goodbye.\n"
    assert not client.connected
    assert service.clients == ()
    assert "gone" in repr(client)
    with pytest.raises(Disconnected, match="'hello'"):
        client.says("hello")
    assert client.client.gone


def test_when_they_hang_up_the_service_hears_of_it_once(client: Visitor, service: Service) -> None:
    gone: list[str] = []
    service.listen(events.Disconnect)(lambda event: gone.append(event.reason))
    client.hangs_up()
    client.hangs_up()
    assert gone == ["closed by peer"]


def test_each_has_an_address_of_their_own_unless_a_test_says_otherwise(
    connect: Callable[..., Visitor],
) -> None:
    hosts = {connect().address.split(":")[0] for _ in range(10)}
    assert len(hosts) == 10
    assert connect(address="203.0.113.7").client.address.startswith("203.0.113.7:")


def test_the_limits_of_the_real_door_hold(connect: Callable[..., Visitor]) -> None:
    """This service allows two connections from one address."""
    inside = [connect(address="203.0.113.7") for _ in range(2)]
    third = connect(address="203.0.113.7")
    assert "Too many people are here from your address" in third.transcript
    assert not third.connected
    with pytest.raises(Disconnected, match="turned away"):
        _ = third.client
    inside[0].hangs_up()
    assert connect(address="203.0.113.7").connected


def test_a_memory_door_needs_a_service_on_a_clock(clock: Clock) -> None:
    with pytest.raises(TypeError, match="Clock"):
        MemoryDoor(Service())
