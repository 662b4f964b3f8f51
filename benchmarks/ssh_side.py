"""The client's side of an SSH connection: conch's, from the first byte to a shell without a terminal."""

from collections.abc import Callable
from typing import Any

from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.service import SSHService
from twisted.conch.ssh.transport import SSHClientTransport
from twisted.internet.defer import succeed
from twisted.internet.testing import StringTransport


class _Wire(StringTransport):
    def __init__(self, send: Callable[[bytes], object]) -> None:
        super().__init__()
        self.write = send  # type: ignore[method-assign]


class _Authentication(SSHService):
    name = b"ssh-userauth"

    def serviceStarted(self) -> None:
        none = NS(b"guest") + NS(b"ssh-connection") + NS(b"none")
        self.transport.sendPacket(50, none)

    def packetReceived(self, messageNum: int, packet: bytes) -> None:  # noqa: N803 - conch's name
        assert messageNum == 52, "SUCCESS"
        self.transport.setService(self.transport.connection)


class _Connection(SSHConnection):
    def serviceStarted(self) -> None:
        super().serviceStarted()
        self.openChannel(self.transport.channel)


class _Channel(SSHChannel):
    name = b"session"

    def channelOpen(self, specificData: bytes) -> None:  # noqa: N803 - conch's name
        answer = self.conn.sendRequest(self, b"shell", b"", wantReply=1)
        answer.addCallback(lambda _: setattr(self.conn.transport, "is_in", True))

    def dataReceived(self, data: bytes) -> None:
        self.conn.transport.pieces.append(data)


class Side(SSHClientTransport):
    """Somebody at ``ssh -T``.

    Args:
        send: sends bytes to the server.

    Attributes:
        is_in: whether the shell is there.
    """

    supportedCompressions = [b"none"]  # noqa: N815 - conch's name

    def __init__(self, send: Callable[[bytes], object]) -> None:
        self.is_in = False
        self.pieces: list[bytes] = []
        self.channel = _Channel(localWindow=1 << 20)
        self.connection: Any = _Connection()
        self.channel.conn = self.connection
        self.makeConnection(_Wire(send))

    def verifyHostKey(self, hostKey: bytes, fingerprint: str) -> Any:  # noqa: N803 - conch's name
        return succeed(True)

    def connectionSecure(self) -> None:
        self.requestService(_Authentication())

    def types(self, data: bytes) -> None:
        """Send what is typed."""
        self.channel.write(data)

    def taken(self) -> bytes:
        """What has come since the last call."""
        pieces, self.pieces = self.pieces, []
        return b"".join(pieces)
