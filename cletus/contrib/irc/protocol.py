"""One connection to an IRC server: Twisted's client, held to what a bridge needs.

Twisted's class answers CTCP requests, opens DCC connections, keeps whatever a server lists, and drops the
connection for a line that is not UTF-8. This one handles the commands of a table, and ignores the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Protocol

from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.protocols import irc
from typing_extensions import override

from cletus.contrib.irc.lines import decoded, folded, plain
from cletus.text import gettext as _
from cletus.text import gettext_noop as N_  # noqa: N812 - as gettext's manual calls it

_log = Logger()

#: Seconds of silence after which the server is asked whether it is there.
PING_AFTER: Final = 60.0

#: Seconds of silence after which the connection is given up; also for the login.
SILENCE_MAX: Final = 180.0

#: Nicknames that are tried when the wanted one is taken: ``lantern1``, ``lantern2``...
NICKNAMES_MAX: Final = 9

#: Nicknames that are remembered for a channel.
PEOPLE_MAX: Final = 1000

#: Bytes that may wait for a server that does not read, such as answers to its pings.
WAITING_MAX: Final = 65_536

#: Characters of a nickname that a number is put after. Servers allow at least 9 (RFC 2812, section 1.2.1).
_STEM: Final = 8

#: Replies to JOIN that refuse it.
_JOIN_REFUSED: Final = {
    "ERR_NOSUCHCHANNEL": N_("there is no such channel"),
    "ERR_TOOMANYCHANNELS": N_("too many channels"),
    "ERR_CHANNELISFULL": N_("it is full"),
    "ERR_INVITEONLYCHAN": N_("it is by invitation only"),
    "ERR_BANNEDFROMCHAN": N_("we are banned from it"),
    "ERR_BADCHANNELKEY": N_("its key is another"),
    "ERR_NOCHANMODES": N_("only registered nicknames may join it"),  # 477, as networks use it
}

_HANDLED: Final = frozenset(
    {
        *("PING", "PRIVMSG", "JOIN", "PART", "QUIT", "KICK", "NICK", "ERROR"),
        *("RPL_WELCOME", "RPL_NAMREPLY", "ERR_NICKNAMEINUSE", "ERR_ERRONEUSNICKNAME"),
        *("ERR_PASSWDMISMATCH", *_JOIN_REFUSED),
    }
)


class Listener(Protocol):
    """What a connection reports to."""

    def signed_on(self) -> None:
        """The server has welcomed us."""

    def entered(self, target: str) -> None:
        """We are on a channel now."""

    def received(self, nickname: str, target: str, text: str, *, action: bool) -> None:
        """Somebody has written to a channel."""

    def disconnected(self, reason: str) -> None:
        """The connection is gone."""


class IrcConnection(irc.IRCClient):
    """A connection to a server.

    Args:
        listener: what it reports to.
        nickname: the wanted nickname; also the user name.
        realname: what ``/whois`` shows.
        password: of the server; empty for none.
        channels: those to join, to their keys.
        seconds: a monotonic clock.

    Attributes:
        people: the channels that we are on, folded, to the nicknames of the others there.
        refused: the channels that the server does not let us join, folded, and why.
    """

    transport: Any

    def __init__(
        self,
        listener: Listener,
        *,
        nickname: str,
        realname: str,
        password: str,
        channels: Iterable[tuple[str, str]],
        seconds: Any,
    ) -> None:
        self.wanted = self.nickname = nickname
        self._realname = realname
        self._password = password
        self.channels = dict(channels)
        self.people: dict[str, set[str]] = {}
        self.refused: dict[str, str] = {}
        self.is_signed_on = False
        self._listener = listener
        self._seconds = seconds
        self._heard_at = seconds()
        self._is_pinged = False
        self._attempts = 0
        self._waiting: int | None = None
        self._reason = ""

    # -- for the link -----------------------------------------------------------------------

    def is_on(self, target: str) -> bool:
        """Whether we are on a channel."""
        return folded(target) in self.people

    def send(self, target: str, text: str) -> None:
        """Send a message that fits in a line."""
        self.sendLine(f"PRIVMSG {target} :{text}")

    def set_channels(self, channels: Iterable[tuple[str, str]]) -> None:
        """Be on these channels, and on no others."""
        former, self.channels = self.channels, dict(channels)
        wanted = {folded(name) for name in self.channels}
        for name in former:
            if folded(name) not in wanted:
                self.people.pop(folded(name), None)
                self.sendLine(f"PART {name}")
        self.join_missing()

    def join_missing(self) -> None:
        """Join the channels that we are not on, such as after a kick."""
        if self.is_signed_on:
            for name, key in self.channels.items():
                if not self.is_on(name):
                    self.sendLine(f"JOIN {name} {key}".rstrip())

    def check(self) -> None:
        """To be called now and then: notice silence, join what is missing, take the wanted nickname."""
        silence = self._seconds() - self._heard_at
        if silence >= SILENCE_MAX:
            self.give_up(N_("the server is silent"))
            return
        if self.is_signed_on:
            if silence >= PING_AFTER and not self._is_pinged:
                self._is_pinged = True
                self.sendLine("PING :cletus")
            self.join_missing()
            if self.nickname != self.wanted:
                self.sendLine(f"NICK {self.wanted}")

    def close(self, reason: str) -> None:
        """Say goodbye and close the connection."""
        self._reason = self._reason or reason
        if self.transport is not None:
            self.sendLine(f"QUIT :{reason}")
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def give_up(self, reason: str) -> None:
        """Close the connection at once."""
        self._reason = self._reason or reason
        if self.transport is not None:
            self.transport.abortConnection()

    # -- a server that does not read: IPushProducer --------------------------------------------------

    def pauseProducing(self) -> None:
        """The transport waits: for the server, or for the handshake of TLS."""
        self._waiting = 0

    def resumeProducing(self) -> None:
        """All was sent."""
        self._waiting = None

    def stopProducing(self) -> None:
        """``connectionLost`` says so as well."""

    # -- lines ------------------------------------------------------------------------------

    @override
    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)
        if self._password:
            self.sendLine(f"PASS {self._password}")
        self.sendLine(f"NICK {self.wanted}")
        self.sendLine(f"USER {self.wanted[:_STEM]} 0 * :{self._realname}")

    @override
    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.people.clear()
        self.is_signed_on = False
        self._listener.disconnected(self._reason or reason.getErrorMessage())

    @override
    def sendLine(self, line: str) -> None:
        data = line.encode() + b"\r\n"
        self.transport.write(data)
        if self._waiting is not None:
            self._waiting += len(data)
            if self._waiting > WAITING_MAX:
                self.give_up(N_("the server does not read"))

    @override
    def lineReceived(self, line: bytes) -> None:
        self._heard_at, self._is_pinged = self._seconds(), False
        try:
            prefix, command, params = irc.parsemsg(decoded(line))
        except (irc.IRCBadMessage, ValueError, IndexError):
            return  # not a message
        self.handleCommand(irc.numeric_to_symbolic.get(command, command), prefix, params)

    @override
    def handleCommand(self, command: str, prefix: str, params: list[str]) -> None:
        if command in _JOIN_REFUSED:
            self._join_refused(command, params)
        elif command in _HANDLED:
            try:
                getattr(self, f"irc_{command}")(prefix, params)
            except (IndexError, ValueError):
                _log.debug("irc: {command} with other parameters than it has", command=command)

    @override
    def lineLengthExceeded(self, line: bytes) -> None:
        self.give_up(N_("the server has sent a line without an end"))

    # -- the login --------------------------------------------------------------------------

    @override
    def irc_RPL_WELCOME(self, prefix: str, params: list[str]) -> None:
        self.nickname = params[0]  # the server may have cut it
        self.is_signed_on = True
        self.join_missing()
        self._listener.signed_on()

    @override
    def irc_ERR_NICKNAMEINUSE(self, prefix: str, params: list[str]) -> None:
        if self.is_signed_on:
            return  # it is tried again
        self._attempts += 1
        if self._attempts > NICKNAMES_MAX:
            self.give_up(N_("all nicknames are taken"))
            return
        self.sendLine(f"NICK {self.wanted[:_STEM]}{self._attempts}")

    @override
    def irc_ERR_ERRONEUSNICKNAME(self, prefix: str, params: list[str]) -> None:
        if not self.is_signed_on:
            self.give_up(_("the server does not allow the nickname {name}", name=self.wanted))

    @override
    def irc_ERR_PASSWDMISMATCH(self, prefix: str, params: list[str]) -> None:
        self._reason = N_("the server does not accept the password")

    def irc_ERROR(self, prefix: str, params: list[str]) -> None:
        """The server is about to close the connection, and says why."""
        self._reason = self._reason or params[-1][:200]

    # -- channels ---------------------------------------------------------------------------

    def irc_RPL_NAMREPLY(self, prefix: str, params: list[str]) -> None:
        """Some of the people on a channel."""
        for name in params[-1].split():
            self.userJoined(name.lstrip("~&@%+").partition("!")[0], params[-2])

    @override
    def joined(self, channel: str) -> None:
        if folded(channel) not in {folded(name) for name in self.channels}:
            return  # a server can put us anywhere
        self.people[folded(channel)] = set()
        self.refused.pop(folded(channel), None)
        self._listener.entered(channel)

    @override
    def left(self, channel: str) -> None:
        self.people.pop(folded(channel), None)

    @override
    def kickedFrom(self, channel: str, kicker: str, message: str) -> None:
        self.left(channel)
        self.refused[folded(channel)] = _("{kicker} has removed us from it", kicker=plain(kicker))

    @override
    def userJoined(self, user: str, channel: str) -> None:
        people = self.people.get(folded(channel))
        if people is not None and len(people) < PEOPLE_MAX and user != self.nickname:
            people.add(user)

    @override
    def userLeft(self, user: str, channel: str) -> None:
        self.people.get(folded(channel), set()).discard(user)

    @override
    def userKicked(self, kickee: str, channel: str, kicker: str, message: str) -> None:
        self.userLeft(kickee, channel)

    @override
    def userQuit(self, user: str, quitMessage: str) -> None:
        for people in self.people.values():
            people.discard(user)

    @override
    def userRenamed(self, oldname: str, newname: str) -> None:
        for people in self.people.values():
            if oldname in people:
                people.discard(oldname)
                people.add(newname)

    def _join_refused(self, command: str, params: list[str]) -> None:
        reason = _JOIN_REFUSED[command]
        for name in self.channels:
            if params[1:2] and folded(params[1]) == folded(name) and not self.is_on(name):
                if self.refused.get(folded(name)) != reason:
                    _log.warn("irc: {channel}: {reason}", channel=name, reason=reason)
                self.refused[folded(name)] = reason

    # -- what is said -----------------------------------------------------------------------

    @override
    def irc_PRIVMSG(self, prefix: str, params: list[str]) -> None:
        nickname, mark, _ = prefix.partition("!")
        target, text = params[0], params[-1]
        if not mark or not text or nickname == self.nickname or not self.is_on(target):
            return  # from a server, from ourselves, or for ourselves
        action = text.startswith("\x01ACTION ")
        if text[0] == irc.X_DELIM and not action:
            return  # CTCP: a bridge answers no requests
        text = text.removeprefix("\x01ACTION ").strip("\x01")
        self._listener.received(nickname, target, text, action=action)
