"""What a stranger makes an SSH connection hold counts against ``stranger_memory``, in and out."""

from __future__ import annotations

from collections.abc import Callable

from .client import SshClient
from .conftest import Place


def total(place: Place) -> int:
    held: int = place.service.connections.held_memory.total
    return held


def test_a_packet_that_is_not_complete_counts(place: Place) -> None:
    client = place.client()
    before = total(place)
    client.begin()
    client.server.dataReceived(b"\0" * 100)
    assert before <= total(place) - 100 <= before + 100
    client.lose()
    assert total(place) == 0


def test_the_line_that_is_typed_counts_until_they_have_logged_in(place: Place) -> None:
    client = place.client()
    client.come_in("bob")
    client.types("я" * 500)
    assert 1000 <= total(place) <= 2000
    assert client.server.shell is not None
    client.server.shell.client.user = object()
    client.types("x")
    assert total(place) == 0


def test_what_they_do_not_read_counts_whoever_has_said_it(place: Place) -> None:
    client = place.client()
    client.come_in("bob")
    before = total(place)
    client.server.pauseProducing()
    assert client.server.shell is not None
    client.server.shell.client.write("x" * 50_000)
    assert total(place) >= before + 50_000
    client.server.resumeProducing()
    client.pump()
    client.types("x")
    assert total(place) < before + 1000


def test_the_stranger_who_holds_most_is_closed(start: Callable[..., Place]) -> None:
    place = start(stranger_memory=30_000)
    clients: list[SshClient] = []
    for number, size in enumerate((100, 20_000, 15_000)):
        client = place.client(f"192.0.2.{number + 1}")
        client.come_in("bob")
        client.server.pauseProducing()
        assert client.server.shell is not None
        client.server.shell.client.write("x" * size)
        clients.append(client)
    assert [client.wire.aborted for client in clients] == [False, True, False]
