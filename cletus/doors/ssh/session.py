"""The session of an SSH connection (RFC 4254): one shell, and the client's ``Transport``.

With a terminal (``pty-req``), the terminal's ``editor`` shows what is typed, below what others say. Without one
(``ssh -T``) lines come and go as they are.

What is typed waits in ``_typed`` until it is taken. The peer may send as many bytes as its window allows,
and the window opens again only as they are taken: so they have a bound, whoever is slow.
"""

from __future__ import annotations

import re
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.connection import (
    MSG_CHANNEL_OPEN_FAILURE,
    OPEN_ADMINISTRATIVELY_PROHIBITED,
    SSHConnection,
)
from twisted.logger import Logger

from cletus.client.input import Bucket
from cletus.doors.ssh.quiet import QUIET
from cletus.errors import ProtocolError
from cletus.logs.context import log_context
from cletus.protocol.capabilities import charset_of_environment, colours_of_environment
from cletus.protocol.charset import decode, telnet_encoder
from cletus.protocol.connection import TOO_LONG
from cletus.protocol.line_editor import PASTE_MODE, LineEditor
from cletus.protocol.lines import CutLine, LineBuffer
from cletus.protocol.naws import COLUMNS, ROWS, bounded
from cletus.protocol.new_environ import VALUE_MAX, WANTED
from cletus.protocol.terminal import COLUMNS as COLUMNS_UNKNOWN
from cletus.protocol.terminal import ROWS as ROWS_UNKNOWN
from cletus.protocol.terminal import Terminal
from cletus.protocol.text import clean, typed_line
from cletus.reactor.shares import Share, Slice

if TYPE_CHECKING:
    from cletus.client.client import Client
    from cletus.doors.ssh.interfaces import Connection

WINDOW: Final = 32 * 1024
"""Bytes that may be typed ahead. Our choice: a pasted page."""

PACKET_MIN: Final = 1024
"""Bytes that a peer must take in a packet; each packet costs us an encryption. Our choice."""

KEYS_PER_SECOND: Final = 200
KEYS_AT_ONCE: Final = 2000
"""Keys, or runs of letters, that are taken. More of them wait. Each costs the more the longer the line
is, since it is measured and drawn anew; ``_cost`` counts that."""

NO_COMMANDS: Final = "There is nothing to run here. Connect without a command: ssh {}@HOST"

_RUN = re.compile(
    rb"\x1b(?:\[[0-9;?<=>]{0,16}[@-~]|O[@-~]|[^\[O])|[^\x00-\x1f\x7f]{1,512}|\r\n|[\x00-\xff]",
    re.DOTALL,
)
_DUMB: Final = frozenset({"", "dumb", "unknown"})

_Connection: Any = SSHConnection  # conch is not annotated
_Channel: Any = SSHChannel

_log = Logger()

#: Messages of ``ssh-connection`` that a client begins with (RFC 4250, section 4.1.2). conch takes an answer to
#: what was never asked, and then forgets a channel that is open.
_FROM_CLIENTS: Final = frozenset({80, 90, 93, 94, 95, 96, 97, 98})


class Sessions(_Connection):  # type: ignore[misc]  # see above
    """conch's ``ssh-connection``: one session, and nothing else (no forwarding, no agent, no X11)."""

    _log = QUIET
    transport: Connection

    def __init__(self) -> None:
        super().__init__()
        self._has_opened = False

    def serviceStarted(self) -> None:
        """conch's: they may open channels now."""

    def packetReceived(self, messageNum: int, packet: bytes) -> None:
        """conch's: a message. We open no channel and ask for nothing, so nobody has answers for us."""
        if messageNum not in _FROM_CLIENTS:
            raise ProtocolError(f"message {messageNum}, which is not for a server")
        super().packetReceived(messageNum, packet)

    def ssh_CHANNEL_OPEN(self, packet: bytes) -> None:
        """conch's: they open a channel."""
        name, rest = getNS(packet)
        number, _, packet_max = struct.unpack(">3L", rest[:12])
        if name != b"session" or self._has_opened or packet_max < PACKET_MIN:
            reason = NS(b"one session is all there is") + NS(b"")
            reply = struct.pack(">2L", number, OPEN_ADMINISTRATIVELY_PROHIBITED) + reason
            self.transport.sendPacket(MSG_CHANNEL_OPEN_FAILURE, reply)
            return
        self._has_opened = True
        super().ssh_CHANNEL_OPEN(packet)

    def getChannel(  # noqa: D102 - conch's
        self,
        channelType: bytes,
        windowSize: int,
        maxPacket: int,
        data: bytes,
    ) -> Shell:
        return Shell(self, windowSize, maxPacket)

    def gotGlobalRequest(self, requestType: bytes, data: bytes) -> int:
        """conch's: forwarding, keep-alives and the like; the answer is no."""
        return 0


