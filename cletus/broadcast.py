"""One text to many people: encoded once for each encoding among them, not once for each person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from cletus.client import Client
from cletus.protocol.charset import Encoder

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
        lines: each becomes a line; without any, an empty one.
        exclude: a client, or several, who do not get it.
        filter: called with each client; those for whom it is false do not get it.
    """
    text = "".join(f"{line}\n" for line in lines or ("",))
    excluded = {exclude} if isinstance(exclude, Client) else set(exclude or ())
    encoded: dict[Encoder, bytes] = {}
    for client in tuple(clients):
        if client in excluded or (filter is not None and not filter(client)):
            continue
        encoder = client.encoder
        data = encoded.get(encoder)
        if data is None:
            data = encoded[encoder] = encoder.encode(text)
        client.write_encoded(data)
