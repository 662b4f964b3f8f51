"""Log context: the event or client being handled, so that every log record can name it.

It is kept in context variables. A coroutine runs in the context in which it was started, so what it
logs after an ``await`` is still about the same client.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Any, Final, Protocol


class Subject(Protocol):
    """What a log record can be about: an event, or a client."""

    def log_fields(self) -> dict[str, Any]:
        """The fields that it adds to a record."""


#: The event or client being handled. The dispatcher sets and resets it itself around each call of a
#: listener: that is cheaper than ``log_context``, and happens for every line.
subject: Final[ContextVar[Subject | None]] = ContextVar("cletus.logs.subject", default=None)

_hidden_line: Final[ContextVar[str]] = ContextVar("cletus.logs.hidden_line", default="")


class log_context:  # noqa: N801 - it is used like a function, as contextlib.suppress is
    """Log records made inside are about this subject: ``with log_context(client): ...``.

    Args:
        subject: an event or a client; ``None`` changes nothing.
        hidden: the line being handled, if the client typed it without echo; the log leaves it out.
    """

    __slots__ = ("_hidden", "_hidden_token", "_subject", "_subject_token")

    def __init__(self, subject: Subject | None, *, hidden: str = "") -> None:
        self._subject = subject
        self._hidden = hidden

    def __enter__(self) -> None:
        self._subject_token: Token[Subject | None] | None = None
        self._hidden_token: Token[str] | None = None
        if self._subject is not None:
            self._subject_token = subject.set(self._subject)
        if self._hidden:
            self._hidden_token = _hidden_line.set(self._hidden)

    def __exit__(self, *_: object) -> None:
        if self._subject_token is not None:
            subject.reset(self._subject_token)
        if self._hidden_token is not None:
            _hidden_line.reset(self._hidden_token)


def fields() -> dict[str, Any]:
    """The fields that the present subject adds to a log record; none without a subject."""
    present = subject.get()
    return {} if present is None else present.log_fields()


def hidden_line() -> str:
    """The line being handled, if it was typed without echo; else ``""``."""
    return _hidden_line.get()
