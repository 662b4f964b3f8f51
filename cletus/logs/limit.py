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

CHARACTERS_MAX: Final = 80_000
"""Characters of all lines that clients cause in that time: 8 kB a second."""

AUDIT_CHARACTERS_MAX: Final = 20_000
"""Characters of the audit log's lines about users in that time. They are counted apart, so that strangers who
fill the log cannot hide what users do."""

KINDS_MAX: Final = 1000
"""Kinds and addresses that are counted apart in that time; more of them are counted together."""

_HOST: Final = re.compile(r"(\S+?)(?::\d+)?>?$")


class ClientLimit:
    """Decides which log events of clients are written.

    Args:
        seconds: a monotonic clock.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._window_ends = 0.0
        self._lines: dict[object, int] = {}
        self._characters = {False: 0, True: 0}
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
        if kind not in self._lines and len(self._lines) >= KINDS_MAX:
            kind = None
        count = self._lines[kind] = self._lines.get(kind, 0) + 1
        is_audit = _is_audit_of_user(event)
        limit = AUDIT_CHARACTERS_MAX if is_audit else CHARACTERS_MAX
        if count <= LINES_MAX and self._characters[is_audit] < limit:
            return True
        omitted, _ = self._omitted.get(kind, (0, event))
        self._omitted[kind] = omitted + 1, event
        return False

    def written(self, event: Mapping[str, Any], characters: int) -> None:
        """Count the characters of an event that was written."""
        if event.get("client") is not None:
            self._characters[_is_audit_of_user(event)] += characters

    def finished(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """If a window of time is over: how many events of each kind were left out, and the latest."""
        now = self._seconds()
        if now < self._window_ends:
            return
        self._window_ends = now + WINDOW
        self._lines.clear()
        self._characters = {False: 0, True: 0}
        omitted, self._omitted = self._omitted, {}
        yield from omitted.values()


def _is_audit_of_user(event: Mapping[str, Any]) -> bool:
    return event.get("log_namespace") == NAMESPACE and bool(event.get("user"))


def _network_of(client: str) -> str:
    """The address in the ``repr`` of a client, without its port; of IPv6, its /64."""
    match = _HOST.search(client)
    host = (match[1] if match else client).strip("[]")
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if address.version == 4:
        return host
    return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
