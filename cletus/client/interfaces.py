"""What a client needs of others: its door, its service, and those who read its lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

from cletus.logs.context import Subject
from cletus.meters import Meters
from cletus.protocol.terminal import Terminal
from cletus.reactor.clock import Clock
from cletus.reactor.turn import Turn
from cletus.settings.settings import Settings

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure


class Transport(Protocol):
    """A door's end of one connection.

    Attributes:
        address: where they come from, for logs: ``127.0.0.1:54321``.
        terminal: what is in front of them, as far as the door knows.
    """

    address: str
    terminal: Terminal

    def send(self, data: bytes) -> None:
        """Send this; called at most once in a reactor turn."""

    def pause_reading(self) -> None:
        """Take nothing more from the connection for now. Calling it twice is harmless."""

    def resume_reading(self) -> None:
        """Go on taking. Calling it twice is harmless."""

    def hide_input(self, hidden: bool) -> bytes:
        """The bytes that make the person's terminal stop (or resume) showing what they type."""

    def prompt_mark(self) -> bytes:
        """The bytes that tell their program that what was just sent is a prompt; often none."""

    def message(self, package: str, data: Any) -> bytes:
        """The bytes of a message between programs (GMCP); none if theirs takes no such message."""

    def note_memory(self) -> None:
        """More waits for a peer that does not read: it may be measured what the connection holds."""

    def close(self) -> None:
        """Close when all that was sent has gone out."""

    def abort(self) -> None:
        """Close at once, also when the peer does not read."""


class RelayedTransport(Protocol):
    """Further members of the transport of a client whose connection is at a gateway of a cluster.

    Attributes:
        lines_before: how many of its lines were handled before the client came here.
    """

    lines_before: int

    def outbox(self, transport: Any, host: Any, *, overflow: Callable[[int], None]) -> Any:
        """Make the client's ``Output``."""

    def handled(self, number: int) -> None:
        """The client is ready for another line; ``number`` of its lines were given to readers."""

    def unconfirmed(self) -> list[str]:
        """As ``Client.unconfirmed``."""

    def shown_after_all(self) -> list[str]:
        """As ``Client.shown_after_all``."""


def relayed(transport: Transport) -> RelayedTransport | None:
    """The transport, if its connection is at a gateway.

    Not by ``isinstance``, which looks at each member of a Protocol: that took a tenth of the time in which
    thousands come in after a takeover.
    """
    return cast("RelayedTransport", transport) if hasattr(transport, "outbox") else None


class Host(Protocol):
    """The service, as its clients see it: ``service/connections.py`` implements it.

    Its methods take the client itself, whose module stands above this one.
    """

    @property
    def settings(self) -> Settings:
        """The settings in force; a reload may replace them."""

    @property
    def clock(self) -> Clock:
        """The reactor."""

    @property
    def turn(self) -> Turn:
        """Calls what is asked for at the end of the reactor turn."""

    @property
    def metrics(self) -> Meters:
        """Counts lines, deliveries and slow readers."""

    def interrupted(self, client: Any) -> None:
        """They have pressed Ctrl-C."""

    def completions(self, client: Any, text: str) -> list[str]:
        """They have pressed Tab behind this text: what its last word may become."""

    def received(self, client: Any, line: str) -> None:
        """They have typed a line that no question or dialogue waited for."""

    def closing(self, client: Any, reason: str) -> None:
        """Their connection is about to be closed by us; what is written now is still sent."""

    def disconnected(self, client: Any, reason: str) -> None:
        """They are gone, and nothing of theirs is left to do."""

    def failed(self, code: str, failure: Failure, *, client: Any) -> None:
        """Code of the application that was handling them has raised an error."""


class Person(Subject, Protocol):
    """A client, as its own parts see it."""

    @property
    def connected(self) -> bool:
        """False from the moment the connection is closing or gone."""


class Reader(Protocol):
    """Who gets the next line: a question, a dialogue, or the service."""

    @property
    def is_busy(self) -> bool:
        """Whether it cannot take a line now. Lines wait meanwhile."""

    def take(self, line: str) -> None:
        """Take a line. If it gets busy by that, it calls ``Input.pump`` when it is ready again."""


class StackedReader(Reader, Protocol):
    """A dialogue, as the stack of dialogues sees it: one may begin before another has ended."""

    def start(self, client: Any, result: Deferred[Any]) -> None:
        """Begin with this client; ``result`` fires at the end. Raises ``DialogueError``."""

    def suspend(self) -> None:
        """Another dialogue begins on top of this one."""

    def resume(self) -> None:
        """The dialogue on top has ended: the lines are for this one again."""

    def stop(self) -> None:
        """End it from outside."""
