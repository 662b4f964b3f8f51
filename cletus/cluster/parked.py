"""Clients whose page has no gateway at the moment, and goes on at another one.

A page has a secret of its session. Its gateway tells the primary a digest of it, the *ticket*, which nobody can
use who only sees it: who comes to a gateway has to know the secret. When the gateway of a page is lost, its
client is *parked* for ``resume_grace``, as a session without a socket is in one process: the application
knows nothing of it. When the page comes to another gateway, that asks for the client by the ticket, and the
client goes on there, under a new ticket.

Behind each text a gateway sends a page a *mark*, and the page says which one it has had last. So it gets what
it lacks, and nothing twice. For that a link keeps what the gateway has confirmed, within bounds.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from typing import Any, Final

from cletus.cluster.frames import Close, Mark, Part, Position
from cletus.cluster.primary_ledger import GatewayLink, Text

KEEPS: Final = 64
"""Times ``resume_max`` that is kept of what a gateway has confirmed. Our choice."""

_LATER: Final = Mark(Position(1 << 62), 0)
"""The mark of what was written while the client was parked; no page has that."""


class ParkedLink:
    """In place of a ``GatewayLink``, for one client: keeps what is written to it.

    Args:
        name: that no gateway and no other of these has.
        conn: the connection that it had.
        before: what the primary before has left of what was written to it.
        link: that of the gateway; ``None`` if that was lost before this process was the primary.
        since: when the client came to that gateway: what was sent there before was not for it.
        limit: bytes that are kept of what is written from now on.
        closed: called when the client is closed.

    Attributes:
        lost, shown: as for ``GatewayLink``; always empty.
        data: always ``None``: each text is kept for itself.
        to, confirmed, next_at: not used.
    """

    def __init__(
        self,
        name: str,
        conn: int,
        before: Iterable[Text],
        link: GatewayLink | None,
        since: Mark,
        limit: int,
        closed: Callable[[], object],
    ) -> None:
        self.name = name
        self._conn = conn
        self._before = list(before)
        self._link = link
        self._since = since
        self._limit = limit
        self._closed = closed
        self._at: Mark | None = None  # where the page has said that it is
        self._texts: list[bytes] = []  # what was written since
        self._size = 0
        self._has_dropped = False
        self._unconfirmed: list[Text] | None = None
        self.lost: dict[int, bytes] = {}
        self.shown: dict[int, bytes] = {}
        self.data: bytes | None = None
        self.to: array[int] = array("I")
        self.confirmed = self.next_at = Position()

    # -- as a link ----------------------------------------------------------------------------

    def write(self, conn: int, data: bytes) -> None:
        """As ``GatewayLink.write``."""
        self._texts.append(data)
        self._size += len(data)
        while self._size > self._limit:
            self._size -= len(self._texts.pop(0))
            self._has_dropped = True

    def say(self, frame: Part) -> None:
        """As ``GatewayLink.say``: nobody is there to hear it."""
        if isinstance(frame, Close):
            self._closed()

    def handled(self, conn: int, number: int) -> None:
        """As ``GatewayLink.handled``."""

    def unconfirmed(self) -> dict[int, bytes]:
        """As ``GatewayLink.unconfirmed``."""
        return {self._conn: b"".join(data for _, data in self.kept())}

    # -- the page -----------------------------------------------------------------------------

    def asked(self, at: Mark) -> bool:
        """The page has come, and has got what was sent to it up to this mark.

        Returns:
            whether something after that could not be kept.
        """
        if self._at is None:
            self._at = at
            lost = self._settle(at)
            self._has_dropped = self._has_dropped or lost
        return self._has_dropped

    def rest(self) -> bytes:
        """What the page lacks."""
        if self._at is None:
            self._settle(None)
        return b"".join((*(data for _, data in self._before), *self._texts))

    def kept(self) -> list[Text]:
        """What it may lack, for the next primary: what no gateway has confirmed."""
        if self._unconfirmed is None:
            self._unconfirmed = list(self._before)
            if self._link is not None:
                self._unconfirmed += self._link.not_confirmed(self._conn, self._since)
        return [*self._unconfirmed, *((_LATER, data) for data in self._texts)]

    def _settle(self, at: Mark | None) -> bool:
        """Find what is after this mark; by default what is not confirmed."""
        link, self._link = self._link, None
        before = [text for text in self._before if at is None or text[0] > at]
        lost = False
        if link is not None:
            after = max(link.confirmed_mark if at is None else at, self._since)
            texts, lost = link.after(self._conn, after)
            before += texts
        self._before, self._unconfirmed = before, before
        return lost


def plain_texts(texts: Iterable[Text]) -> list[tuple[Any, ...]]:
    """As plain data."""
    return [(str(mark), data) for mark, data in texts]


def texts_of(plain: Iterable[Any]) -> list[Text]:
    """What ``plain_texts`` was given."""
    return [(Mark.of(mark), data) for mark, data in plain]
