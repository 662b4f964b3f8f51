"""The service ``ssh-userauth`` (RFC 4252): who somebody is, as the listeners to ``Authenticate`` say.

Names that nobody has come in without a proof, and are asked by the application. A public key is first
offered to the listeners; only the signature of a key that they accept is checked, so strangers cannot
make us compute with keys of theirs.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.service import SSHService
from twisted.internet.defer import Deferred

from cletus.client.claim import Claim
from cletus.doors.ssh.quiet import QUIET
from cletus.errors import ProtocolError
from cletus.events import Authenticate
from cletus.protocol.text import clean

if TYPE_CHECKING:
    from cletus.doors.ssh.interfaces import Connection

REQUEST, FAILURE, SUCCESS, KEY_OK = 50, 51, 52, 60
"""Numbers of messages, by RFC 4252."""

NO_MORE_METHODS: Final = 14
"""The reason of a disconnection, by RFC 4253."""

TRIES_MAX: Final = 3
"""Wrong passwords and signatures of one connection; as the login dialogue has it."""

REQUESTS_MAX: Final = 30
"""Requests of one connection: an agent offers all its keys. Our choice."""

NAME_MAX: Final = 64
"""Characters of a name; the rest is cut off. Our choice."""

METHODS: Final = b"publickey,password"

#: Signature algorithms, and the type of the key that makes them. Those with SHA-1 are left out.
ALGORITHMS: Final = {
    b"ssh-ed25519": b"ssh-ed25519",
    b"sk-ssh-ed25519@openssh.com": b"sk-ssh-ed25519@openssh.com",
    b"ecdsa-sha2-nistp256": b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384": b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521": b"ecdsa-sha2-nistp521",
    b"sk-ecdsa-sha2-nistp256@openssh.com": b"sk-ecdsa-sha2-nistp256@openssh.com",
    b"rsa-sha2-512": b"ssh-rsa",
    b"rsa-sha2-256": b"ssh-rsa",
}


class UserAuth(SSHService):
    """Handles the requests of one connection, one at a time."""

    name = b"ssh-userauth"
    _log = QUIET
    transport: Connection  # type: ignore[assignment]  # conch knows its own class only

    def __init__(self) -> None:
        self._pending: Deferred[None] | None = None
        self._requests = 0
        self._tries = 0
        self._stopped = False

    def serviceStopped(self) -> None:
        """conch's: authentication is over, or the connection is."""
        self._stopped = True

    def packetReceived(self, messageNum: int, packet: bytes) -> None:
        """conch's: a message."""
        if messageNum != REQUEST:
            self.transport.sendUnimplemented()
            return
        self._requests += 1
        if self._pending is not None or self._requests > REQUESTS_MAX:
            raise ProtocolError("too many requests for authentication")
        user, service, method, rest = getNS(packet, 3)
        if service != b"ssh-connection":
            raise ProtocolError("no such service")
        name = clean(user[: 4 * NAME_MAX].decode("utf-8", "replace"))[:NAME_MAX].strip()
        pending = Deferred.fromCoroutine(self._authenticate(packet, name, method, rest))
        if not pending.called:
            self._pending = pending
        pending.addErrback(self.transport.failed)

    async def _authenticate(self, packet: bytes, name: str, method: bytes, rest: bytes) -> None:
        try:
            if method == b"none":
                await self._ask(name, "none", "")
            elif method == b"password" and not rest.startswith(b"\1"):
                await self._password(name, rest)
            elif method == b"publickey":
                await self._key(packet, name, rest)
            else:
                self._fail()
        finally:
            self._pending = None

    async def _password(self, name: str, rest: bytes) -> None:
        password = getNS(rest[1:])[0].decode("utf-8", "replace")
        if not await self._ask(name, "password", password):
            self._count_try()

    async def _key(self, packet: bytes, name: str, rest: bytes) -> None:
        """A key: is it accepted, and has its owner signed this very connection?

        The payload: a byte that says whether there is a signature, the algorithm, the key, the
        signature (RFC 4252, section 7).
        """
        algorithm, blob, rest_of_it = getNS(rest[1:], 2)
        is_signed = rest[:1] != b"\0"
        if ALGORITHMS.get(algorithm) != getNS(blob)[0]:
            self._fail()
            return
        text = f"{getNS(blob)[0].decode()} {b64encode(blob).decode()}"
        answer = await self._answer(name, "publickey", text)
        if answer is None:
            return
        if answer.is_proven and not is_signed:
            self.transport.sendPacket(KEY_OK, NS(algorithm) + NS(blob))
        elif answer.is_proven:
            signature = getNS(rest_of_it)[0]
            signed = packet[: len(packet) - len(rest_of_it)]
            session = self.transport.sessionID or b""
            if has_signed(algorithm, blob, NS(session) + bytes((REQUEST,)) + signed, signature):
                self._succeed(Claim(name, proven=True))
            else:
                self._count_try()
        elif answer.is_refused:
            self._fail()
        else:
            self._succeed(Claim(name))

    async def _ask(self, name: str, method: str, secret: str) -> bool:
        """Let them in, or say that this was not enough. Returns whether they are in."""
        answer = await self._answer(name, method, secret)
        if answer is None:
            return True
        if answer.is_refused:
            if method == "none":
                self._fail()
            return False
        self._succeed(Claim(name, proven=answer.is_proven))
        return True

    async def _answer(self, name: str, method: str, secret: str) -> Authenticate | None:
        """What the listeners say; ``None`` if the connection has ended meanwhile."""
        transport = self.transport
        event = Authenticate(
            transport.cletus_service, name, method, secret, transport.address, "ssh"
        )
        await transport.cletus_service.fire(event)
        return None if self._stopped or transport.is_closing else event

    def _succeed(self, claim: Claim) -> None:
        self.transport.sendPacket(SUCCESS, b"")
        self.transport.authenticated(claim)

    def _count_try(self) -> None:
        self._tries += 1
        if self._tries >= TRIES_MAX:
            self.transport.sendDisconnect(NO_MORE_METHODS, b"Too many tries.")
        else:
            self._fail()

    def _fail(self) -> None:
        self.transport.sendPacket(FAILURE, NS(METHODS) + b"\0")


def has_signed(algorithm: bytes, blob: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the signature of the owner of a public key.

    Args:
        algorithm: one of ``ALGORITHMS``; the signature has to be by it.
        blob: the public key (RFC 4253, section 6.6).
        message: what was signed.
        signature: as it was sent.
    """
    try:
        key: Any = Key.fromString(blob, "BLOB")
        name, _, trailing = getNS(signature, 2)
        if name != algorithm:
            return False
        if key.isSecurityKey():
            # OpenSSH's PROTOCOL.u2f: flags and a counter are signed as well. Bit 0: somebody was there.
            flags, counter = trailing[:1], trailing[1:5]
            if len(counter) != 4 or not flags[0] & 1:
                return False
            digest = sha256(key.application).digest()
            message = digest + flags + counter + sha256(message).digest()
        return bool(key.verify(signature, message))
    except Exception:  # noqa: BLE001 - conch raises what its parsers raise: struct.error, ValueError, ...
        return False


def disconnection(reason: int, text: bytes) -> bytes:
    """The payload of a message that ends the connection (RFC 4253, section 11.1)."""
    return struct.pack(">L", reason) + NS(text) + NS(b"")
