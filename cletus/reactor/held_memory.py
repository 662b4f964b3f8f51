"""What strangers make the service hold: the bytes of each connection, and of all of them together."""

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

    def update(self, holder: Holder, size: int) -> None:
        """This is what it holds now, in bytes; 0 once it is gone, or not a stranger any more."""
        former = self._sizes.get(holder, 0)
        if size == former:
            return
        if size:
            self._sizes[holder] = size
        else:
            del self._sizes[holder]
        self.total += size - former
        limit = self._limit()
        if limit and self.total > limit:
            self._close_largest()

    def _close_largest(self) -> None:
        largest = max(self._sizes, key=self._sizes.__getitem__)
        size = self._sizes.pop(largest)
        self.total -= size
        self._closed.value += 1
        _log.warn(
            "{client} closed: strangers hold more than stranger_memory, and this one most, {size} bytes",
            client=largest.address,
            size=size,
        )
        largest.abort()
