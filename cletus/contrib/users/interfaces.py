"""What the login dialogue needs of ``Users``, which in turn starts the dialogue."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from cletus.client.client import Client
from cletus.contrib.users.bans import Bans
from cletus.contrib.users.throttle import BaseThrottle


class Accounts(Protocol):
    """The accounts that people can log in to; ``Users`` is the one implementation."""

    user: type[Any]
    guest: type[Any] | None
    bans: Bans

    @property
    def throttle(self) -> BaseThrottle:
        """Delays repeated login attempts."""

    def check_name(self, name: str) -> Deferred[str]:
        """Whether a new account may have this name; fires with the name as it will be shown."""

    def create(self, name: str, hashed: str) -> Any:
        """A new account, active and not saved yet."""

    def new_guest(self) -> Any:
        """A new guest; ``None`` if guests are not allowed."""

    def now(self) -> datetime:
        """The current time."""

    def note_login(self, user: Any, client: Client) -> None:
        """A user has proved who they are, and is about to ``arrive``."""
