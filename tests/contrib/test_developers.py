"""Developers in the game read the errors that their own lines have caused; others a notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Log

APP = """
    from cletus import events, step, Dialogue
    from cletus.contrib.users import BaseAccount, EVERYTHING, Users
    from APP.core import service

    class User(BaseAccount):
        service = service
        ROLES = {"admin": EVERYTHING}

    users = Users(service, User)

    class Form(Dialogue):
        @step("Colour? ")
        def colour(self, line):
            fail()

    def fail():
        raise LookupError("it is gone")

    def tick():
        fail()

    @service.listen(events.Receive)
    def receive(event):
        if event.data == "timer":
            service.call_later(1, tick)
        elif event.data == "form":
            event.client.start_dialogue(Form())
        elif event.data == "plain":
            fail()

    @service.listen(events.Receive)
    async def converse(event):
        if event.data == "ask":
            await event.client.ask("Well? ")
            fail()
"""


@pytest.fixture
def app(run: Callable[..., Any]) -> Any:
    return run(talker=APP)


def screen_of(app: Any, log: Log, *roles: str) -> str:
    """What somebody reads of four errors."""
    user = app.module("talker").User("ann", name="Ann", roles=set(roles))
    person = app.person()
    person.client.input.stop_dialogues()  # of the login
    person.client.user = user
    person.types("plain", "timer", "ask", "yes", "form", "red")
    app.clock.advance(1)
    log.take_failures()
    return str(person.screen)


def test_a_developer_reads_errors_of_listeners_timers_and_dialogues(app: Any, log: Log) -> None:
    screen = screen_of(app, log, "admin")
    assert "It has been logged." not in screen
    for code in (
        "receive of Receive",
        "Timer app0.talker.tick",
        "Form.colour",
        "converse of Receive",
    ):
        assert f"{code} failed:\n" in screen, screen
    assert screen.count("LookupError: it is gone\n") == 4
    assert screen.count("talker.py:") >= 8
    assert "cletus/" not in screen


def test_others_read_a_notice_and_nothing_of_timers(app: Any, log: Log) -> None:
    screen = screen_of(app, log)
    assert screen.count("It has been logged.") == 3
    assert "LookupError" not in screen
