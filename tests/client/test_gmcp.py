"""GMCP messages, as applications send and receive them."""

from __future__ import annotations

from twisted.internet.task import Clock

from cletus import Service, events
from cletus.testing import MemoryTransport


def test_a_message_goes_among_the_text() -> None:
    service = Service(store="memory:")
    service.reactor = clock = Clock()
    transport = MemoryTransport()
    transport.message = lambda package, data: b"<%s>" % package.encode()  # type: ignore[method-assign]  # a frame to see
    client = service.connections.connected(transport, door="memory")
    client.write("a")
    client.gmcp.send("Room.Info", {"num": 1})
    client.write("b")
    clock.advance(0)
    assert transport.sent == [b"a\n<Room.Info>b\n"]


def test_each_package_has_its_listeners() -> None:
    service = Service(store="memory:")
    service.reactor = Clock()
    heard: list[tuple[str, str, object]] = []

    @service.gmcp("Char.Login")
    def login(event: events.Gmcp) -> None:
        heard.append(("login", event.package, event.data))

    @service.listen(events.Gmcp)
    def everything(event: events.Gmcp) -> None:
        heard.append(("all", event.package, event.data))

    client = service.connections.connected(MemoryTransport(), door="memory")
    service.connections.message_received(client, "char.login.credentials", 1)
    service.connections.message_received(client, "Char.LoginX", 2)
    assert heard == [
        ("login", "char.login.credentials", 1),
        ("all", "char.login.credentials", 1),
        ("all", "Char.LoginX", 2),
    ]
    client.close()
    service.connections.message_received(client, "Char.Login", 3)
    assert len(heard) == 3
