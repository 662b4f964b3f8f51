"""Those who are logging in and have not told yet who they are: how many there may be of one address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cletus.contrib.users.addresses import origin_of

if TYPE_CHECKING:
    from cletus.client.client import Client
    from cletus.service.service import Service


class Strangers:
    """Connected people whom nobody knows, by where they come from.

    What it knows follows from the service's clients, so a reload makes it anew.

    Args:
        service: whose clients.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._by_origin: dict[str, set[Client]] | None = None

    def add(self, client: Client) -> int:
        """Somebody has come; how many strangers there are of their origin now, with them."""
        here = self._all().setdefault(origin_of(client.address), set())
        here.add(client)
        return len(here)

    def discard(self, client: Client) -> None:
        """They are known now, or gone. Harmless if they were no stranger."""
        origin = origin_of(client.address)
        here = self._all().get(origin, set())
        here.discard(client)
        if not here:
            self._all().pop(origin, None)

    def _all(self) -> dict[str, set[Client]]:
        if self._by_origin is None:
            self._by_origin = {}
            for client in self._service.clients:
                if client.user is None:
                    self._by_origin.setdefault(origin_of(client.address), set()).add(client)
        return self._by_origin
