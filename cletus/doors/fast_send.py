"""Sending at once, without asking the reactor whether the socket is ready.

Twisted's ``write`` queues, has the reactor watch the socket, sends in the next turn and has it
watched no more: three system calls and as much Python for each line to each person. Nearly always
the socket would have taken the bytes right away. So while nothing is queued they are sent right
away, and what it did not take is queued as ever; the order stays.

This looks at one private attribute of Twisted's, ``_tempDataBuffer`` (the same since Twisted 2);
where it is absent, or the transport is anything else than Twisted's own plain socket, ``write`` it is.
"""

from __future__ import annotations

from typing import Any


def can_send_now(transport: Any) -> bool:
    """Whether ``send_now`` may be used on this transport, for as long as it lives."""
    from twisted.internet.tcp import Connection  # noqa: PLC0415 - it imports OpenSSL, if that is there

    return isinstance(transport, Connection) and hasattr(transport, "_tempDataBuffer")


def send_now(transport: Any, data: bytes) -> None:
    """Send these bytes; what the socket does not take is queued in the transport.

    A connection that turns out to be broken is left for the reactor to find.
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
