"""A session of the page goes on in another process: here, in another service, whose door takes it over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock

from cletus import Client, Service, events
from cletus.doors.web.door import WebDoor
from cletus.doors.web.session import GOING_GRACE, RESTART
from cletus.service.interfaces import Left

from .browser import Tab

TELNET, SESSION = "telnet.mudstandards.org", "session.cletus"

Made = Callable[..., WebDoor]


@pytest.fixture
def made(start: Callable[..., Service]) -> Made:
    """Makes a service that repeats what is said and notes who comes and goes, and its web door."""

    def made(**settings: Any) -> WebDoor:
        service = start(**settings)
        service.noted = []

        @service.listen(events.Receive)
        def receive(event: events.Receive) -> None:
            event.client.write(f"you said {event.data}")

        @service.listen(events.Connect)
        def connect(event: events.Connect) -> None:
            service.noted.append("connect")

        @service.listen(events.Disconnect)
        def disconnect(event: events.Disconnect) -> None:
            service.noted.append(event.reason)

        return WebDoor(service)

    return made


def visit(door: WebDoor, secret: str = "", have: int = 0) -> Tab:
    return Tab(door, TELNET, f"{SESSION}.{secret}.{have}" if secret else SESSION)


def secret_of(tab: Tab) -> str:
    (words,) = tab.words
    secret: str = words["session"]
    return secret


def leave(door: WebDoor) -> list[tuple[Left, dict[str, Any]]]:
    """What the door leaves to another process, and the state of the client of each."""
    door.finish_reading()
    clients = {client.id: client for client in door._service.clients}
    return [(left, clients[left.client_id].snapshot()) for left in door.leave()]


def hand_over(door: WebDoor, made: Made, **settings: Any) -> tuple[WebDoor, list[Client]]:
    """Another door, which has taken over, and its clients."""
    other = made(**settings)
    taken = [other.take_over(left, state) for left, state in leave(door)]
    door.left()
    return other, [client for client in taken if client is not None]


def heard(tab: Tab, clock: Clock) -> bytes:
    clock.advance(0)
    return b"".join(tab.binary())


def test_s1_s12_a_page_goes_on_with_what_it_has_missed(made: Made, clock: Clock) -> None:
    """In both directions, each message once; and nobody has come or gone."""
    door = made()
    tab = visit(door)
    secret = secret_of(tab)
    tab.types("one")
    clock.advance(0)
    have = len(tab.binary())
    (old,) = door._service.clients
    old.write("this is on its way")
    clock.advance(0)
    tab.client.send_binary(b"two\r\n")  # and this is, too: the process ends before it is read
    other, (client,) = hand_over(door, made)
    assert client.id == old.id
    client.write("meanwhile")
    clock.advance(0)
    again = visit(other, secret, have)
    assert [words["resumed"] for words in again.words] == [{"received": 1, "lost": 0}]
    assert heard(again, clock) == b"this is on its way\r\nmeanwhile\r\n"
    again.types("two")
    assert heard(again, clock) == b"you said two\r\n"
    assert door._service.noted == ["connect"]
    assert other._service.noted == []


def test_s1_half_a_line_goes_on(made: Made, clock: Clock) -> None:
    door = made()
    tab = visit(door)
    secret = secret_of(tab)
    tab.says(b"half a ")
    have = len(tab.binary())
    other, _ = hand_over(door, made)
    again = visit(other, secret, have)
    again.types("line")
    assert heard(again, clock) == b"you said half a line\r\n"


def test_s1_a_page_goes_on_over_several_restarts(made: Made, clock: Clock) -> None:
    door = made()
    tab = visit(door)
    secret, have = secret_of(tab), len(tab.binary())
    for number in range(1, 4):
        door, (client,) = hand_over(door, made)
        client.write(f"restart {number}")
        clock.advance(0)
        if number == 2:
            continue  # the page was not back before the next one
        tab = visit(door, secret, have)
        pieces = tab.binary()
        have += len(pieces)
        assert b"".join(pieces).endswith(b"restart %d\r\n" % number)
    assert tab.words[0]["resumed"] == {"received": 0, "lost": 0}


def test_s2_a_page_that_was_to_leave_and_stays(made: Made, clock: Clock) -> None:
    """A restart that was refused: the socket goes on, and nothing is sent twice."""
    door = made()
    tab = visit(door)
    secret_of(tab)
    assert leave(door)
    door.stay()
    tab.types("one")
    assert heard(tab, clock).endswith(b"you said one\r\n")
    assert heard(tab, clock) == b""
    assert tab.close_code is None


def test_s6_each_page_gets_its_own_client(made: Made, clock: Clock) -> None:
    door = made()
    tabs = [visit(door) for _ in range(3)]
    secrets, haves = [secret_of(tab) for tab in tabs], [len(tab.binary()) for tab in tabs]
    for number, client in enumerate(door._service.clients):
        client.name = f"person {number}"
    other, clients = hand_over(door, made)
    for client in clients:
        client.write(f"you are {client.id}")
    clock.advance(0)
    for client, secret, have in reversed(list(zip(clients, secrets, haves, strict=True))):
        assert heard(visit(other, secret, have), clock) == b"you are %d\r\n" % client.id


def test_w18_s6_a_wrong_secret_gets_a_new_session(made: Made) -> None:
    door = made()
    secret_of(visit(door))
    other, _ = hand_over(door, made)
    stranger = visit(other, "x" * 24)
    assert secret_of(stranger) != "x" * 24
    assert other._service.noted == ["connect"]
    assert len(other._service.clients) == 2


def test_w19_the_newer_of_two_windows_has_it_there_as_well(made: Made, clock: Clock) -> None:
    door = made()
    secret = secret_of(visit(door))
    other, _ = hand_over(door, made)
    first, second = visit(other, secret), visit(other, secret)
    first.pump()
    assert first.close_code == 4001
    second.types("one")
    assert b"you said one" in heard(second, clock)


@pytest.mark.parametrize(("code", "grace"), [(None, 60.0), (1001, GOING_GRACE)])
def test_s12_a_page_that_does_not_come_back_has_gone(
    made: Made, clock: Clock, code: int | None, grace: float
) -> None:
    """After ``resume_grace``; if the page had gone before, after the time that was left of its own."""
    door = made(resume_grace=60.0)
    tab = visit(door)
    secret_of(tab)
    if code is not None:
        tab.close(code)
        clock.advance(5)
        grace -= 5
    other, _ = hand_over(door, made, resume_grace=60.0)
    clock.advance(grace - 0.1)
    assert other._service.noted == []
    clock.advance(0.2)
    assert other._service.noted == ["connection lost"]
    assert other._sessions == {}


def test_it_keeps_its_place_in_the_budgets(made: Made, clock: Clock) -> None:
    door = made()
    visit(door)
    other, _ = hand_over(door, made, connections_per_address=1, resume_grace=10.0)
    refused = visit(other)
    assert refused.response is None
    clock.advance(11)
    assert visit(other).words[0]["session"]


def test_programs_without_a_session_are_told_that_the_service_restarts(
    made: Made, clock: Clock
) -> None:
    """They have no secret to come back by."""
    door = made()
    tab = Tab(door, "gmcp.mudstandards.org")
    assert leave(door) == []
    door.left()
    (client,) = door._service.clients
    client.part("Please connect again.")
    tab.pump()
    assert tab.close_code == RESTART
    assert b"Please connect again." in b"".join(tab.binary())


def test_without_a_time_for_coming_back_nothing_moves(made: Made) -> None:
    door = made(resume_grace=0.0)
    secret_of(visit(door))
    assert leave(door) == []
