"""A small talker with accounts, in memory, whose password hashes cost next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from argon2 import PasswordHasher
from twisted.logger import globalLogPublisher

from cletus.contrib.users import hashing
from cletus.logs.text import format_line
from tests.reload.conftest import Running

TALKER = """
    from datetime import UTC, datetime, timedelta
    from cletus import events, step
    from cletus.contrib.users import BaseAccount, EVERYTHING, LoginDialogue, Users
    from cletus.contrib.users import LinkLost, LoggedIn, LoggedOut, Reconnected
    from cletus.storage import Field, TempStoreMixin
    from APP.core import service

    class User(BaseAccount):
        service = service
        ROLES = {"admin": EVERYTHING, "moderator": {"ban", "mute"}}
        mood = Field("", session=True)

    class Guest(TempStoreMixin, User):
        pass

    class Login(LoginDialogue):
        banner = "Welcome v1"
        motd = "Be kind."

    def now():
        return datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=service.clock.seconds())

    users = Users(service, User, login=Login, guest=Guest, reserved={"lantern"}, now=now)

    @service.listen(LoggedIn)
    def logged_in(event):
        users.write_all(f"{event.user} comes in.", exclude=event.user)

    @service.listen(Reconnected)
    def reconnected(event):
        users.write_all(f"{event.user} is back.", exclude=event.user)

    @service.listen(LinkLost)
    def link_lost(event):
        users.write_all(f"{event.user} has lost the link.", exclude=event.user)

    @service.listen(LoggedOut)
    def logged_out(event):
        users.write_all(f"{event.user} leaves: {event.reason}.", exclude=event.user)

    @service.listen(events.Receive)
    def receive(event):
        user, line = event.user, event.data
        if user is None:
            event.client.write("Who are you?")
        elif line == "quit":
            user.write("Goodbye!")
            user.leave()
        elif line == "close":
            event.client.close("closed by a command")
        elif line.startswith("mood "):
            user.mood = line[5:]
        elif line.startswith("away"):
            user.go_away(line[5:])
        else:
            users.write_all(f"{user} says v1: {line}")
"""

PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parameters are tested by themselves; everywhere else a hash may cost nothing."""
    monkeypatch.setattr(
        hashing, "HASHER", PasswordHasher(memory_cost=8, time_cost=1, parallelism=1)
    )


class Talker:
    """The talker, and what tests do with it."""

    def __init__(self, app: Running) -> None:
        self.app = app
        self.service = app.service
        self.clock = app.clock

    @property
    def users(self) -> Any:
        return self.app.module("talker").users

    @property
    def user_cls(self) -> Any:
        return self.app.store("user")

    def user(self, key: str) -> Any:
        """The active user of this key, or None."""
        return self.app.active("user").get(key)

    def account(self, name: str, password: str = PASSWORD, **values: Any) -> Any:
        """Make an account and forget it again, so that only its document is there."""
        user = self.user_cls.manager.create(name, name=name, **values)
        user.set_password(password)
        user.save()
        self.user_cls.manager.remove_active(user)
        return user

    def person(self, address: str = "192.0.2.1:4000") -> Any:
        return self.app.person(address)

    def login(self, name: str, password: str = PASSWORD, address: str = "192.0.2.1:4000") -> Any:
        """Somebody who has given a name and a password."""
        person = self.person(address)
        person.types(name, password)
        return person

    def wait(self, seconds: float) -> None:
        """Let time pass in small steps, so that everything due happens in order."""
        self.clock.pump([0, *[seconds / 60] * 60, 0, 0])

    def reload(self, old: str = "v1", new: str = "v2") -> Any:
        """Edit the code and reload; it must succeed."""
        report = self.app.reload(talker=lambda text: text.replace(old, new))
        assert report.ok, str(report)
        return report


@pytest.fixture
def talk(run: Callable[..., Running]) -> Callable[..., Talker]:
    """Starts the talker; keywords are settings."""

    def start(**settings: Any) -> Talker:
        return Talker(run(settings, talker=TALKER))

    return start


@pytest.fixture
def talker(talk: Callable[..., Talker]) -> Talker:
    """The talker with default settings."""
    return talk()


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What is logged, as the console would have it, tracebacks and all."""
    lines: list[str] = []

    def observe(event: Any) -> None:
        lines.append(format_line(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)
