"""Log records name the client and the event that are being handled."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import Logger, globalLogPublisher

from cletus import events
from cletus.logs.context import fields, hidden_line, log_context

log = Logger()


@pytest.fixture
def logged():
    """The fields of each message with the text ``a message``."""
    seen = []

    def observe(event):
        if event.get("log_format") == "a message":
            seen.append(fields())

    globalLogPublisher.addObserver(observe)
    yield seen
    globalLogPublisher.removeObserver(observe)


class Ann:
    key = "ann"


def test_without_a_subject_there_are_no_fields():
    assert fields() == {}
    assert hidden_line() == ""


def test_a_listener_is_about_its_event(service, come, logged):
    """Also what it calls, by any logger."""

    @service.listen(events.Receive)
    def receive(event):
        log.info("a message")

    person = come(service)
    person.types("hello")
    person.client.user = Ann()
    person.types("hello")
    who = {"client": "<Client 1 memory memory>", "client_id": 1, "door": "memory"}
    assert logged == [{**who, "event": "Receive"}, {**who, "user": "ann", "event": "Receive"}]
    assert fields() == {}


def test_an_async_listener_is_about_its_client_also_after_it_has_waited(service, come, logged):
    """Also if its wait ends while another client is being handled."""
    wait = Deferred()

    @service.listen(events.Connect)
    async def connect(event):
        await wait
        log.info("a message")

    come(service)
    other = come(service)
    with log_context(other.client):
        wait.callback(None)
    assert [record["client_id"] for record in logged] == [1, 2]
    assert {record["event"] for record in logged} == {"Connect"}


def test_an_event_of_the_service_is_about_nobody(service, logged):
    service.listen(events.Status)(lambda event: log.info("a message"))
    service.fire(events.Status(service, {}))
    assert logged == [{"event": "Status"}]


def test_the_end_of_a_listener_is_the_end_of_its_subject(service, come, logged, log):
    """Also when it raises."""

    @service.listen(events.Receive)
    def receive(event):
        raise ValueError("no")

    come(service).types("x")
    assert fields() == {}
    assert len(log.take_failures()) == 1


def test_the_subject_of_a_disconnect_is_who_leaves_and_not_who_closed_them(service, come, logged):
    """Afterwards the subject is again who closed them."""
    ann, bob = come(service), come(service)

    @service.listen(events.Receive)
    def receive(event):
        bob.client.disconnected("kicked")
        log.info("a message")

    service.listen(events.Disconnect)(lambda event: log.info("a message"))
    ann.types("kick bob")
    assert [(record["client_id"], record["event"]) for record in logged] == [
        (2, "Disconnect"),
        (1, "Receive"),
    ]


def test_a_user_without_a_key_is_left_out(service, come):
    client = come(service).client
    client.user = "just a name"
    assert client.log_fields() == {
        "client": "<Client 1 memory memory>",
        "client_id": 1,
        "door": "memory",
    }


def test_no_subject_changes_nothing(service, come):
    client = come(service).client
    with log_context(client), log_context(None):
        assert fields()["client_id"] == 1
    with log_context(None):
        assert fields() == {}


def test_a_line_is_hidden_while_it_is_handled_if_it_was_typed_without_echo(service, come):
    seen = []

    @service.listen(events.Connect)
    async def connect(event):
        event.client.ask("Name? ").addCallback(lambda line: seen.append((line, hidden_line())))
        event.client.ask("Word? ", hidden=True).addCallback(
            lambda line: seen.append((line, hidden_line()))
        )

    person = come(service)
    person.client.show_input()
    person.types("bob")
    person.client.hide_input()
    person.types("opensesame")
    assert seen == [("bob", ""), ("opensesame", "opensesame")]
    assert hidden_line() == ""
