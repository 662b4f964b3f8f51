"""Limits the log lines that clients cause, so that nobody can fill the disk from outside.

Lines are limited by kind and address, and in all. Those that are left out are counted, and the count is
logged when the window of time is over.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from cletus.logs.audit import NAMESPACE

WINDOW: Final = 10.0
"""Seconds over which lines are counted."""

LINES_MAX: Final = 50
"""Lines of one kind from one address in that time. Our choice: more than people cause."""

BYTES_PER_SECOND: Final = 4500
"""Bytes of all lines that clients cause in a second, on average."""

BYTES_AT_ONCE: Final = 12_000
"""Bytes of them at once, when there were few before."""

AUDIT_BYTES_PER_SECOND: Final = 1250
"""The same of the audit log's lines about users, and again of those about strangers. They are counted apart, so
that nobody who fills the log hides what users do, or who tries passwords."""

AUDIT_BYTES_AT_ONCE: Final = 3500
"""As above."""

NOTES_MAX: Final = 20
"""Kinds and addresses of which the log says by themselves how many lines were left out; those with the most."""

KINDS_MAX: Final = 1000
"""Kinds and addresses that are counted apart in that time; more of them are counted together."""

_HOST: Final = re.compile(r"(\S+?)(?::\d+)?>?$")


class _Allowance:
    """Bytes that may be written: they grow with the time that passes, and can be overdrawn by a line.

    Attributes:
        left: these bytes.
        lines: kind and address to the lines of this window of time.
    """

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._at = now
        self.left = burst
        self.lines: dict[object, int] = {}

    def refill(self, now: float) -> None:
        """Add what has grown since the last time."""
        self.left = min(self._burst, self.left + (now - self._at) * self._rate)
        self._at = now


class ClientLimit:
    """Decides which log events of clients are written.

    Args:
        seconds: a monotonic clock.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._window_ends = 0.0
        self._others = _Allowance(BYTES_PER_SECOND, BYTES_AT_ONCE, seconds())
        self._audit, self._audit_of_users = (
            _Allowance(AUDIT_BYTES_PER_SECOND, AUDIT_BYTES_AT_ONCE, seconds()) for _ in range(2)
        )
        self._omitted: dict[object, tuple[int, Mapping[str, Any]]] = {}

    def admit(self, event: Mapping[str, Any]) -> bool:
        """Whether to write an event; one that no client has caused always is.

        Args:
            event: with the fields of the log context.
        """
        client = event.get("client")
        if client is None:
            return True
        kind: object = (
            event.get("log_namespace"),
            event.get("log_format"),
            event.get("code"),
            _network_of(str(client)),
        )
        allowance = self._allowance_of(event)
        lines = allowance.lines
        if kind not in lines and len(lines) >= KINDS_MAX:
            kind = None
        count = lines[kind] = lines.get(kind, 0) + 1
        allowance.refill(self._seconds())
        if count <= LINES_MAX and allowance.left > 0:
            return True
        omitted, _ = self._omitted.get(kind, (0, event))
        self._omitted[kind] = omitted + 1, event
        return False

    def written(self, event: Mapping[str, Any], size: int) -> None:
        """Count the bytes of an event that was written."""
        if event.get("client") is not None:
            self._allowance_of(event).left -= size

    def finished(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """If a window of time is over: how many events of a kind were left out, and the latest.

        Of many kinds, the last entry is of all that have no entry of their own.
        """
        now = self._seconds()
        if now < self._window_ends:
            return
        self._window_ends = now + WINDOW
        for allowance in (self._others, self._audit, self._audit_of_users):
            allowance.lines.clear()
        omitted, self._omitted = self._omitted, {}
        entries = sorted(omitted.values(), key=lambda entry: -entry[0])
        yield from entries[:NOTES_MAX]
        rest = entries[NOTES_MAX:]
        if rest:
            yield sum(count for count, _ in rest), rest[0][1]

    def _allowance_of(self, event: Mapping[str, Any]) -> _Allowance:
        if event.get("log_namespace") != NAMESPACE:
            return self._others
        return self._audit_of_users if event.get("user") else self._audit


def _network_of(client: str) -> str:
    """The address in the ``repr`` of a client, without its port; of IPv6, its /48."""
    match = _HOST.search(client)
    host = (match[1] if match else client).strip("[]")
    if ":" not in host:
        return host
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return str(ipaddress.ip_network((int(address) >> 80 << 80, 48)))
