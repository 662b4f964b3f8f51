"""An SSH client in memory: conch's client side on one end, the door's connection on the other."""

from __future__ import annotations

import struct
from typing import Any

from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.service import SSHService
from twisted.conch.ssh.transport import SSHClientTransport
from twisted.internet.address import IPv4Address
from twisted.internet.defer import succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.doors.ssh.door import SshFactory
from cletus.doors.ssh.transport import SshTransport

#: conch's client side is not what the log is looked at for.
QUIET = Logger("client", observer=lambda event: None)


class Transport(StringTransport):
    """Remembers whether it was aborted."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = self.disconnecting = True


class Authentication(SSHService):
    """Sends what the test says, and records the answers."""

    _log = QUIET
    name = b"ssh-userauth"

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []

    def packetReceived(self, messageNum: int, packet: bytes) -> None:
        self.answers.append((messageNum, packet))


class Session(SSHChannel):
    """The client's session channel; ``screen`` is what has come."""

    name = b"session"
    _log = QUIET

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.screen = b""
        self.is_open = False
        self.is_closed = False
        self.status: int | None = None
        self.refusal: Any = None

    def channelOpen(self, specificData: bytes) -> None:
        self.is_open = True

    def openFailed(self, reason: Any) -> None:
        self.refusal = reason

    def dataReceived(self, data: bytes) -> None:
        self.screen += data

    def request_exit_status(self, data: bytes) -> None:
        self.status = struct.unpack(">L", data)[0]

    def closed(self) -> None:
        self.is_closed = True


class Side(SSHClientTransport):
    """The client's side of the connection."""

    _log = QUIET

    def __init__(self) -> None:
        self.secure = False
        self.extensions: dict[bytes, bytes] = {}
        self.ended: tuple[int, bytes] | None = None

    def verifyHostKey(self, hostKey: bytes, fingerprint: str) -> Any:
        return succeed(True)

    def connectionSecure(self) -> None:
        self.secure = True

    def receiveError(self, reasonCode: int, description: bytes) -> None:
        self.ended = reasonCode, description


class SshClient:
    """Somebody at an SSH program.

    Args:
        factory: of the door.
        clock: the service's.
    """

    def __init__(self, factory: SshFactory, clock: Clock, peer: str = "192.0.2.1") -> None:
        self.clock = clock
        self.wire = Transport(peerAddress=IPv4Address("TCP", peer, 40000))
        self.server: SshTransport = factory.buildProtocol(None)
        self.server.makeConnection(self.wire)
        self.side = Side()
        self.ours = StringTransport()
        self.side.makeConnection(self.ours)
        self.connection = SSHConnection()
        self.connection._log = QUIET
        self.authentication = Authentication()
        self.session = Session()
        self._lost = False
        self.pump()

    def pump(self) -> None:
        """Both sides say what they have to say; what is due is done."""
        for _ in range(20):
            self.clock.advance(0)
            out = self.ours.value()
            self.ours.clear()
            if out and not self._lost and self.wire.producerState == "producing":
                self.server.dataReceived(out)
            back = self.wire.value()
            self.wire.clear()
            if back:
                self.side.dataReceived(back)
            if self.wire.disconnecting and not self._lost:
                self.lose()
            if not out and not back:
                break

    def lose(self) -> None:
        """The connection is gone."""
        self._lost = True
        self.server.connectionLost(Failure(ConnectionDone()))

    @property
    def is_gone(self) -> bool:
        return self._lost

    def begin(self) -> None:
        """Ask for the service of authentication."""
        self.side.requestService(self.authentication)
        self.pump()

    def request(self, name: str, method: bytes, rest: bytes = b"") -> int | None:
        """Ask to be let in; the number of the answer, or ``None`` if there is none."""
        packet = NS(name.encode()) + NS(b"ssh-connection") + NS(method) + rest
        before = len(self.authentication.answers)
        self.side.sendPacket(50, packet)
        self.pump()
        answers = self.authentication.answers[before:]
        return answers[0][0] if answers else None

    def password(self, name: str, password: str) -> int | None:
        return self.request(name, b"password", b"\0" + NS(password.encode()))

    def key(self, name: str, key: Any, *, signs: bool = True, tampered: bool = False) -> int | None:
        """Offer a key, or log in with it."""
        algorithm = key.supportedSignatureAlgorithms()[0]
        rest = bytes((signs,)) + NS(algorithm) + NS(key.public().blob())
        if signs:
            head = NS(name.encode()) + NS(b"ssh-connection") + NS(b"publickey")
            message = NS(self.side.sessionID) + b"\x32" + head + rest
            signature = key.sign(message + b"x" * tampered, signatureType=algorithm)
            rest += NS(signature)
        return self.request(name, b"publickey", rest)

    def come_in(
        self, name: str = "", *, pty: bool = True, size: tuple[int, int] = (80, 24)
    ) -> None:
        """From the first byte to the shell, without a proof."""
        self.begin()
        if name:
            assert self.request(name, b"none") == 52
        self.open_shell(pty=pty, size=size)

    def open_session(self, **arguments: Any) -> Session:
        self.side.service = self.connection
        self.connection.transport = self.side
        session = Session(conn=self.connection, **arguments)
        self.connection.openChannel(session)
        self.pump()
        return session

    def open_shell(
        self, *, pty: bool = True, size: tuple[int, int] = (80, 24), **arguments: Any
    ) -> None:
        self.session = self.open_session(**arguments)
        if pty:
            self.ask(b"pty-req", NS(b"xterm-256color") + struct.pack(">4L", *size, 0, 0) + NS(b""))
        self.ask(b"shell")

    def ask(self, request: bytes, data: bytes = b"", session: Session | None = None) -> bool | None:
        """A request of the session; whether it was granted."""
        results: list[bool] = []
        answer = self.connection.sendRequest(session or self.session, request, data, wantReply=1)
        answer.addCallbacks(lambda _: results.append(True), lambda _: results.append(False))
        self.pump()
        return results[0] if results else None

    def types(self, text: str) -> str:
        """Press these keys; what has come since."""
        before = len(self.session.screen)
        self.session.write(text.encode())
        self.pump()
        return self.session.screen[before:].decode()

    @property
    def screen(self) -> str:
        return self.session.screen.decode()


def name_list(kexinit: bytes, number: int) -> list[bytes]:
    """One of the lists of names of a KEXINIT."""
    return list(getNS(kexinit[17:], 10)[number].split(b","))
