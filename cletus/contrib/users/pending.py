"""Count the connections that are still logging in, by address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cletus.contrib.addresses import origin_of

if TYPE_CHECKING:
    from cletus.client.client import Client
    from cletus.service.service import Service


class PendingLogins:
    """Connected clients without a user, by origin.

    It is derived from the service's clients, so a reload builds it anew.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._by_origin: dict[str, set[Client]] | None = None

    def add(self, client: Client) -> int:
        """Add a client that has just connected.

        Returns:
            How many clients of its origin are logging in now, this one included.
        """
        pending = self._all().setdefault(origin_of(client.address), set())
        pending.add(client)
        return len(pending)

    def longest_silent(self, newcomer: Client) -> Client:
        """Who of the newcomer's origin has typed nothing for longest, of several the one who came first."""
        pending = self._all()[origin_of(newcomer.address)]
        return min(pending, key=lambda client: (client.last_input_at, client.id))

    def discard(self, client: Client) -> None:
        """Remove a client that has logged in or disconnected, if it is there."""
        origin = origin_of(client.address)
        pending = self._all().get(origin, set())
        pending.discard(client)
        if not pending:
            self._all().pop(origin, None)

    def _all(self) -> dict[str, set[Client]]:
        if self._by_origin is None:
            self._by_origin = {}
            for client in self._service.clients:
                if client.user is None:
                    self._by_origin.setdefault(origin_of(client.address), set()).add(client)
        return self._by_origin
