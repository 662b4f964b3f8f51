"""An SSH connection: conch's transport layer (RFC 4253), with bounds on all that a stranger can do.

conch does the key exchange, the encryption and the parsing. What is added here: only strong algorithms;
limits on packets, key exchanges and time; nothing that a peer sends raises past ``dataReceived``; and
nothing is read from a peer that does not read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from twisted.conch.ssh import transport as conch
from twisted.conch.ssh.common import getNS
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IPushProducer, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from cletus.client.input import Bucket
from cletus.doors.address import printable
from cletus.doors.admission import counted_network
from cletus.doors.fast_send import held_by
from cletus.doors.ssh.auth import ALGORITHMS, UserAuth, disconnection
from cletus.doors.ssh.quiet import QUIET
from cletus.doors.ssh.session import Sessions
from cletus.errors import ProtocolError
from cletus.reactor.shares import Share, Shares, Slice

if TYPE_CHECKING:
    from cletus.client.claim import Claim
    from cletus.doors.ssh.interfaces import Counter
    from cletus.doors.ssh.session import Shell

PACKET_MAX: Final = 40_000
"""Bytes of a packet. RFC 4253, section 6.1, demands 35,000."""

PIECE: Final = 512
"""Bytes that conch is given before the door may do something else. Our choice: twelve empty packets."""

PACKETS_PER_SECOND: Final = 500
"""From a peer that sends more, nothing is read for a second. Our choice; a paste has a packet for each
32 KiB."""

REKEYS_PER_MINUTE: Final = 10
"""Key exchanges that one peer may ask for. Our choice: OpenSSH asks once an hour."""

DISCONNECTED_BY_US: Final = 11

_FIRST_OF_SERVICE: Final = 50  # messages from here on are not allowed during a key exchange

_EXCHANGE_MESSAGES_MAX: Final = 3  # a wrong guess, the right one, and NEWKEYS

_KEY_EXCHANGES: Final = (
    b"mlkem768x25519-sha256",
    b"curve25519-sha256",
    b"curve25519-sha256@libssh.org",
)

_Transport: Any = conch.SSHServerTransport  # conch is hardly annotated

_REASONS: Final[dict[type[BaseException] | None, str]] = {
    ConnectionDone: "closed by peer",
    ConnectionAborted: "aborted",
}


@implementer(IPushProducer)
class SshTransport(_Transport):  # type: ignore[misc]  # see above
    """One SSH connection.

    Args:
        service: those who come in become clients of it.

    Attributes:
        address: where the peer is, for logs.
        cletus_service: the service.
        claim: who they are, once they may come in.
        shell: their session, once they have asked for one.
        is_closing: whether nothing more is read.
    """

    ourVersionString = b"SSH-2.0-Cletus"
    supportedKeyExchanges = [
        name for name in _KEY_EXCHANGES if name in conch.SSHTransportBase.supportedKeyExchanges
    ]
    # All of them with a MAC of its own, and none of them "encrypt then MAC": Terrapin has no hold.
    supportedCiphers = [b"aes256-ctr", b"aes128-ctr"]
    supportedMACs = [b"hmac-sha2-256", b"hmac-sha2-512"]
    supportedCompressions = [b"none"]
    factory: Counter
    transport: Any
    service: Any
    _log = QUIET

    def __init__(self, service: Any) -> None:
        self.address = "nowhere"
        self.cletus_service = service
        self.claim: Claim | None = None
        self.shell: Shell | None = None
        self.is_closing = False
        self._is_admitted = False
        self._is_gone = False
        self._share: Share | None = None
        self._unread: list[bytes] = []
        self._is_reading = True  # as the transport knows it
        self._blocks: set[str] = set()  # why nothing may be sent at the moment
        self._login_timer: Any = None
        self._flood_timer: Any = None
        self._abort_timer: Any = None
        now = service.reactor.seconds()
        self._rekeys = Bucket(REKEYS_PER_MINUTE / 60, REKEYS_PER_MINUTE, now)
        self._second, self._packets = now, 0
        self._exchange_messages = 0

    # -- the life of the connection ---------------------------------------------------------

    def connectionMade(self) -> None:
        """Twisted's: the connection is up."""
        self.address = printable(self.transport.getPeer())
        refusal = self.factory.admit(self)
        if refusal is not None:
            self.is_closing = True
            self.transport.write(
                refusal
            )  # before its version, a server may send lines (RFC 4253, 4.2)
            self._lose_connection()
            return
        self._is_admitted = True
        self._share = self.join_shares(self._work)
        if ITCPTransport.providedBy(self.transport):
            with suppress(OSError):  # the peer may be gone already; connectionLost will follow
                self.transport.setTcpKeepAlive(True)
                self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self.supportedPublicKeys = self.factory.algorithms
        seconds = self.cletus_service.settings.ssh_login_time
        if seconds:
            self._login_timer = self._reactor.callLater(seconds, self._login_time_over)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        """Twisted's: bytes have arrived. Nothing that they do to conch raises past this."""
        if self.is_closing or self._share is None:
            return
        self.cletus_service.metrics.received.value += len(data)
        self._unread.append(data)
        self._share.run()
        self._set_reading()

    def join_shares(self, work: Callable[[Slice], bool]) -> Share:
        """A share of the time of the reactor for a part of this connection."""
        host = counted_network(getattr(self.transport.getPeer(), "host", ""))
        shares: Shares = self.cletus_service.connections.shares
        return shares.join(host, work, self._share)

    def _work(self, current: Slice) -> bool:
        """Give conch what has arrived, until the slice is over or the peer has to wait."""
        try:
            while self._unread and self._takes:
                data = b"".join(self._unread)
                self._unread = [data[PIECE:]] if len(data) > PIECE else []
                super().dataReceived(data[:PIECE])
                if current.is_over:
                    break
        except Exception:  # noqa: BLE001 - conch raises what its parsers raise
            self.failed(Failure())
        self._set_reading()
        self.note_memory()
        return self._takes and bool(self._unread)

    @property
    def held(self) -> int:
        """As ``Holder.held``."""
        if self._is_gone or (self.shell is not None and not self.shell.is_stranger):
            return 0
        typed = 0 if self.shell is None else self.shell.held
        blocked = sum(len(payload) for _, payload in self._blockedByKeyExchange or ())
        unread = sum(map(len, self._unread)) + len(self.buf)
        return unread + blocked + typed + held_by(self.transport)

    def note_memory(self) -> None:
        """What is held may have changed."""
        self.cletus_service.connections.held_memory.update(self)

    @property
    def _takes(self) -> bool:
        return not (self.is_closing or self._flood_timer is not None or "output" in self._blocks)

    def _read_on(self) -> None:
        if self._unread and self._share is not None:
            self._share.run()
        self._set_reading()

    def _set_reading(self) -> None:
        """Let the transport read if there is nothing left to do for this connection."""
        wanted = self._takes and not self._unread
        if wanted is not self._is_reading and not self.is_closing:
            self._is_reading = wanted
            (self.transport.resumeProducing if wanted else self.transport.pauseProducing)()

    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        """Twisted's: the connection is gone."""
        if self._is_gone:
            return
        if self._share is not None:
            self._share.leave()
            if not self._share.is_working:
                self._work(Slice(self._reactor.seconds))
        self._is_gone = self.is_closing = True
        self._unread.clear()
        self.note_memory()
        for timer in (self._login_timer, self._flood_timer, self._abort_timer):
            if timer is not None and timer.active():
                timer.cancel()
        service, self.service = self.service, None
        if service is not None:
            with suppress(LookupError):  # conch's tables, whatever the peer has done to them
                service.serviceStopped()
        if self._is_admitted:
            self.factory.release(self)
        if self.shell is not None:
            cause = None if reason is None else reason.type
            self.shell.connection_lost(_REASONS.get(cause, "connection lost"))

    def failed(self, failure: Failure) -> None:
        """The peer has sent what cannot be handled: log it briefly, and close."""
        if not self.is_closing:
            self.factory.log_failure(self, failure)
            self.abort()

    def abort(self) -> None:
        """Close at once, also when the peer does not read."""
        self.is_closing = True
        if not self._is_gone:
            self.transport.abortConnection()

    def finish(self) -> None:
        """Close when everything has gone out."""
        self.sendDisconnect(DISCONNECTED_BY_US, b"")

    def finish_soon(self) -> None:
        """Their session is over. Programs close the connection themselves then; if not, we do.

        If we did at once, OpenSSH would report a disconnection to people who have just left.
        """
        timeout = self.cletus_service.settings.close_timeout
        if timeout and self._abort_timer is None and not self.is_closing:
            self._abort_timer = self._reactor.callLater(timeout, self.finish)

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        """conch's: say why, and close."""
        if self.is_closing:
            return
        self.sendPacket(conch.MSG_DISCONNECT, disconnection(reason, desc))
        self.is_closing = True
        self._lose_connection()

    def keep_alive(self) -> None:
        """For the door: show the peer, and the routers on the way, that we are here."""
        if self.claim is not None and not self._blocks and not self.is_closing:
            self.sendIgnore(b"")

    @property
    def _reactor(self) -> Any:
        return self.cletus_service.reactor

    def _lose_connection(self) -> None:
        if not self._is_gone:
            if self._is_admitted:
                self.transport.unregisterProducer()  # with one that is paused, Twisted does not close
            self.transport.loseConnection()
            timeout = self.cletus_service.settings.close_timeout
            if self._abort_timer is not None and self._abort_timer.active():
                self._abort_timer.cancel()
            if timeout:
                self._abort_timer = self._reactor.callLater(timeout, self.abort)

    def _login_time_over(self) -> None:
        self._login_timer = None
        self.sendDisconnect(DISCONNECTED_BY_US, b"You took too long to log in.")

    # -- who comes in -----------------------------------------------------------------------

    def authenticated(self, claim: Claim) -> None:
        """For ``UserAuth``: they may come in."""
        self.claim = claim
        self.setService(Sessions())

    def came_in(self, shell: Shell) -> None:
        """For ``Sessions``: they have become a client, and are no longer a stranger to the door."""
        self.shell = shell
        if self._login_timer is not None:
            self._login_timer.cancel()
            self._login_timer = None
        self.factory.came_in(self)

    def ssh_SERVICE_REQUEST(self, packet: bytes) -> None:
        """conch's: the peer asks for a service. Authentication is the only one, and only once."""
        if getNS(packet)[0] != UserAuth.name or self.service is not None:
            raise ProtocolError("asked for a service that it cannot have")
        self.sendPacket(conch.MSG_SERVICE_ACCEPT, packet)
        self.setService(UserAuth())

    # -- bounds -----------------------------------------------------------------------------

    def getPacket(self) -> bytes | None:
        """conch's: the next packet, if it has come. One that is too long is not waited for."""
        packet: bytes | None = None if self.is_closing else super().getPacket()
        size = len(packet or b"")
        if packet is None and hasattr(self, "first"):
            size = struct.unpack("!L", self.first[:4])[0]
        if size > PACKET_MAX:
            raise ProtocolError(f"a packet of {size} bytes")
        return packet

    def dispatchMessage(self, messageNum: int, payload: bytes) -> None:
        """conch's: a message has come."""
        self._count_packet()
        in_exchange = "key exchange" in self._blocks
        if messageNum >= _FIRST_OF_SERVICE and in_exchange:
            raise ProtocolError("a message within the key exchange (RFC 4253, section 7.1)")
        if conch.MSG_KEXINIT < messageNum < _FIRST_OF_SERVICE:
            self._exchange_messages += 1
            if not in_exchange or self._exchange_messages > _EXCHANGE_MESSAGES_MAX:
                raise ProtocolError("a message of no key exchange")
        super().dispatchMessage(messageNum, payload)

    def ssh_KEXINIT(self, packet: bytes) -> None:
        """conch's: the peer wants new keys. Until they are there, nothing else is sent."""
        if self._rekeys.take(self._reactor.seconds()):
            raise ProtocolError("too many key exchanges")
        self.block("key exchange")
        self._exchange_messages = 0
        super().ssh_KEXINIT(packet)

    def _newKeys(self) -> None:
        super()._newKeys()
        self.unblock("key exchange")

    def sendExtInfo(self, extensions: Any) -> None:
        """conch's: which signatures we take. conch would name those of the host key."""
        super().sendExtInfo([(b"server-sig-algs", b",".join(ALGORITHMS))])

    def receiveError(self, reasonCode: int, description: bytes) -> None:
        """conch's: the peer says goodbye."""

    def _count_packet(self) -> None:
        now = self._reactor.seconds()
        if now - self._second >= 1.0:
            self._second, self._packets = now, 0
        self._packets += 1
        if self._packets > PACKETS_PER_SECOND and self._flood_timer is None:
            self._flood_timer = self._reactor.callLater(1.0, self._flood_is_over)

    def _flood_is_over(self) -> None:
        self._flood_timer = None
        self._read_on()

    # -- what hinders our output ------------------------------------------------------------

    def pauseProducing(self) -> None:
        """Twisted's: the peer does not read. Then nothing is read from it: it could cause answers."""
        self.block("output")
        self._set_reading()
        self.note_memory()

    def resumeProducing(self) -> None:
        """Twisted's: what was waiting has gone out."""
        self.unblock("output")
        self._read_on()
        self.note_memory()

    def stopProducing(self) -> None:
        """Twisted's: the connection is about to be lost; ``connectionLost`` follows."""

    def block(self, reason: str) -> None:
        """From now on, output waits."""
        if not self._blocks and self.shell is not None:
            self.shell.pause_output()
        self._blocks.add(reason)

    def unblock(self, reason: str) -> None:
        """This does not hinder output any more."""
        if reason in self._blocks:
            self._blocks.remove(reason)
            if not self._blocks and self.shell is not None:
                self.shell.resume_output()

    @property
    def is_blocked(self) -> bool:
        """Whether output waits."""
        return bool(self._blocks)
