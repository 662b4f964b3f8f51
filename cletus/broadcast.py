"""One text to many people: rendered once for each look among them, not once for each person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from cletus.client.client import Client
from cletus.client.rendering import Message

#: One client, several, or nobody.
Who: TypeAlias = Client | Iterable[Client] | None


def write_all(
    clients: Iterable[Client],
    *lines: object,
    exclude: Who = None,
    filter: Callable[[Client], bool] | None = None,  # noqa: A002 - the name is fixed by the API
) -> None:
    """Send whole lines to these clients.

    Args:
        clients: who; they may come and go while this runs.
        lines: each becomes a line, as ``client.write`` has it; without any, an empty one.
        exclude: a client, or several, who do not get it.
        filter: called with each client; those for whom it is false do not get it.
    """
    message = Message(lines)
    encoded = message.encoded
    excluded = {exclude} if isinstance(exclude, Client) else set(exclude or ())
    for client in tuple(clients):
        if (excluded and client in excluded) or (filter is not None and not filter(client)):
            continue
        client.outbox.put(encoded(client.terminal.look))
