"""A logger that logs nothing: conch's own lines say little, and strangers decide how many there are."""

from __future__ import annotations

from typing import Any, cast

from twisted.logger import ILogObserver, Logger


class _Nowhere:
    def __call__(self, event: Any) -> None:
        """Twisted's: forget the event."""


QUIET = Logger("cletus.doors.ssh.conch", observer=cast("ILogObserver", _Nowhere()))
