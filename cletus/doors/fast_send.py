"""Send without asking the reactor whether the socket is ready.

Twisted's ``write`` queues the bytes, has the reactor watch the socket, sends them in the next turn and
stops watching: three system calls, and as much Python, for each line to each person. Nearly always
the socket would have taken the bytes at once. So while nothing is queued they are sent at once, and
what the socket did not take is queued as usual. The order stays the same.

This reads private attributes of Twisted's, ``_tempDataBuffer`` and its length (the same since Twisted 2).
Where they are missing, or the transport is anything but Twisted's own plain socket, ``write`` is used.
"""

from __future__ import annotations

from typing import Any


def can_fast_send(transport: Any) -> bool:
    """Whether ``fast_send`` may be used on this transport, for as long as it lives."""
    from twisted.internet.tcp import Connection  # noqa: PLC0415 - it imports OpenSSL, if that is there

    return isinstance(transport, Connection) and hasattr(transport, "_tempDataLen")


def unsent(transport: Any) -> bytes:
    """What is queued in the transport: it was not sent yet."""
    queued: bytes = b"".join((transport.dataBuffer[transport.offset :], *transport._tempDataBuffer))
    return queued


def held_by(transport: Any) -> int:
    """Bytes that wait in a transport: for the peer to read, or, in TLS and in a session, also for us."""
    held = getattr(transport, "held", None)
    if held is None:
        held = len(getattr(transport, "dataBuffer", b"")) - getattr(transport, "offset", 0)
        held += getattr(transport, "_tempDataLen", 0)
    size: int = held
    return size


def fast_send(transport: Any, data: bytes) -> None:
    """Send these bytes at once; what the socket does not take is queued in the transport.

    An error of the connection is left for the reactor to find.
    """
    if transport._tempDataBuffer or transport.dataBuffer or not transport.connected:
        transport.write(data)
        return
    try:
        sent = transport.socket.send(data)
    except OSError:
        sent = 0
    if sent < len(data):
        transport.write(data[sent:] if sent else data)
