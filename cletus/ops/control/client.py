"""The client of a control socket, for commands. It blocks."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import msgspec

from cletus.errors import ControlError, ControlRefused, NoAnswer, NotRunning
from cletus.ops.control.messages import (
    PIECE,
    REPLIES,
    Answer,
    Lines,
    Refusal,
    Reply,
    Request,
    line_of,
)
from cletus.ops.control.socket_path import connect_in, process_of
from cletus.storage.backends.folder_lock import is_running

_CONNECT_TIME: Final = 5.0
"""Seconds for connecting, which the kernel does; only many waiting connections can delay it."""

_GONE: Final = (FileNotFoundError, NotADirectoryError, ConnectionRefusedError)


class ControlClient:
    """A connection to the service that runs on a store folder; a context manager that closes it.

    Args:
        folder: the path of the store folder.
        timeout: seconds to wait for a message of the service; ``None``: for ever.

    Attributes:
        folder: as given.
        pid: the process of the service; 0 if the system does not tell it.

    Raises:
        NotRunning: nothing listens there.
        ControlError: it cannot be connected to, for instance because another user owns the folder.
    """

    def __init__(self, folder: str, timeout: float | None) -> None:
        self.folder = folder
        self._timeout = timeout
        try:
            self._socket = connect_in(folder, _CONNECT_TIME)
        except _GONE:
            raise NotRunning(folder, _last_owner(folder)) from None
        except OSError as error:
            raise ControlError(
                f"the service on the store {folder} cannot be asked: {error.strerror or error}"
            ) from error
        self._socket.settimeout(timeout)
        self.pid = process_of(self._socket)[0]
        self._lines = Lines(0)
        self._read: list[bytes] = []

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """For ``select``: readable when ``receive()`` will not block for long."""
        return self._socket.fileno()

    def ask(self, request: Request) -> Any:
        """Send a request and wait for its answer, a JSON value.

        Raises:
            ControlRefused: the service refuses.
            NoAnswer: it does not answer in time, or ends before that.
        """
        self.send(request)
        reply = self.receive()
        if isinstance(reply, Answer):
            return reply.value
        if isinstance(reply, Refusal):
            raise ControlRefused(reply.error)
        raise NoAnswer(f"the service on the store {self.folder} ended before it had answered")

    def send(self, message: msgspec.Struct) -> None:
        """Send a message. If the connection has ended, ``receive()`` tells."""
        data = line_of(message)
        with suppress(OSError):
            self._socket.sendall(data)

    def receive(self) -> Reply | None:
        """The next message; ``None`` when the connection has ended.

        Raises:
            NoAnswer: none comes in time.
            BadMessage: it is not a message of ours.
        """
        while not self._read:
            try:
                data = self._socket.recv(2 * PIECE)
            except TimeoutError:
                raise NoAnswer(
                    f"process {self.pid} did not answer within {self._timeout:g} seconds: it is "
                    "busy, or blocked by something that its code does"
                ) from None
            except OSError:
                return None
            if not data:
                return None
            self._read = self._lines.receive(data)
        return REPLIES.message(self._read.pop(0))

    @property
    def has_more(self) -> bool:
        """Whether ``receive()`` has another message without reading from the socket."""
        return bool(self._read)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def _last_owner(folder: str) -> int:
    """The running process whose number is in the lock of this folder, or 0."""
    with suppress(OSError, ValueError):
        pid = int((Path(folder) / ".lock").read_text().partition("\n")[0])
        if is_running(pid):
            return pid
    return 0
