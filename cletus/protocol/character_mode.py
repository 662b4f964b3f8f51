"""Character mode: each key arrives by itself, and we show what is typed.

A client is in character mode while both ECHO (RFC 857) and SUPPRESS-GO-AHEAD (RFC 858) are on on our
side. It is offered to terminals only, since MUD clients take ECHO for a password. Who refuses one of the
two stays in line mode, where ECHO means that what is typed is hidden.
"""

from __future__ import annotations

from collections.abc import Callable

from cletus.protocol import echo
from cletus.protocol.echo import Echo
from cletus.protocol.eor import SuppressGoAhead
from cletus.protocol.options import Options, Side, State
from cletus.protocol.plain_state import PlainState


class CharacterMode(PlainState):
    """The mode of one connection.

    Args:
        options: of the connection.
        changed: called with whether the connection is in character mode from now on.

    Attributes:
        is_on: whether it is.
    """

    __slots__ = ("_changed", "_is_hidden", "_is_offered", "_options", "is_on")
    STATE = ("_is_hidden", "_is_offered", "is_on")

    def __init__(self, options: Options, changed: Callable[[bool], object]) -> None:
        self._options = options
        self._changed = changed
        self._is_offered = False
        self._is_hidden = False
        self.is_on = False

    def offer(self) -> bytes:
        """What to send to offer it."""
        self._is_offered = True
        offers = b"".join(
            self._options.ask(Side.LOCAL, option.code, True) for option in (Echo, SuppressGoAhead)
        )
        return offers + self.switched()

    def hide_input(self, hidden: bool) -> bytes:
        """What to send so that what is typed is hidden; in character mode the editor sees to it."""
        self._is_hidden = hidden
        return b"" if self._is_offered else echo.hide_input(self._options, hidden)

    def switched(self) -> bytes:
        """One of the two options may have been switched. Returns what to send."""
        if not self._is_offered:
            return b""
        states = [
            self._options.state(Side.LOCAL, code) for code in (Echo.code, SuppressGoAhead.code)
        ]
        is_on = states == [State.YES, State.YES]
        if is_on is not self.is_on:
            self.is_on = is_on
            self._changed(is_on)
        if State.NO not in states:
            return b""
        self._is_offered = False
        return echo.hide_input(self._options, self._is_hidden)
