"""What type checkers see of clients. It is checked (``test_typing.py``), and never run."""

from __future__ import annotations

from typing import Any, assert_type

from twisted.internet.defer import Deferred

from cletus import Client, Dialogue, Service, events, step, write_all


class Game(Service):
    """A service of one's own."""

    rounds = 0


class Login(Dialogue):
    """A dialogue."""

    @step("Name? ")
    def name(self, line: str) -> object:
        assert_type(self.client, Client)
        return self.done(line)


def receive(event: events.Receive) -> None:
    assert_type(event.data, str)
    assert_type(event.service, Service)
    assert_type(event.client, Client[Service])
    assert_type(event.client.service, Service)
    greet(event.client)
    _ = event.client.service.rounds  # type: ignore[attr-defined]  # not every service has rounds


def greet(client: Client) -> None:
    """Whatever the service is."""
    assert_type(client.service, Any)
    assert_type(client.connected, bool)
    assert_type(client.last_input_at, float)
    client.start_dialogue(Login())
    client.run_dialogue("a name")  # type: ignore[arg-type]  # a text is not a dialogue


def of_a_game(client: Client[Game], service: Service) -> None:
    assert_type(client.service.rounds, int)
    assert_type(service.clients, tuple[Client[Service], ...])
    write_all(service.clients, "hello", exclude=client)


async def asked(client: Client) -> None:
    assert_type(client.ask("Name? "), Deferred[str])
    assert_type(await client.ask("Name? ", hidden=True), str)
    assert_type(await client.run_dialogue(Login()), Any)
