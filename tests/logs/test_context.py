"""The log knows whom the code is about that runs now."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import Logger, globalLogPublisher

from cletus import events
from cletus.logs.context import fields, hidden_line, log_context

log = Logger()


@pytest.fixture
def told():
    """The fields of each message that is logged as ``told``."""
    seen = []

    def observe(event):
        if event.get("log_format") == "told":
            seen.append(fields())

    globalLogPublisher.addObserver(observe)
    yield seen
    globalLogPublisher.removeObserver(observe)


class Ann:
    key = "ann"


def test_nobody_is_the_subject_of_what_nobody_caused():
    assert fields() == {}
    assert hidden_line() == ""


def test_a_listener_is_about_its_event(service, come, told):
    """Also what it calls, by any logger."""

    @service.listen(events.Receive)
    def receive(event):
        log.info("told")

    person = come(service)
    person.types("hello")
    person.client.user = Ann()
    person.types("hello")
    who = {"client": "<Client 1 memory memory>", "client_id": 1, "door": "memory"}
    assert told == [{**who, "event": "Receive"}, {**who, "user": "ann", "event": "Receive"}]
    assert fields() == {}


def test_a_conversation_is_about_its_person_also_after_it_has_waited(service, come, told):
    """And others who are served meanwhile have no part in it."""
    wait = Deferred()

    @service.listen(events.Connect)
    async def connect(event):
        await wait
        log.info("told")

    come(service)
    other = come(service)
    with log_context(other.client):
        wait.callback(None)
    assert [one["client_id"] for one in told] == [1, 2]
    assert {one["event"] for one in told} == {"Connect"}


def test_an_event_of_the_service_is_about_nobody(service, told):
    service.listen(events.Status)(lambda event: log.info("told"))
    service.fire(events.Status(service, {}))
    assert told == [{"event": "Status"}]


def test_the_end_of_a_listener_is_the_end_of_its_subject(service, come, told, log):
    """Also when it raises."""

    @service.listen(events.Receive)
    def receive(event):
        raise ValueError("no")

    come(service).types("x")
    assert fields() == {}
    assert len(log.take_failures()) == 1


def test_one_who_closes_another_is_not_who_leaves(service, come, told):
    """The subject of what happens inside of it is its own."""
    ann, bob = come(service), come(service)

    @service.listen(events.Receive)
    def receive(event):
        bob.client.disconnected("kicked")
        log.info("told")

    service.listen(events.Disconnect)(lambda event: log.info("told"))
    ann.types("kick bob")
    assert [(one["client_id"], one["event"]) for one in told] == [(2, "Disconnect"), (1, "Receive")]


def test_a_user_without_a_key_is_left_out(service, come):
    client = come(service).client
    client.user = "just a name"
    assert client.log_fields() == {
        "client": "<Client 1 memory memory>",
        "client_id": 1,
        "door": "memory",
    }


def test_about_nobody_changes_nothing(service, come):
    client = come(service).client
    with log_context(client), log_context(None):
        assert fields()["client_id"] == 1
    with log_context(None):
        assert fields() == {}


def test_a_line_is_hidden_while_it_is_handled_if_it_was_typed_unseen(service, come):
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
