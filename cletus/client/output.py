"""What waits to be sent: one queue for each client, emptied once in a reactor turn.

A broadcast calls ``put`` once for each of thousands, so its usual case is one test and one append.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wcwidth

from cletus.protocol.terminal import Terminal


class Outbox:
    """The bytes that one client has yet to be sent, in the order of the calls.

    Args:
        send: takes all that is queued, as one piece.
        limit: how many bytes may wait while the peer does not read; 0 means no limit.
        wake: called when ``flush`` must be called at the end of the turn; not for what comes after.
    """

    __slots__ = (
        "_is_due",
        "_paused",
        "_pieces",
        "_send",
        "_shut",
        "_size",
        "_wake",
        "before",
        "limit",
        "overflowed",
    )  # fmt: skip - a list of names reads better on two lines

    def __init__(
        self, send: Callable[[bytes], None], limit: int, wake: Callable[[], None] = lambda: None
    ) -> None:
        self._send = send
        self._wake = wake
        self._pieces: list[bytes] = []
        self._is_due = False  # and not paused, nor shut: then put() has nothing to think about
        self._paused = False
        self._shut = False
        self.limit = limit
        self.overflowed = False
        self._size = 0
        #: Gives what is to be sent before the next piece, once.
        self.before: Callable[[], bytes] | None = None

    @property
    def size(self) -> int:
        """How many bytes wait, or waited when there were too many."""
        return self._size if self._paused else sum(map(len, self._pieces))

    @property
    def paused(self) -> bool:
        """Whether the peer does not read at the moment; then nothing is sent."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._size = (
            self.size
        )  # counted on while paused, so that a queue of thousands costs no more
        self._paused = paused
        self._is_due = False

    def put(self, data: bytes) -> None:
        """Queue this. While the peer does not read, what exceeds the limit is not kept at all."""
        if self._is_due:
            self._pieces.append(data)
        elif data and not self._shut:
            self._put_first(data)

    def _put_first(self, data: bytes) -> None:
        before, self.before = self.before, None
        if before is not None:
            self._pieces.append(before())
        self._pieces.append(data)
        if not self._paused:
            self._is_due = True
            self._wake()
            return
        self._size += len(data)
        if self.limit and self._size > self.limit:
            self.overflowed = self._shut = True
            self._pieces.clear()
            self._wake()

    def hold(self, before: Callable[[], bytes]) -> None:
        """Have this called when the next piece comes; what it gives is sent before that piece."""
        self.before = before
        self._is_due = False

    def flush(self, join: Callable[[list[bytes]], bytes] = b"".join) -> None:
        """Hand everything over as one piece, unless the peer does not read at the moment.

        Args:
            join: makes one piece of many; ``Turn.join`` makes it once for all who have the same.
        """
        if self._paused or not self._pieces:
            return
        pieces, self._pieces, self._is_due = self._pieces, [], False
        self._send(pieces[0] if len(pieces) == 1 else join(pieces))

    def close(self) -> None:
        """Take nothing more; what is queued is still sent. For somebody who is being closed."""
        self._shut, self._is_due = True, False

    def shut(self) -> None:
        """Forget what is queued, and take nothing more; for somebody who is gone."""
        self.close()
        self._pieces.clear()
        self.overflowed = False


class Hiding:
    """One terminal's.

    Args:
        tell: gives the bytes that make it hide, or show.
    """

    __slots__ = ("_is_told", "_tell", "_wanted")

    def __init__(self, tell: Callable[[bool], bytes]) -> None:
        self._tell = tell
        self._wanted = False
        self._is_told = False

    @property
    def is_wanted(self) -> bool:
        """Whether what is typed now is meant to be hidden."""
        return self._wanted

    def hide(self) -> bytes:
        """What is typed from now on is hidden; what to send for that now, if anything."""
        self._wanted = True
        if self._is_told:  # of the line before, and not told otherwise since
            return b""
        self._is_told = True
        return self._tell(True)

    def show(self) -> bool:
        """What is typed from now on is shown; whether it was hidden until now."""
        was, self._wanted = self._wanted, False
        return was

    def at_end(self) -> bytes:
        """What to send at the end of the turn, when it is known whether the next line is hidden."""
        if self._wanted or not self._is_told:
            return b""
        self._is_told = False
        return self._tell(False)


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


class Gmcp:
    """``client.gmcp``: what a person's program is told.

    Args:
        frame: makes a message into bytes, or into none if their program does not take it.
        write: sends bytes in their place among the text.
    """

    __slots__ = ("_frame", "_write")

    def __init__(self, frame: Callable[[str, Any], bytes], write: Callable[[bytes], None]) -> None:
        self._frame = frame
        self._write = write

    def send(self, package: str, data: Any = None) -> None:
        """Send a message; ``client.gmcp.send("Room.Info", {"num": 1})``.

        It goes nowhere if their program has no GMCP or does not support the package.

        Args:
            package: its name, such as ``Char.Vitals``.
            data: anything that JSON takes.

        Raises:
            TypeError: JSON does not take it.
        """
        self._write(self._frame(package, data))
