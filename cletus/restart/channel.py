"""The private socket between two processes of one service: frames, which may carry descriptors.

A frame is its type, the length of its payload and the number of its descriptors, then the payload. The
descriptors travel beside the first byte (``SCM_RIGHTS``). Nobody else can connect, since the socket is one
of a pair that is inherited; so what comes is trusted, but its end may come at any byte.
"""

from __future__ import annotations

import array
import enum
import os
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from cletus.errors import RestartError

DESCRIPTORS_MAX: Final = 250
"""Descriptors of one frame; Linux takes 253 (``SCM_MAX_FD``)."""

PAYLOAD_MAX: Final = 1 << 20
"""Bytes of a payload; the state itself travels as a file in memory."""

_HEAD = struct.Struct("!4sII")


class FrameType(enum.Enum):
    """What a frame says, in the order of their sending. O is the process that serves, S the new one."""

    #: O: which doors it leaves.
    HELLO = b"HELO"
    #: S: everything is imported; what it is and what it knows.
    IMPORTED = b"IMPD"
    #: S: it cannot take over, and why.
    NO = b"NO!!"
    #: O: the state follows; its descriptor.
    HEAD = b"HEAD"
    #: O: some descriptors.
    DESCRIPTORS = b"FDS."
    #: O: that was all.
    END = b"END."
    #: S: it has everything, and has touched nothing.
    READY = b"REDY"
    #: O: take over.
    GO = b"GO!!"
    #: S: it has taken over. The last frame before it touches anything.
    TAKEN = b"TAKN"
    #: O: it goes on itself.
    ABORT = b"ABRT"


class ChannelClosed(RestartError):
    """The other process is gone."""


class DeadlinePassed(RestartError):
    """The other process did not answer in time."""


@dataclass(slots=True)
class Frame:
    """One frame.

    Attributes:
        type: what it says.
        payload: its bytes.
        descriptors: now descriptors of this process, which has to close them.
    """

    type: FrameType
    payload: bytes = b""
    descriptors: list[int] = field(default_factory=list)


class Channel:
    """One end of the socket. It blocks, but never beyond a deadline.

    Args:
        connected: the socket.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._socket.setblocking(True)

    def fileno(self) -> int:
        """Of the socket."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this end. Closing twice is harmless."""
        self._socket.close()

    def send(
        self,
        frame: FrameType,
        payload: bytes = b"",
        descriptors: Sequence[int] = (),
        *,
        deadline: float | None = None,
    ) -> None:
        """Send a frame.

        Args:
            frame: its type.
            payload: its bytes.
            descriptors: of this process; the other one gets copies.
            deadline: by ``time.monotonic()``.

        Raises:
            ChannelClosed, DeadlinePassed: see there.
        """
        data = _HEAD.pack(frame.value, len(payload), len(descriptors)) + payload
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        try:
            self._set_timeout(deadline)
            sent = self._socket.sendmsg([data], rights if descriptors else [])
            while sent < len(data):
                self._set_timeout(deadline)
                sent += self._socket.send(data[sent:])
        except TimeoutError:
            raise DeadlinePassed("the other process does not read") from None
        except OSError as error:
            raise ChannelClosed(f"the other process is gone: {error}") from error

    def receive(self, *, deadline: float | None = None) -> Frame:
        """Receive the next frame.

        Raises:
            ChannelClosed: the other process is gone, at whatever byte.
            DeadlinePassed: see there.
            RestartError: what came is not a frame, or there is no room for its descriptors.
        """
        descriptors: list[int] = []
        try:
            head = self._receive(_HEAD.size, deadline, descriptors)
            name, size, count = _HEAD.unpack(head)
            if size > PAYLOAD_MAX:
                raise RestartError("a frame is too long")
            payload = self._receive(size, deadline, descriptors)
            if len(descriptors) != count:
                raise RestartError(
                    f"{count - len(descriptors)} descriptors were lost: this process may not open so many"
                )
            return Frame(FrameType(name), payload, descriptors)
        except BaseException as error:
            close_all(descriptors)
            if isinstance(error, ValueError):
                raise RestartError(f"not a frame: {error}") from error
            raise

    def _receive(self, size: int, deadline: float | None, descriptors: list[int]) -> bytes:
        data = b""
        room = socket.CMSG_SPACE(DESCRIPTORS_MAX * array.array("i").itemsize)
        while len(data) < size:
            try:
                self._set_timeout(deadline)
                piece, messages, _, _ = self._socket.recvmsg(size - len(data), room)
            except TimeoutError:
                raise DeadlinePassed("the other process does not answer in time") from None
            except OSError as error:
                raise ChannelClosed(f"the other process is gone: {error}") from error
            for level, message_type, rights in messages:
                if (level, message_type) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    descriptors.extend(_descriptors_in(rights))
            if not piece:
                raise ChannelClosed("the other process is gone")
            data += piece
        return data

    def _set_timeout(self, deadline: float | None) -> None:
        seconds = None if deadline is None else deadline - time.monotonic()
        if seconds is not None and seconds <= 0:
            raise DeadlinePassed("the other process does not answer in time")
        self._socket.settimeout(seconds)


def close_all(descriptors: Iterable[int]) -> None:
    """Close these descriptors."""
    for descriptor in descriptors:
        with suppress(OSError):
            os.close(descriptor)


def _descriptors_in(rights: bytes) -> list[int]:
    numbers = array.array("i")
    numbers.frombytes(rights[: len(rights) - len(rights) % numbers.itemsize])
    for number in numbers:
        os.set_inheritable(number, False)
    return list(numbers)


def file_of(pieces: Iterable[bytes]) -> int:
    """A file in memory with these bytes, each piece after its length; returns its descriptor."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("cletus-restart", os.MFD_CLOEXEC)
    else:  # macOS
        import tempfile  # noqa: PLC0415 - not needed on Linux

        descriptor, path = tempfile.mkstemp(prefix="cletus-restart-")
        os.unlink(path)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        for piece in pieces:
            file.write(struct.pack("!Q", len(piece)))
            file.write(piece)
    return descriptor


def pieces_of(descriptor: int) -> list[bytes]:
    """The pieces of such a file."""
    pieces = []
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        while head := file.read(8):
            (size,) = struct.unpack("!Q", head)
            pieces.append(file.read(size))
    return pieces
