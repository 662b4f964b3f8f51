"""Which options a peer is asked for, in which order, and what its answers say about its terminal.

The opening has six bytes, so that a person on ``nc`` sees no more telnet than that. A peer that
answers in telnet is asked for the other options. Nothing waits for its answers: the service greets at
once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from cletus.protocol import capabilities
from cletus.protocol.character_mode import CharacterMode
from cletus.protocol.charset import telnet_encoder
from cletus.protocol.charset_option import CharsetOption
from cletus.protocol.echo import Echo
from cletus.protocol.eor import EndOfRecord, SuppressGoAhead, prompt_mark
from cletus.protocol.gmcp import GmcpOption
from cletus.protocol.mccp import Mccp2, Mccp3
from cletus.protocol.msdp import Msdp
from cletus.protocol.mssp import Mssp, Status
from cletus.protocol.naws import WindowSize
from cletus.protocol.new_environ import NewEnviron
from cletus.protocol.options import Option, Options, Side, State
from cletus.protocol.plain_state import PlainState
from cletus.protocol.telnet import IAC, Negotiation, Subnegotiation, Verb
from cletus.protocol.terminal import COLUMNS, ROWS, Terminal
from cletus.protocol.ttype import TerminalType

OPENING = bytes((IAC, Verb.DO, TerminalType.code, IAC, Verb.WILL, Mssp.code))
"""The first bytes, as ``Negotiator.open`` has them, for a connection that has no negotiator yet."""

OptionT = TypeVar("OptionT", bound=Option)

_NAME_MAX = 60
_COMPRESSION = frozenset({Mccp2.code, Mccp3.code})


@dataclass(frozen=True, slots=True)
class Resized:
    """The peer's window has another size; it is in the terminal already."""

    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the peer's program, by GMCP or MSDP.

    Attributes:
        package: its name as the peer spells it: ``Core.Hello``.
        data: what was in its JSON; of MSDP, the value.
    """

    package: str
    data: Any


class Negotiator(PlainState):
    """The options of one connection.

    Args:
        terminal: updated with what the peer says about itself.
        emit: called with each ``Resized`` and ``Message``, in order.
        status: what MSSP answers to crawlers; called when one asks.
        clock: seconds, from any start.
        compress: called with ``True`` when what follows the replies at hand is to be compressed,
            and with ``False`` when it is to be plain again. Without it, compression is not offered.
        msdp_variables: packages that the application has declared.
        character_mode: whether character mode is offered to terminals.
        mode_changed: called with whether the peer is in character mode from now on.

    Attributes:
        mode: whether the peer is in character mode.
        options: the state of all options.
        speaks_telnet: whether the peer has ever answered in telnet.
        charset_known: whether the peer has said what character set it sends.
    """

    __slots__ = (
        "_compress",
        "_emit",
        "_msdp_variables",
        "_named",
        "_offers_characters",
        "_status",
        "_terminal",
        "_types_known",
        "charset_known",
        "mode",
        "options",
        "speaks_telnet",
    )  # fmt: skip - a list of names reads better on two lines
    STATE = ("_named", "_types_known", "charset_known", "speaks_telnet")

    def __init__(
        self,
        terminal: Terminal,
        *,
        emit: Callable[[Resized | Message], None],
        status: Callable[[], Status],
        clock: Callable[[], float],
        compress: Callable[[bool], None] | None = None,
        msdp_variables: tuple[str, ...] = (),
        character_mode: bool = False,
        mode_changed: Callable[[bool], object] = bool,
    ) -> None:
        self._terminal = terminal
        self._emit = emit
        self._compress = compress
        self._status = status
        self._msdp_variables = msdp_variables
        self._types_known = False
        self._named = False
        self._offers_characters = character_mode
        self.options = Options((), clock, self._option)
        self.mode = CharacterMode(self.options, mode_changed)
        self.speaks_telnet = False
        self.charset_known = False

    #: How the options are made: each when it is first needed.
    _MAKERS: ClassVar[dict[int, Callable[[Negotiator], Option]]] = {
        Echo.code: lambda self: Echo(self._mode_option_switched),
        SuppressGoAhead.code: lambda self: SuppressGoAhead(self._mode_option_switched),
        EndOfRecord.code: lambda _: EndOfRecord(),
        TerminalType.code: lambda self: TerminalType(self._types),
        WindowSize.code: lambda self: WindowSize(self._window),
        CharsetOption.code: lambda self: CharsetOption(self._charset),
        NewEnviron.code: lambda self: NewEnviron(self._may_ask_environment, self._environment),
        GmcpOption.code: lambda self: GmcpOption(self._message, self._offer_msdp),
        Msdp.code: lambda self: Msdp(self._message, self._msdp_variables),
        Mssp.code: lambda self: Mssp(self._status),
        Mccp2.code: lambda self: Mccp2(self._switch_compression),
        Mccp3.code: lambda _: Mccp3(),
    }

    def _option(self, code: int) -> Option | None:
        if code not in self._MAKERS or (code in _COMPRESSION and self._compress is None):
            return None
        return self._MAKERS[code](self)

    def _known(self, option: type[OptionT]) -> OptionT:
        known = self.options.find(option.code)
        assert isinstance(known, option)  # noqa: S101 - it is not one of compression
        return known

    def snapshot(self) -> dict[str, Any]:
        """As ``PlainState.snapshot``, with all options."""
        own = super().snapshot()
        return {**own, "options": self.options.snapshot(), "mode": self.mode.snapshot()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """As ``PlainState.restore``."""
        super().restore(state)
        self.options.restore(state["options"])
        self.mode.restore(state["mode"])

    # -- what is sent -----------------------------------------------------------------------

    def open(self) -> bytes:
        """The first bytes: DO TERMINAL-TYPE and WILL MSSP.

        MSSP is one of the two, since a crawler may answer to nothing else.
        """
        return self._ask(Side.REMOTE, TerminalType) + self._ask(Side.LOCAL, Mssp)

    def receive(self, event: Negotiation) -> bytes:
        """Answer a negotiation. Returns what to send."""
        if not self.speaks_telnet:
            self.speaks_telnet = True
            if event.option == Mccp2.code:  # the answer may begin compression of what follows it
                return self._ask_more() + self.options.receive(event)
            # The answer first: telnetlib3 compresses from its DO for MCCP3 on, but not its answer to a
            # question that came behind the offer.
            return self.options.receive(event) + self._ask_more()
        return self.options.receive(event)

    def subnegotiation(self, event: Subnegotiation) -> bytes:
        """Handle a subnegotiation. Returns what to send."""
        return self.options.subnegotiation(event)

    def prompt_mark(self) -> bytes:
        """What to send after a prompt; often nothing."""
        return prompt_mark(self.options, speaks_telnet=self.speaks_telnet)

    def message(self, package: str, data: Any) -> bytes:
        """The bytes of a message to the peer's program, by GMCP or MSDP; none if it has neither."""
        gmcp = self._known(GmcpOption)
        if gmcp.on:
            return gmcp.message(package, data)
        return self._known(Msdp).message(package, data)

    def _ask(self, side: Side, option: type[Option]) -> bytes:
        return self.options.ask(side, option.code, True)

    def _ask_more(self) -> bytes:
        replies = self._ask(Side.REMOTE, WindowSize)
        for option in (CharsetOption, EndOfRecord, GmcpOption):
            replies += self._ask(Side.LOCAL, option)
        if self._compress is not None:
            replies += self._ask(Side.LOCAL, Mccp2) + self._ask(Side.LOCAL, Mccp3)
        return replies

    def _switch_compression(self, on: bool) -> None:
        if self._compress is not None:
            self._compress(on)

    def _mode_option_switched(self) -> bytes:
        return self.mode.switched()

    def _offer_msdp(self) -> bytes:
        return self._ask(Side.LOCAL, Msdp)

    # -- what is learnt ---------------------------------------------------------------------

    def _types(self, types: tuple[str, ...]) -> bytes:
        terminal = self._terminal
        terminal.types = types
        terminal.links = terminal.links or capabilities.links(types)
        terminal.colours = max(terminal.colours, capabilities.colours(types))
        bits = capabilities.mtts(types) or 0
        terminal.screen_reader = bool(bits & capabilities.MTTS_SCREEN_READER)
        if types and not self._named:
            terminal.name = types[0]
        self._suggest(capabilities.charset_of_types(types))
        self._types_known = True
        offers = b""
        # Programs that take messages or mark prompts are MUD clients, whatever terminal they name.
        marks = self.options.state(Side.LOCAL, EndOfRecord.code) is State.YES
        if self._offers_characters and not (self._known(GmcpOption).on or marks):
            offers = self.mode.offer() if capabilities.is_terminal(types) else b""
        if capabilities.is_windows_telnet(types):
            return offers
        return offers + self._ask(Side.REMOTE, NewEnviron) + self._known(NewEnviron).ask()

    def _may_ask_environment(self) -> bool:
        return self._types_known and not capabilities.is_windows_telnet(self._terminal.types)

    def _environment(self, variables: dict[str, str], changed: bool) -> None:
        terminal = self._terminal
        terminal.colours = max(terminal.colours, capabilities.colours_of_environment(variables))
        bits = capabilities.mtts(capabilities.types_of_environment(variables))
        if bits is not None:
            terminal.screen_reader = bool(bits & capabilities.MTTS_SCREEN_READER)
        if "OSC_HYPERLINKS" in variables:  # Mudlet's word for it, "0" when switched off
            terminal.links = variables["OSC_HYPERLINKS"] != "0"
        elif capabilities.links(capabilities.types_of_environment(variables)):
            terminal.links = True
        if "SCREEN_READER" in variables:
            terminal.screen_reader = variables["SCREEN_READER"] != "0"
        self._name(variables.get("CLIENT_NAME"), variables.get("CLIENT_VERSION"))
        if changed and "CHARSET" in variables:
            self.charset_known = False  # the newest word counts
        self._suggest(capabilities.charset_of_environment(variables))

    def _window(self, columns: int, rows: int) -> None:
        terminal = self._terminal
        size = (columns or COLUMNS, rows or ROWS)
        if size != (terminal.columns, terminal.rows):
            terminal.columns, terminal.rows = size
            self._emit(Resized(*size))

    def _charset(self, name: str) -> None:
        if name:
            self._terminal.encoder = telnet_encoder(name)
            self.charset_known = True

    def _suggest(self, name: str) -> None:
        """Use a character set that was not agreed on, but follows from what the peer has said."""
        if self.charset_known or not name:
            return
        try:
            self._charset(name)
        except LookupError:  # unknown, or telnet cannot carry it
            return

    def _message(self, package: str, data: Any) -> None:
        if package.lower() == "core.hello" and isinstance(data, dict):
            self._name(data.get("client"), data.get("version"))
        elif package.upper() in ("CLIENT_NAME", "CLIENT_ID"):  # MSDP
            self._name(data)
        self._emit(Message(package, data))

    def _name(self, name: object, version: object = None) -> None:
        if isinstance(name, str) and name:
            full = f"{name} {version}" if isinstance(version, str) and version else name
            self._terminal.name = " ".join(full.split())[:_NAME_MAX]
            self._named = True
