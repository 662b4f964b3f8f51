"""A door's end of one connection, as the client sees it."""

from __future__ import annotations

from typing import Any, Protocol

from cletus.protocol.terminal import Terminal


class Transport(Protocol):
    """What a client needs of its door: where they come from, their terminal, and these methods."""

    address: str
    terminal: Terminal

    def send(self, data: bytes) -> None:
        """Send this; called once in a reactor turn at the most."""

    def pause_reading(self) -> None:
        """Take nothing more from the connection for now. Calling it twice is harmless."""

    def resume_reading(self) -> None:
        """Go on taking. Calling it twice is harmless."""

    def hide_input(self, hidden: bool) -> bytes:
        """The bytes that make the person's terminal stop (or resume) showing what they type."""

    def prompt_mark(self) -> bytes:
        """The bytes that tell their program that what was just sent is a prompt; often none."""

    def message(self, package: str, data: Any) -> bytes:
        """The bytes of a message between programs (GMCP); none if theirs takes no such message."""

    def close(self) -> None:
        """Close when all that was sent has gone out."""

    def abort(self) -> None:
        """Close at once, also when the peer does not read."""
