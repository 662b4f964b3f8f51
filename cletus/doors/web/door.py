"""The web door itself: what listens, who may come in by which name, and who goes on with which session."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from socket import AddressFamily
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from websockets.frames import Frame, Opcode

from cletus.client.ticket import Resumed, Ticket, ticket_of
from cletus.doors.address import printable
from cletus.doors.admission import ConnectionLimiter, counted_network
from cletus.doors.listening import FreePort, Listening
from cletus.doors.telnet.protocol import TelnetProtocol, name_of, status_of
from cletus.doors.tls import encrypted
from cletus.doors.web.connection import WebConnection
from cletus.doors.web.forwarded import Forwarded, forwarded, is_forwarded
from cletus.doors.web.http import Request
from cletus.doors.web.interfaces import Admission, Socket, Start
from cletus.doors.web.session import Session
from cletus.doors.web.site import FIELDS, PAGE, Site
from cletus.errors import CallTimedOut, CertificateError, DoorError, ProtocolError
from cletus.protocol.subprotocols import CODECS, TelnetCodec, TerminalCodec
from cletus.reactor.shares import Share, Slice
from cletus.service.interfaces import Left, Purpose
from cletus.service.lifecycle import State

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress
    from twisted.python.failure import Failure

    from cletus.client.client import Client
    from cletus.service.service import Service

PING_INTERVAL: Final = 25.0
"""Seconds between two pings; the routers of home networks forget a connection after 60 and more."""

LOOK_INTERVAL: Final = 0.5
"""Seconds between two looks at whether a file of the page was edited."""

_RESUME = re.compile(r"session\.cletus(?:\.([A-Za-z0-9_-]{24})\.(\d{1,15}))?")
_AT = re.compile(r"at\.cletus(?:\.([0-9a-f.]{1,60}))?")
"""The last mark that a page has had from a gateway; offered by pages that can resume at another one."""
_LOCAL_NAMES = frozenset({"localhost", "ip6-localhost"})

_log = Logger()


class WebDoor:
    """Pages and WebSockets on one port, plain and, with the certificate of the TLS settings, encrypted.

    Args:
        service: whose clients those who come in become; its reactor listens.
        host: the address to listen on; by default the setting ``host``.
        port: by default the setting ``web_port``; 0 takes any free one.
        endpoint: an endpoint string of Twisted's, in place of host and port.
        limiter: shared by all doors of the service; by default one of its own.
        fall_back: if the port is in use, take any free one.

    Attributes:
        address: what it listens on, for people: ``web 127.0.0.1:9080``.
        advertised: what crawlers are told of it.
        site: the files.
        host: Twisted's address of what it listens on; ``None`` before it is open.
        tls: the factory of connections that begin with TLS; ``None`` without a certificate.
    """

    def __init__(
        self,
        service: Service,
        *,
        host: str | None = None,
        port: int | None = None,
        endpoint: str = "",
        limiter: ConnectionLimiter | None = None,
        fall_back: bool = False,
    ) -> None:
        settings = service.settings
        self._service = service
        self._name = settings.host if host is None else host
        port = settings.web_port if port is None else port
        self._limiter = limiter or ConnectionLimiter(service)
        self.address = self.configured = f"web {endpoint or f'{self._name}:{port}'}"
        self.advertised: dict[str, int] = {}
        self.host: Any = None
        self.tls: Any = None
        folders = [Path(settings.web_folder)] if settings.web_folder else []
        self.site = Site(PAGE, *folders, name=partial(name_of, service))
        for folder in folders:
            if not folder.is_dir():
                _log.warn("web_folder: there is no folder {folder}", folder=str(folder))
        self._sessions: dict[bytes, Session] = {}
        self._connections: dict[WebConnection, None] = {}
        self._has_left = False  # to another process
        self._last: tuple[int, bytes, bytes] = (0, b"", b"")
        self._timers: list[Any] = []
        self._listening = Listening(
            service.reactor,
            endpoint or (self._name, port),
            self.address,
            keep_alive=settings.keep_alive,
            port_option="--web-port",
            fall_back=FreePort("the page", self._name) if fall_back else None,
        )

    # -- opening and closing ---------------------------------------------------------------------

    def open(self) -> Deferred[None]:
        """Start to accept connections.

        Raises:
            DoorError: through the Deferred: the address cannot be listened on, and why.
        """
        return Deferred.fromCoroutine(self._open())

    async def _open(self) -> None:
        self._read_certificate()
        self._opened(await self._listening.open(_Factory(self)))

    def _read_certificate(self) -> None:
        service, settings = self._service, self._service.settings
        if settings.tls_certificate or settings.tls_self_signed:
            handshakes, shares = ConnectionLimiter(service), service.connections.shares
            try:
                self.tls = encrypted(_Factory(self), service, self._name, handshakes, shares)
            except CertificateError as error:
                raise DoorError(self.address, str(error)) from error

    def _opened(self, host: Any) -> None:
        self.host = host
        self.address = f"web {printable(self.host)}"
        port = getattr(self.host, "port", None)
        if port is not None:
            self.advertised = {"WEB": port}
        self._repeat(PING_INTERVAL, self._ping)
        self._repeat(LOOK_INTERVAL, self._look)

    # -- to another process ------------------------------------------------------------------

    def finish_reading(self) -> None:
        """As ``MovableDoor.finish_reading``. What a session has not received, the page sends again."""
        for session in tuple(self._sessions.values()):
            session.protocol.finish_reading()

    def leave(self) -> list[Left]:
        """As ``MovableDoor.leave``. Of a page the session moves; its WebSocket ends with this process."""
        lefts = self._listening.leave()
        for session in tuple(self._sessions.values()):
            state = session.protocol.leave_session() if session.can_leave else None
            if state is not None:  # and then the session, since telnet may have sent something
                state["session"] = session.snapshot()
                client_id = session.protocol.client.id
                lefts.append(Left(Purpose.CONNECTION, -1, state, client_id))
        for connection in tuple(self._connections):
            left = connection.leave()
            if left is not None:
                lefts.append(left)
        return lefts

    def stay(self) -> None:
        """As ``MovableDoor.stay``."""
        for session in tuple(self._sessions.values()):
            session.protocol.stay()
        for connection in tuple(self._connections):
            connection.stay()

    def left(self) -> None:
        """As ``MovableDoor.left``."""
        self._has_left = True
        self._listening.left()
        for connection in tuple(self._connections):
            connection.left()

    def take_over(self, left: Left, client: Mapping[str, Any] | None) -> Client | None:
        """As ``MovableDoor.take_over``."""
        if left.purpose is Purpose.LISTENING:
            self._read_certificate()
            self._opened(self._listening.take_over(left, _Factory(self)))
        elif left.purpose is Purpose.NEW:
            family = AddressFamily(left.state["family"])
            adopt = self._service.reactor.adoptStreamConnection
            adopt(left.descriptor, family, _Factory(self)).protocol.resume(left.state)
        elif client is not None:
            return self._resume(left.state, client)
        return None

    def _resume(self, state: Mapping[str, Any], client: Mapping[str, Any]) -> Client | None:
        """Go on with a session, without a socket at first."""
        session_state = state["session"]
        host, port = session_state["peer"]
        make: Any = IPv6Address if ":" in host else IPv4Address
        admission = Admission(session_state["host"], counted=True)
        self._limiter.count(admission.host)
        session = Session(self, TelnetCodec(), make("TCP", host, port), admission, resumable=True)
        protocol = TelnetProtocol(self._service, door="web")
        protocol.resume_from(state, client)
        session.restore(session_state, protocol)
        self._sessions[session.secret_hash] = session
        return protocol.client

    def close(self) -> Deferred[None]:
        """Accept no more; those who are connected stay so. Closing twice is harmless."""
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        self._timers.clear()
        return maybeDeferred(self._listening.close)

    @property
    def url(self) -> str:
        """What to open in a browser, for people."""
        port = getattr(self.host, "port", 0)
        name = getattr(self.host, "host", "") or "127.0.0.1"
        if _is_unspecified(name):
            name = "::1" if ":" in name else "127.0.0.1"
        scheme = "https" if self.tls is not None and not _is_loopback(name) else "http"
        return f"{scheme}://{f'[{name}]' if ':' in name else name}:{port}/"

    # -- for connections: who may come in --------------------------------------------------------

    def share(self, host: str, work: Callable[[Slice], bool], within: Share | None) -> Share:
        """The share of a new connection from this address in the time of the reactor."""
        return self._service.connections.shares.join(counted_network(host), work, within)

    def note_memory(self, connection: WebConnection) -> None:
        """What a connection holds may have changed."""
        self._service.connections.held_memory.update(connection)

    def admit(self, connection: WebConnection) -> Admission | None:
        """Count a new connection; of one that comes through a proxy, later, by its head.

        Returns:
            ``None`` if there is no room, and the connection is being closed.
        """
        host = getattr(connection.transport.getPeer(), "host", "")
        if self._is_proxy(connection):
            return Admission(host, proxied=True)
        if self._limiter.admit(host) is not None:
            connection.transport.loseConnection()
            return None
        return Admission(host, counted=True)

    def settle(self, admission: Admission, request: Request, connection: WebConnection) -> bool:
        """Count a connection that comes through a proxy. Returns whether there is room.

        A proxy sends requests of several people on one connection, so each is asked whose it is.
        """
        host = getattr(self._peer_of(request, connection), "host", "")
        if admission.proxied and (not admission.counted or admission.host != host):
            self.release(admission)
            admission.host = host
            admission.counted = self._limiter.admit(host) is None
        return admission.counted

    def release(self, admission: Admission) -> None:
        """A counted person has left; calling it twice is harmless."""
        if admission.counted:
            admission.counted = False
            self._limiter.release(admission.host)

    def problem_with(self, request: Request, connection: WebConnection) -> tuple[int, str] | None:
        """Why a request is refused: what its proxy says, or by which name it asks (W1, W2).

        Returns:
            status and reason, or ``None`` if it is fine.
        """
        try:
            self._forwarded(request, connection)
        except ProtocolError as error:
            return 400, f"{error}. The proxy has to set one, and to take out the other."
        host = request.get("host") or ""
        if self._is_local(connection) and not _is_local_name(host) and not self._is_ours(host):
            return 403, (
                f"This service does not know that it is called {host[:100]!r}. "
                'Its operator can say so: web_origins = ["https://NAME"].'
            )
        origin = request.get("origin")
        if request.is_upgrade and origin is not None:
            netloc = _netloc(origin)
            if netloc != host.lower() and not self._is_ours(netloc, origin):
                return 403, (
                    f"Pages of {origin[:100]!r} may not talk to this service. "
                    "Its operator can let them: web_origins."
                )
        return None

    def _is_ours(self, netloc: str, origin: str = "") -> bool:
        origins = self._service.settings.web_origins
        names = {_netloc(known) for known in origins}
        if origin:
            return "*" in origins or origin.lower() in {
                known.lower().rstrip("/") for known in origins
            }
        return "*" in origins or (bool(netloc) and netloc.lower() in names)

    def _is_local(self, connection: WebConnection) -> bool:
        return _is_loopback(getattr(connection.transport.getHost(), "host", ""))

    def _is_proxy(self, connection: WebConnection) -> bool:
        return self._limiter.believes(getattr(connection.transport.getPeer(), "host", ""))

    def _forwarded(self, request: Request, connection: WebConnection) -> Forwarded:
        """What a trusted proxy says; nothing, if the peer is not one (W15)."""
        if not self._is_proxy(connection):
            return Forwarded()
        return forwarded(request, self._limiter.believes)

    def _peer_of(self, request: Request, connection: WebConnection) -> Any:
        """Where the person is."""
        host = self._forwarded(request, connection).host
        if not host:
            return connection.transport.getPeer()
        make: Any = IPv6Address if ":" in host else IPv4Address
        return make("TCP", host, 0)

    # -- for connections: files ------------------------------------------------------------------

    def response(self, request: Request) -> tuple[int, list[tuple[str, str]], bytes]:
        """The answer to a request: status, header fields, body."""
        if request.path == "/health":
            running = self._service.state is State.RUNNING
            return self._plain(200 if running else 503, b"ok\n" if running else b"not running\n")
        if request.path == "/status":
            body = json.dumps(status_of(self._service), default=str).encode()
            return 200, [*FIELDS, ("Content-Type", "application/json")], body
        file = self.site.get(request.path)
        if file is None:
            return self._plain(404, b"There is no such page.\n")
        fields = [*FIELDS, ("ETag", file.etag), ("Vary", "Accept-Encoding")]
        known = (request.get("if-none-match") or "").replace("W/", "")
        if file.etag in [entry.strip() for entry in known.split(",")]:
            return 304, fields, b""
        fields.append(("Content-Type", file.type))
        if file.packed and "gzip" in (request.get("accept-encoding") or ""):
            return 200, [*fields, ("Content-Encoding", "gzip")], file.packed
        return 200, fields, file.data

    def _plain(self, status: int, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        return status, [*FIELDS, ("Content-Type", "text/plain; charset=utf-8")], body

    # -- for connections: sessions ---------------------------------------------------------------

    def starts(
        self, request: Request, connection: WebConnection, admission: Admission
    ) -> Start | str:
        """How a WebSocket begins: with a new session, or by going on with an old one.

        Returns:
            what to do once it is upgraded; or why it cannot be, in words.
        """
        offered = [
            name.strip()
            for key, value in request.fields
            if key == "sec-websocket-protocol"
            for name in value.split(",")
        ]
        codec = next((CODECS[name] for name in offered if name in CODECS), None)
        if offered and codec is None:
            return f"Of these subprotocols one must be offered: {', '.join(CODECS)}."
        peer = self._peer_of(request, connection)
        told = self._forwarded(request, connection)
        is_tls = connection.is_encrypted or ISSLTransport.providedBy(connection.transport)
        secure = is_tls or told.secure
        relayed = is_forwarded(request) and not told.host and not told.secure
        new = partial(self._new, secure=secure, relayed=relayed)
        if codec is not TelnetCodec:
            session = Session(self, (codec or TerminalCodec)(), peer, admission)
            return new(session, None if codec is None else codec.name)
        words = next((match for name in offered if (match := _RESUME.fullmatch(name))), None)
        if words is None:
            return new(Session(self, TelnetCodec(), peer, admission), TelnetCodec.name)
        if words[1]:
            known, have = self._sessions.get(_digest(words[1])), int(words[2])
            if known is not None and known.can_resume(have):
                return Start(TelnetCodec.name, known, partial(known.resume, have=have))
        session = Session(self, TelnetCodec(), peer, admission, resumable=True)
        start = new(session, TelnetCodec.name)
        at = next((match for name in offered if (match := _AT.fullmatch(name))), None)
        ask = self._service.connections.resume_elsewhere
        if not (words[1] and at and ask and self.resume_grace):
            return start
        return self._asked(start, session, partial(ask, ticket_of(words[1]), at[1] or ""), words[1])

    def _asked(
        self,
        start: Start,
        session: Session,
        ask: Callable[[], Deferred[Resumed | None]],
        secret: str,
    ) -> Start:
        """A session that begins when it is known whether another gateway had it."""

        def begin(socket: Socket) -> None:
            answer = ask()
            session.wait(socket, answer)
            answer.addTimeout(self.resume_grace, self._service.reactor)
            answer.addErrback(lambda _: None)  # then the person begins anew
            answer.addCallback(partial(answered, socket))
            answer.addErrback(self._failed)

        def answered(socket: Socket, resumed: Resumed | None) -> None:
            if session.is_waiting_at(socket):
                if resumed is not None:
                    session.comes_from(secret, resumed)
                start.begin(socket)

        return Start(start.subprotocol, session, begin)

    def _failed(self, failure: Failure) -> None:
        _log.failure("a page could not go on here", failure=failure)

    def _new(
        self, session: Session, subprotocol: str | None, *, secure: bool, relayed: bool
    ) -> Start:
        """A session that begins with the telnet connection inside it."""

        def begin(socket: Socket) -> None:
            words = ""
            if session.resumable:
                secret = secrets.token_urlsafe(18)
                session.secret_hash = _digest(secret)
                self._sessions[session.secret_hash] = session
                grace = round(self.resume_grace)
                words = json.dumps(
                    {"session": secret, "grace": grace, **session.moved, **self.page}
                )
            protocol = TelnetProtocol(self._service, door="web", tls=secure)
            if session.resumable and self._service.connections.resume_elsewhere is not None:
                protocol.ticket = Ticket(ticket_of(secret), session.former)
            protocol.terminal.relayed = relayed
            # The page breaks lines itself, and so do programs that are sent text and nothing of telnet.
            protocol.terminal.reflows = session.resumable or not session.speaks_telnet
            protocol.terminal.prompts_apart = session.resumable
            session.begin(protocol, socket, words)

        return Start(subprotocol, session, begin)

    def session_ended(self, session: Session) -> None:
        """A session is over, and nobody can go on with it."""
        self._sessions.pop(session.secret_hash, None)
        self.release(session.admission)

    def connected(self, connection: WebConnection) -> None:
        """Somebody has connected."""
        self._connections[connection] = None

    def disconnected(self, connection: WebConnection) -> None:
        """A connection is gone."""
        self._connections.pop(connection, None)

    def framed(self, opcode: int, payload: bytes) -> bytes:
        """A message as it is sent; for all who are sent the same object, it is made once."""
        last = self._last
        if last[1] is not payload or last[0] != opcode:
            frame = Frame(Opcode(opcode), payload).serialize(mask=False)
            last = self._last = (opcode, payload, frame)
        return last[2]

    @property
    def message_max(self) -> int:
        """Bytes of a message: a line with its end, or a subnegotiation with its frame."""
        settings = self._service.settings
        if not settings.line_max or not settings.subnegotiation_max:
            return 1 << 20
        return max(settings.line_max + 2, settings.subnegotiation_max + 5)

    @property
    def resume_grace(self) -> float:
        """Seconds for which a session waits for another socket."""
        return self._service.settings.resume_grace

    @property
    def resume_max(self) -> int:
        """Bytes that are kept for sending again, for each session."""
        return self._service.settings.resume_max

    @property
    def is_stopping(self) -> bool:
        """Whether the service stops, or another process has taken over."""
        return self._has_left or self._service.state in (State.STOPPING, State.STOPPED)

    def seconds(self) -> float:
        """The reactor's clock."""
        seconds: float = self._service.reactor.seconds()
        return seconds

    def call_later(self, delay: float, call: Callable[..., object], *args: Any) -> Any:
        """The reactor's ``callLater``."""
        return self._service.reactor.callLater(delay, call, *args)

    def count_received(self, size: int) -> None:
        """So many bytes have come, for the metrics."""
        self._service.metrics.received.value += size

    # -- inside ----------------------------------------------------------------------------------

    @property
    def page(self) -> dict[str, Any]:
        """The version of the page and of each of its files, for pages that are open."""
        return {"page": self.site.version, "files": self.site.etags()}

    def _repeat(self, interval: float, call: Callable[[], None]) -> None:
        def again() -> None:
            self._timers[:] = [timer for timer in self._timers if timer.active()]
            self._timers.append(self.call_later(interval, again))
            try:
                call()
            except (Exception, CallTimedOut):  # noqa: BLE001 - the next time may go well
                _log.failure("a timer of the web door failed")

        self._timers.append(self.call_later(interval, again))

    def _ping(self) -> None:
        for connection in tuple(self._connections):
            connection.ping()

    def _look(self) -> None:
        if not self.site.look():
            return
        for session in self._sessions.values():
            session.say(self.page)


class _Factory(ServerFactory):
    """Makes the protocol of each connection that the door accepts."""

    noisy = False  # the service tells where it listens

    def __init__(self, door: WebDoor) -> None:
        self._door = door

    def buildProtocol(self, addr: IAddress | None) -> WebConnection:
        """Twisted's: somebody has connected."""
        return WebConnection(self._door)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _is_unspecified(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _netloc(origin: str) -> str:
    """Host and port of an origin, in lower case; "" if it has none (``null``), or is not one."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_local_name(host: str) -> bool:
    """Whether a Host field names this machine: ``localhost:9080``, ``127.0.0.1``, ``[::1]:9080``."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name in _LOCAL_NAMES or name.endswith(".localhost") or _is_loopback(name)
