"""A door's end of a connection, in memory."""

from __future__ import annotations

from typing import Any

from cletus.protocol.charset import Encoder
from cletus.protocol.terminal import Terminal

_PLAIN = Encoder("utf-8", network=False)


class MemoryTransport:
    """Fulfils ``cletus.client.Transport`` and records what it is asked to do.

    Args:
        address: where the person seems to come from.
        character_mode: whether their terminal shows only what it is sent.

    Attributes:
        terminal: in UTF-8, of unknown size, without colours; a test may change it.
        sent: all bytes sent so far, by turn.
        reading: whether the client takes input at the moment.
        hidden: whether the terminal shows what is typed; each change is in ``hidings``, too.
        messages: what was sent to their program, as (package, data).
        closed: whether the client has asked for the connection to be closed.
        aborted: whether it was closed at once.
    """

    def __init__(self, address: str = "memory", *, character_mode: bool = False) -> None:
        self.address = address
        self.terminal = Terminal(_PLAIN, character_mode=character_mode)
        self.messages: list[tuple[str, Any]] = []
        self.sent: list[bytes] = []
        self._shown: list[str] = []
        self.reading = True
        self.hidden = False
        self.hidings: list[bool] = []
        self.closed = False
        self.aborted = False

    @property
    def text(self) -> str:
        """All that was sent, as text: each piece in the character set that the terminal had then."""
        return "".join(self._shown)

    def send(self, data: bytes) -> None:
        """Record it."""
        self.sent.append(data)
        self._shown.append(data.decode(self.terminal.encoder.charset, "replace"))

    def pause_reading(self) -> None:
        """Record it."""
        self.reading = False

    def resume_reading(self) -> None:
        """Record it."""
        self.reading = True

    def hide_input(self, hidden: bool) -> bytes:
        """Record it; no terminal is here that would need telling."""
        self.hidden = hidden
        self.hidings.append(hidden)
        return b""

    def prompt_mark(self) -> bytes:
        """No program is here that would need telling."""
        return b""

    def message(self, package: str, data: Any) -> bytes:
        """Record it."""
        self.messages.append((package, data))
        return b""

    def close(self) -> None:
        """Record it."""
        self.closed = True

    def abort(self) -> None:
        """Record it."""
        self.closed = self.aborted = True