class Shell(_Channel):  # type: ignore[misc]  # see above
    """A session channel, and the ``Transport`` of its client.

    Attributes:
        address: where they are, for logs.
        terminal: their terminal.
        client: the client; ``None`` before they have asked for the shell.
    """

    name = b"session"
    _log = QUIET
    conn: Sessions

    def __init__(self, connection: Sessions, window: int, packet_max: int) -> None:
        super().__init__(
            localWindow=WINDOW,
            localMaxPacket=WINDOW,
            remoteWindow=window,
            remoteMaxPacket=min(packet_max, WINDOW),
            conn=connection,
        )
        self._transport: Connection = connection.transport
        self._service = self._transport.cletus_service
        self.address = self._transport.address
        self.terminal = Terminal(telnet_encoder(), tls=True)
        self.client: Client | None = None
        self._has_begun = False  # a shell or a command was asked for
        self._lines = LineBuffer(self._service.settings.line_max)
        self._environment: dict[str, str] = {}
        self._charset_known = False
        self._pastes = False
        self._typed = b""
        self._taken = 0  # bytes, since the window was opened last
        self._ended = False  # they will type nothing more
        self._reading = True
        self._is_gone = False
        self._keys = Bucket(KEYS_PER_SECOND, KEYS_AT_ONCE, self._service.reactor.seconds())
        self._timer: Any = None
        self._share: Share | None = None

    @property
    def is_stranger(self) -> bool:
        """Whether nobody has logged in here yet."""
        return self.client is None or self.client.user is None

    @property
    def held(self) -> int:
        """Bytes of memory: what is typed and not taken, the line at hand, and what waits for their window."""
        editor, client = self.terminal.editor, self.client
        line = len(self._lines.partial) if editor is None else editor.held
        waiting = 0 if client is None else client.held
        return len(self._typed) + line + waiting + len(self.buf)

    # -- called by conch --------------------------------------------------------------------

    def channelOpen(self, specificData: bytes) -> None:
        """conch's: the channel is open. From now on, only we open its window again."""
        self.localWindowSize = 0

    def requestReceived(self, requestType: bytes, data: bytes) -> bool:
        """conch's: a request. It must not raise: conch would log that in its own way."""
        request = self._REQUESTS.get(requestType)
        try:
            return request is not None and bool(request(self, data))
        except (ValueError, IndexError, struct.error):
            return False

    def dataReceived(self, data: bytes) -> None:
        """conch's: keys; also before the shell is ready."""
        self._typed += data
        self._take_typed()

    def extReceived(self, dataType: int, data: bytes) -> None:
        """conch's: nothing that a client sends."""

    def eofReceived(self) -> None:
        """conch's: they will type nothing more."""
        self._ended = True
        self._take_typed()

    def closed(self) -> None:
        """conch's: both sides have closed the channel."""
        self._transport.finish_soon()

    def stopWriting(self) -> None:
        """conch's: their window is full."""
        self._transport.block("window")
        self._transport.note_memory()

    def startWriting(self) -> None:
        """conch's: their window has room again."""
        self._transport.unblock("window")
        self._transport.note_memory()

    def connection_lost(self, reason: str) -> None:
        """The connection is gone."""
        self._is_gone = True
        if self._share is not None:
            self._share.leave()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.client is not None:
            self._take_rest()
            self.client.disconnected(reason)

    # -- requests ---------------------------------------------------------------------------

    def _request_terminal(self, data: bytes) -> bool:
        """``pty-req``: the name of the terminal, columns, rows, and what does not matter here."""
        if self._has_begun:
            return False
        name, rest = getNS(data)
        columns, rows = struct.unpack(">2L", rest[:8])
        text = clean(name[:VALUE_MAX].decode("latin-1"))
        self._environment["TERMINAL_TYPE"] = text
        self.terminal.editor = LineEditor(line_max=self._service.settings.line_max)
        self.terminal.wrap = True  # a plain terminal breaks lines inside of words
        self.terminal.name = text.upper()
        self.terminal.types = (text.upper(),)
        self._resize(columns, rows)
        return True

    def _request_variable(self, data: bytes) -> bool:
        name, value, _ = getNS(data, 2)
        text = name.decode("latin-1")
        if self._has_begun or text not in WANTED or text == "TERMINAL_TYPE":
            return False
        self._environment[text] = clean(value[:VALUE_MAX].decode("latin-1"))
        return True

    def _request_resize(self, data: bytes) -> bool:
        columns, rows = struct.unpack(">2L", data[:8])
        if self._resize(columns, rows) and self.client is not None:
            self._service.connections.resized(self.client)
        return True

    def _request_signal(self, data: bytes) -> bool:
        if self.client is not None and (not data or getNS(data)[0] == b"INT"):
            self._service.connections.interrupted(self.client)
        return True

    def _request_command(self, data: bytes) -> bool:
        if self._has_begun:
            return False
        self._has_begun = True
        self._service.reactor.callLater(0, self._refuse_command)  # after the answer to this request
        return True

    def _request_shell(self, data: bytes) -> bool:
        if self._has_begun:
            return False
        self._has_begun = True
        terminal = self.terminal
        charset = charset_of_environment(self._environment)
        if charset:
            with suppress(LookupError):  # unknown
                terminal.encoder = telnet_encoder(charset)
                self._charset_known = True
        if self.terminal.editor is not None:
            terminal.colours = colours_of_environment(self._environment)
            terminal.screen_reader = self._environment.get("SCREEN_READER") == "1"
        # Whatever the application does when somebody connects, it does after the answer to this request.
        self._service.reactor.callLater(0, self._come_in)
        return True

    _REQUESTS: Final = {
        b"pty-req": _request_terminal,
        b"env": _request_variable,
        b"window-change": _request_resize,
        b"signal": _request_signal,
        b"break": lambda self, _: self._request_signal(b""),
        b"exec": _request_command,
        b"shell": _request_shell,
    }

    def _come_in(self) -> None:
        if self._transport.is_closing or self._is_gone or self.localClosed:
            return
        self._transport.came_in(self)
        self._share = self._transport.join_shares(self._work)
        if (
            self.terminal.editor is not None
            and self._environment["TERMINAL_TYPE"].lower() not in _DUMB
        ):
            self._pastes = True
            self._put(PASTE_MODE.encode())
        try:
            self.client = self._service.connections.connected(
                self, door="ssh", claim=self._transport.claim
            )
        except Exception:  # noqa: BLE001 - Twisted would log it and leave a connection without a client
            _log.failure("no client could be created for {client}", client=self.address)
            self.abort()
            return
        if self._transport.is_blocked:
            self.client.pause_output()
        self._take_typed()

    def _refuse_command(self) -> None:
        if not (self._transport.is_closing or self.localClosed):
            name = "NAME" if self._transport.claim is None else self._transport.claim.name
            self._put(f"{NO_COMMANDS.format(name)}\r\n".encode())
            self._end_with(1)

    def _resize(self, columns: int, rows: int) -> bool:
        """Take a size; whether it is another one."""
        terminal = self.terminal
        size = bounded(columns, COLUMNS) or COLUMNS_UNKNOWN, bounded(rows, ROWS) or ROWS_UNKNOWN
        if terminal.editor is not None:
            terminal.editor.columns = size[0]
        if size == (terminal.columns, terminal.rows):
            return False
        terminal.columns, terminal.rows = size
        return True

    # -- what is typed ----------------------------------------------------------------------

    def _take_typed(self) -> None:
        """Take what is typed, as far as the client reads, the peer reads, and keys are allowed."""
        if self._share is not None and self._timer is None and not self._is_gone:
            self._share.run()

    def _work(self, current: Slice) -> bool:
        client, is_interrupted = self.client, False
        if client is None or self._timer is not None or self._is_gone:
            return False
        position, now = 0, self._service.reactor.seconds()
        typed, self._typed = self._typed, b""
        while position < len(typed) and self._reading and not self._transport.is_blocked:
            match = _RUN.match(typed, position)
            assert match is not None  # noqa: S101 - its last branch matches any byte
            wait = self._wait(now)
            if wait:
                self._timer = self._service.reactor.callLater(wait, self._timer_fired)
                break
            position = match.end()
            self._key(match[0], client, current)
            if self._is_gone or self.localClosed:
                return False
            if current.is_over:
                is_interrupted = position < len(typed)
                break
        self._typed = typed[position:] + self._typed
        self._open_window(position)
        if self._ended and not self._typed:
            client.input_ended()
        self.note_memory()
        return is_interrupted

    def _take_rest(self) -> None:
        """The connection is gone: what was typed before it counts, up to what may be typed at once."""
        client, typed = self.client, self._typed
        self._typed = b""
        if client is not None:
            for run in _RUN.findall(typed)[:KEYS_PER_SECOND]:
                self._key(run, client, Slice(self._service.reactor.seconds))

    def _wait(self, now: float) -> float:
        """Seconds until the next key may be taken."""
        editor = self.terminal.editor
        cost = 1 if editor is None else 1 + len(editor.text) // 64
        return max(self._keys.take(now) for _ in range(cost))

    def _timer_fired(self) -> None:
        self._timer = None
        self._take_typed()

    def _open_window(self, count: int) -> None:
        self._taken += count
        if self._taken >= WINDOW // 2 and not self._transport.is_closing:
            self.conn.adjustWindow(self, self._taken)
            self._taken = 0

    def _key(self, data: bytes, client: Client, current: Slice) -> None:
        """Take one key, or a run of letters. If its line fails, the next one is still handled."""
        with log_context(client):
            try:
                if self.terminal.editor is None:
                    current.excuse(self._plain, data, client)
                else:
                    client.keys_received(data, current.excuse)
            except Exception:  # noqa: BLE001 - the input is left out of the log: it may be a password
                _log.failure("handling input from {address} failed", address=self.address)

    def _plain(self, data: bytes, client: Client) -> None:
        for line in self._lines.receive(data):
            cut = isinstance(line, CutLine)
            if cut:
                client.write(TOO_LONG.format(len(line)))
            charset, known = self.terminal.encoding, self._charset_known
            client.line_received(typed_line(decode(line, charset, negotiated=known, cut=cut)))

    # -- called by the client: ``cletus.client.interfaces.Transport`` ------------------------

    def send(self, data: bytes) -> None:
        """Send encoded text, of which SSH doubles no bytes."""
        data = data.replace(b"\xff\xff", b"\xff")
        self._put(data if self.terminal.editor is not None else data.replace(b"\r\n", b"\n"))

    def pause_reading(self) -> None:
        """Take nothing more of what is typed. Calling it twice is harmless."""
        self._reading = False

    def resume_reading(self) -> None:
        """Take what is typed. Calling it twice is harmless."""
        if not self._reading:
            self._reading = True
            self._service.reactor.callLater(0, self._take_typed)

    def hide_input(self, hidden: bool) -> bytes:
        """None: with a terminal, the editor hides what is typed; without one, nobody shows it."""
        return b""

    def prompt_mark(self) -> bytes:
        """None: there is no program to be told."""
        return b""

    def message(self, package: str, data: Any) -> bytes:
        """None: SSH has no GMCP."""
        return b""

    def note_memory(self) -> None:
        """What the connection holds may have changed."""
        self._transport.note_memory()

    def close(self) -> None:
        """Close when everything has gone out."""
        self._end_with(0)

    def abort(self) -> None:
        """Close at once, also when the peer does not read."""
        self._transport.abort()

    # -- output -----------------------------------------------------------------------------

    def pause_output(self) -> None:
        """For the connection: output waits from now on."""
        if self.client is not None:
            self.client.pause_output()

    def resume_output(self) -> None:
        """For the connection: output goes out again."""
        if self.client is not None:
            self.client.resume_output()
            self._take_typed()

    def _put(self, data: bytes) -> None:
        if data and not (self._is_gone or self._transport.is_closing):
            self._service.metrics.sent.value += len(data)
            self.write(data)

    def _end_with(self, status: int) -> None:
        if self._is_gone or self.localClosed or self.closing:
            return
        if self._pastes:
            self._put(PASTE_MODE.replace("h", "l").encode())
        self.conn.sendRequest(self, b"exit-status", struct.pack(">L", status))
        self.loseConnection()
