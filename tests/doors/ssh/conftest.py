"""A service with accounts, and its SSH door in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

pytest.importorskip("cryptography", reason="the extra ssh is not installed")
pytest.importorskip("bcrypt", reason="the extra ssh is not installed")

from cletus.doors.admission import ConnectionLimiter
from cletus.doors.ssh.door import SshFactory
from cletus.doors.ssh.host_key import host_key
from cletus.testing.app import staged

from .client import SshClient

APPLICATION = """
from cletus import Service, events
from cletus.contrib.users import BaseAccount, LoginDialogue, Users
from cletus.storage import TempStoreMixin

service = Service()

class User(BaseAccount):
    service = service

class Guest(TempStoreMixin, User):
    service = service

class Login(LoginDialogue):
    banner = "Welcome."

    def welcome(self):
        self.client.write("Come in.")

users = Users(service, User, login=Login, guest=Guest)

@service.listen(events.Receive)
def received(event):
    if event.data == ".quit":
        event.user.leave("quit")
    else:
        service.write_all(f"{event.user}: {event.data}")
"""


class Place:
    """The service and its door.

    Attributes:
        service: it runs on ``clock``.
        factory: what makes the connections.
    """

    def __init__(self, service: Any, clock: Clock) -> None:
        self.service = service
        self.clock = clock
        self.factory = SshFactory(service, ConnectionLimiter(service), host_key(None, create=True))

        self._clients: list[SshClient] = []

    def client(self, peer: str = "192.0.2.1") -> SshClient:
        self._clients.append(SshClient(self.factory, self.clock, peer))
        return self._clients[-1]

    def end(self) -> None:
        """Everybody hangs up."""
        for client in self._clients:
            if not client.is_gone:
                client.lose()

    def account(self, name: str, password: str = "lantern-s3cret") -> Any:
        """A new account."""
        user = self.service.session.stores["user"].manager.create(name.lower(), name=name)
        user.set_password(password)
        user.save()
        user.log_out()
        return user

    def user(self, name: str) -> Any:
        return self.service.session.stores["user"].manager.get(name)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Place]]:
    """Start the application with these settings."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(text: str = APPLICATION, **settings: Any) -> Place:
            (tmp_path / "ssh_application.py").write_text(text)
            clock = Clock()
            path = str(tmp_path / "ssh_application.py")
            service = stack.enter_context(staged(path, tmp_path, clock, settings))
            place = Place(service, clock)
            stack.callback(place.end)
            return place

        yield start


@pytest.fixture
def place(start: Callable[..., Place]) -> Place:
    return start()
