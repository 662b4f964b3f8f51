"""Events of commands, for ``@service.listen``."""

from __future__ import annotations

from dataclasses import dataclass

from cletus.events import ClientEvent


@dataclass(frozen=True, slots=True)
class CommandFailed(ClientEvent):
    """A command has raised an error, or ``Refused`` after it had begun.

    Fired before the person is told, so that what the command has left unfinished can be undone.

    Attributes:
        name: of the command.
        error: what it raised.
    """

    name: str
    error: BaseException
