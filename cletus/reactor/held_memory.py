"""What strangers make the service hold: the bytes of each connection, and of all of them together.

A connection is measured when something of it has been handled, and when its peer stops reading or goes on.
What it holds may become less in between, so the largest is measured again before it is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.logger import Logger

from cletus.meters import Counter

_log = Logger()


class Holder(Protocol):
    """A connection.

    Attributes:
        address: where the peer is, for logs.
    """

    address: str

    @property
    def held(self) -> int:
        """Bytes of what the peer has sent and not been answered, and of answers that it has not read.

        0 once it is gone, or not a stranger any more.
        """

    def abort(self) -> None:
        """Close at once."""


class HeldMemory:
    """Closes the stranger who holds most, when all of them together hold too much.

    Args:
        limit: returns the bytes that all strangers may hold; 0 means no limit.
        closed: counts those who were closed for it.
    """

    def __init__(self, limit: Callable[[], int], closed: Counter) -> None:
        self._limit = limit
        self._closed = closed
        self._sizes: dict[Holder, int] = {}
        self.total = 0

    def update(self, holder: Holder) -> None:
        """What it holds may have changed."""
        if not self._measure(holder):
            return
        limit = self._limit()
        while limit and self.total > limit:
            largest = max(self._sizes, key=self._sizes.__getitem__)
            if not self._measure(largest):
                self._close(largest)

    def _measure(self, holder: Holder) -> bool:
        """Returns whether it holds another number of bytes than before."""
        size, former = holder.held, self._sizes.get(holder, 0)
        if size == former:
            return False
        if size:
            self._sizes[holder] = size
        else:
            del self._sizes[holder]
        self.total += size - former
        return True

    def _close(self, largest: Holder) -> None:
        size = self._sizes.pop(largest)
        self.total -= size
        self._closed.value += 1
        _log.warn(
            "{client} closed: strangers hold more than stranger_memory, and this one most, {size} bytes",
            client=largest.address,
            size=size,
        )
        largest.abort()
