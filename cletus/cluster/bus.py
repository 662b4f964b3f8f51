"""What a cluster asks of its bus: a lease, streams of entries, and a few values.

``valkey.py`` implements it on Valkey or Redis, ``memory.py`` in memory for tests. A bus is a relay: it may
lose or repeat an entry, so each end keeps what it has sent until the other end confirms it (the ledgers).

Commands are carried out in the order of the calls. One that the engine has not answered is repeated until
it does, through any number of lost connections, and is carried out once. So a Deferred fires late when the
engine is away; it fails only with ``BusFull``, ``EntryTooLarge`` or ``BusClosed``.

A command that takes an epoch is fenced: the engine carries it out only if no later epoch was given, and
answers with the highest epoch it knows. If that is higher than the caller's, another process is the primary
now; if it is lower, the engine has lost its memory, and the caller claims anew. In both cases the command
had no effect.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from twisted.internet.defer import Deferred

#: The stream of all gateways to the primary. ``claim()`` empties it.
TELLS: Final = "in"

#: The stream of requests to the primary, such as ``cletus status``. ``claim()`` empties it.
REQUESTS: Final = "ctl"

#: What the names of primaries and standbys begin with in ``nodes()``; gateways have names of their own.
SERVER: Final = "server/"

#: Maximum bytes of an entry: of ``tell``, of a gateway's part of a turn, of ``post``.
ENTRY_MAX: Final = 1024 * 1024

#: Maximum entries in a stream that nobody trims; the oldest go first.
STREAM_MAX: Final = 10_000

#: Seconds for which ``release()`` invites a standby to claim at once.
FREE: Final = 5.0

#: Seconds for which an answer of ``post()`` is kept.
ANSWER: Final = 60.0


#: How many times the caller's lease another one may last. One that lasts longer was given before the engine's
#: clock was set back, and would be held for as long as that.
LEASES_MAX: Final = 10


def frames_for(gateway: str) -> str:
    """The stream of the primary to one gateway."""
    return f"out:{gateway}"


def answers_to(request: str) -> str:
    """The stream of answers to the request with this identifier, which its sender has made up."""
    return f"{REQUESTS}:{request}"


class Lease(enum.Enum):
    """Whether there is a primary."""

    #: There is one, or it has been silent for less than its lease.
    HELD = "held"
    #: It has left, and invites a standby to claim.
    FREE = "free"
    #: There is none, or the engine has lost its memory.
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a stream.

    Attributes:
        cursor: its position, for ``turn()`` and ``ack()``; positions of one stream can only be compared
            by the engine.
        data: as it was sent.
    """

    cursor: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Node:
    """A process of the cluster as it last announced itself.

    Attributes:
        name: as in ``announce()``.
        age: seconds since then, by the engine's clock, which goes on while the engine is unreachable.
        data: as in ``announce()``.
    """

    name: str
    age: float
    data: bytes


class Bus(Protocol):
    """The connection of one process to the engine. A process makes one, and opens it once."""

    @property
    def waiting(self) -> int:
        """Bytes of commands that the engine has not answered; bounded by ``cluster_backlog``."""

    @property
    def silence(self) -> float:
        """Seconds for which the engine has not answered although it should have; 0.0 while it answers."""

    def open(self) -> None:
        """Connect, and connect again whenever the connection is lost."""

    def close(self) -> Deferred[None]:
        """Disconnect. Commands without an answer fail with ``BusClosed``. Closing twice is harmless."""

    # -- lease: who is the primary ----------------------------------------------------------

    def lease(self, lease: float) -> Deferred[Lease]:
        """Whether there is a primary, for a process that would claim for ``lease`` seconds."""

    def claim(self, lease: float, *, after: int = 0, held: int = 0) -> Deferred[int]:
        """Become the primary unless there is one.

        ``TELLS`` and ``REQUESTS`` are emptied: what gateways had sent to the primary before is not
        confirmed, so they send it again.

        Args:
            lease: seconds after which another process may claim, unless ``renew()`` is called.
            after: the highest epoch that the caller knows, for an engine that has lost its memory, or whose
                clock was set back.
            held: the epoch of the caller, whose own lease is no obstacle.

        Returns:
            The epoch, higher than all before by the engine's memory and clock; 0 if there is a primary.
        """

    def renew(self, epoch: int, lease: float) -> Deferred[int]:
        """Stay the primary for ``lease`` seconds from now. Fenced."""

    def release(self, epoch: int) -> Deferred[int]:
        """Be the primary no longer; for ``FREE`` seconds a standby may claim at once. Fenced."""

    # -- streams ----------------------------------------------------------------------------

    def read(self, stream: str, receive: Callable[[Sequence[Entry]], None]) -> Callable[[], None]:
        """Call ``receive`` with the entries of a stream, from its beginning, in order, as they come.

        If the engine has lost the stream, or has an older version of it, it is read from its beginning
        again, so an entry may come twice. An exception of ``receive`` is logged.

        Args:
            stream: ``TELLS``, ``REQUESTS``, ``frames_for(...)`` or ``answers_to(...)``; not read yet.
            receive: is called in a reactor turn of its own.

        Returns:
            A function that ends the reading.
        """

    def tell(self, data: bytes) -> Deferred[None]:
        """Append an entry to ``TELLS``."""

    def post(self, stream: str, data: bytes) -> Deferred[None]:
        """Append an entry to ``REQUESTS`` or ``answers_to(...)``."""

    # -- what the primary does --------------------------------------------------------------

    def turn(self, epoch: int, entries: Mapping[str, bytes], cursor: str = "") -> Deferred[int]:
        """Append an entry to the stream of each of these gateways: to all, or to none. Fenced.

        Args:
            epoch: of the primary.
            entries: by the gateway's name.
            cursor: the last entry of ``TELLS`` that is not needed again; it and those before are removed. One
                that the stream has not come to yet is of an engine before it was emptied, and removes nothing.
        """

    def acks(self) -> Deferred[dict[str, bytes]]:
        """What each gateway has given to ``ack()`` last."""

    def lose(self, epoch: int, gateway: str) -> Deferred[int]:
        """Remove the stream, ack and announcement of a gateway. Fenced."""

    # -- what a gateway does ----------------------------------------------------------------

    def ack(self, gateway: str, data: bytes, cursor: str) -> Deferred[None]:
        """Say up to where the frames have been written to the connections, in place of what was said before.

        Args:
            gateway: whose stream it is.
            data: for ``acks()``.
            cursor: as for ``turn()``, in the stream of the gateway.
        """

    # -- values -----------------------------------------------------------------------------

    def announce(self, node: str, data: bytes) -> Deferred[None]:
        """Add a process to ``nodes()``, or bring it up to date; done every second."""

    def leave(self, node: str) -> Deferred[None]:
        """Remove a process from ``nodes()``."""

    def nodes(self) -> Deferred[list[Node]]:
        """The processes of the cluster, by name; also those that ended without a word."""

    def checkpoint(
        self, epoch: int, values: Mapping[str, bytes], removed: Collection[str] = ()
    ) -> Deferred[int]:
        """Change values of the session: set these, and remove those. Fenced."""

    def session(self) -> Deferred[dict[str, bytes]]:
        """All values of the session, by name."""

    def set_code(self, epoch: int, data: bytes) -> Deferred[int]:
        """Keep the sources of the generation in force. Fenced."""

    def code(self) -> Deferred[bytes]:
        """The sources of the generation in force; empty if there are none."""
