"""Whom the code that runs now is about: the log takes it from here, so that no call has to say it.

It is kept in context variables. A coroutine keeps those of its beginning, so what it logs after an
``await`` is still about the same person.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cletus.events import ClientEvent, Event

if TYPE_CHECKING:
    from cletus.client.client import Client

#: An event that is being handled, or a person.
Subject: TypeAlias = "Event | Client | None"

#: The dispatcher sets and resets it around each call of a listener, without the cost of ``About``.
subject: Final[ContextVar[Subject]] = ContextVar("cletus.logs.context", default=None)

_hidden: Final[ContextVar[str]] = ContextVar("cletus.hidden", default="")


class About:
    """What runs inside is about this: ``with About(client): ...``.

    Args:
        what: an event or a client; ``None`` leaves it as it is.
        hidden: a line that is being handled and was typed unseen.
    """

    __slots__ = ("_hidden", "_token", "_what")

    def __init__(self, what: Subject, *, hidden: str = "") -> None:
        self._what = what
        self._hidden: Any = hidden

    def __enter__(self) -> None:
        self._token: Token[Subject] | None = None
        if self._what is not None:
            self._token = subject.set(self._what)
        self._hidden = _hidden.set(self._hidden) if self._hidden else None

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            subject.reset(self._token)
        if self._hidden is not None:
            _hidden.reset(self._hidden)


def fields() -> dict[str, Any]:
    """What the log shall say of the present subject.

    Returns:
        as ``fields_of``, and ``event`` (the name of its class) if one is being handled.
    """
    what, client = subject.get(), subject_client()
    found = {} if client is None else fields_of(client)
    if isinstance(what, Event):
        found["event"] = type(what).__name__
    return found


def fields_of(client: Client) -> dict[str, Any]:
    """What the log shall say of a person.

    Returns:
        ``client`` in words (with the address), ``client_id``, ``door``, and ``user``, the key of
        ``client.user``, if that has one.
    """
    found = {"client": repr(client), "client_id": client.id, "door": client.door}
    key = getattr(client.user, "key", None)
    return found if key is None else {**found, "user": key}


def subject_client() -> Client | None:
    """The person whom the code that runs now is about."""
    what = subject.get()
    if isinstance(what, Event):
        return what.client if isinstance(what, ClientEvent) else None
    return what


def hidden_line() -> str:
    """The line that is being handled just now, if it was typed unseen; else ``""``."""
    return _hidden.get()
