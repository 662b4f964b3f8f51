"""What a gateway leaves to another process, beside the sockets of its doors: how it stands with the primary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, succeed

from cletus.cluster.local import LocalBus
from cletus.cluster.relay import Relay
from cletus.service.interfaces import Left, Purpose


class RelayDoor:
    """A door at which nobody comes in; it fulfils ``MovableDoor``. The ledger moves as its state.

    Args:
        relay: makes the relay of this process, with an open bus.
    """

    address = ""
    configured = "relay"

    def __init__(self, relay: Callable[[], Relay]) -> None:
        self._relay = relay

    def open(self) -> Deferred[None]:
        """Nothing is opened: the relay is open before the doors are."""
        return succeed(None)

    def close(self) -> Deferred[None]:
        """As above."""
        return succeed(None)

    def finish_reading(self) -> None:
        """As ``MovableDoor.finish_reading``: what the engine has, the other process reads."""

    def leave(self) -> list[Left]:
        """As ``MovableDoor.leave``."""
        return [Left(Purpose.LISTENING, -1, self._relay().leave())]

    def stay(self) -> None:
        """As ``MovableDoor.stay``."""

    def left(self) -> None:
        """As ``MovableDoor.left``."""

    def take_over(self, left: Left, client: Mapping[str, Any] | None) -> None:
        """As ``MovableDoor.take_over``."""
        self._relay().resume(left.state)


class LocalRelayDoor(RelayDoor):
    """The same for a gateway of ``--workers``, which leaves its socket to the parent as well.

    Args:
        relay: as above.
        bus: of this process; it is connected in the process that leaves it.
    """

    def __init__(self, relay: Callable[[], Relay], bus: LocalBus) -> None:
        super().__init__(relay)
        self._bus = bus

    def leave(self) -> list[Left]:
        """As ``MovableDoor.leave``."""
        ledger = self._relay().leave()  # first: it says what there is to say
        descriptor, state = self._bus.leave_socket()
        return [Left(Purpose.LISTENING, descriptor, {"relay": ledger, "bus": state})]

    def left(self) -> None:
        """As ``MovableDoor.left``."""
        self._bus.left_socket()

    def take_over(self, left: Left, client: Mapping[str, Any] | None) -> None:
        """As ``MovableDoor.take_over``."""
        relay = self._relay()
        self._bus.resume_socket(relay.service.reactor, left.descriptor, left.state["bus"])
        relay.resume(left.state["relay"])
