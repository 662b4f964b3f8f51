"""What the process that serves knows of the minder: a socket, on which it names itself and the next process.

The first process has the other end until it becomes the minder. If it is killed before that, the socket ends
as it does when the minder is killed, and it may end a while after the kill: the system takes its time. So the
minder answers names, and only the end of a minder that has answered means that it was killed.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class MinderLink:
    """The socket to the minder, for the reactor to read.

    Args:
        named: this process's end.
        reactor: Twisted's.
        killed: called when the minder was killed: nobody waits for this process any more, and nobody would know
            that it serves.
    """

    def __init__(self, named: socket.socket, reactor: Any, killed: Callable[[], None]) -> None:
        self._named = named
        self._reactor = reactor
        self._killed = killed
        self._has_answered = False
        named.setblocking(False)
        with suppress(OSError):  # its end can be read, then
            named.send(b"%d\n" % os.getpid())
        reactor.addReader(self)

    @property
    def named(self) -> socket.socket | None:
        """The socket on which the next process is named; ``None`` if there is no minder."""
        return self._named if self._named.fileno() >= 0 else None

    def doRead(self) -> None:
        """Read an answer, or the end."""
        try:
            data = self._named.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._has_answered = True
            return
        self._reactor.removeReader(self)
        self._named.close()
        if self._has_answered:
            self._killed()

    def fileno(self) -> int:
        """Of the socket."""
        return self._named.fileno()

    def connectionLost(self, reason: object) -> None:
        """The reactor ends."""

    def logPrefix(self) -> str:
        """For Twisted's own log."""
        return "minder"
