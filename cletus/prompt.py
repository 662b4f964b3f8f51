"""The prompt of a person in character mode: it stays at the foot of what others say.

Such a terminal shows only what we send. So before others' output the prompt, and what has been typed
after it, is taken off the screen, and then put back below. A terminal in line mode shows by itself
what is typed, and nothing could be put back there.
"""

from __future__ import annotations

import wcwidth

from cletus.protocol.terminal import Terminal


class Prompt:
    """A prompt that is on the screen, until the line is complete.

    Args:
        text: of the prompt, without a newline.
        terminal: whose.
    """

    __slots__ = ("_terminal", "covered", "text")

    def __init__(self, text: str, terminal: Terminal) -> None:
        self.text = text
        self._terminal = terminal
        self.covered = False

    def cover(self) -> bytes:
        """What takes it off the screen; output follows."""
        self.covered = True
        width = wcwidth.width(self.text + self._terminal.typed)
        up = max(0, width - 1) // self._terminal.columns
        return b"\x1b[%dA\r\x1b[J" % up if up else b"\r\x1b[K"

    def redraw(self) -> bytes:
        """What puts it back."""
        self.covered = False
        return self._terminal.encoder.encode(self.text + self._terminal.typed)
