"""What a person is shown: bytes that wait, sent as one piece at the end of each reactor turn.

A broadcast calls ``put`` once for each of thousands, so its usual case is one test and one append.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wcwidth

from cletus.client.interfaces import Transport
from cletus.meters import Gauge
from cletus.protocol.terminal import Terminal
from cletus.reactor.turn import Turn


class Output:
    """The bytes that one client has yet to be sent, in the order of the calls.

    Args:
        transport: its connection.
        turn: ``flush`` is called at its end.
        limit: how many bytes may wait while the peer does not read; 0 means no limit.
        peak: a gauge of the most bytes that have ever waited for anybody.
        overflow: called at the end of the turn in which the limit was exceeded, with the number of
            bytes that waited.

    Attributes:
        echo: whether what is typed is hidden.
        overflowed: whether the limit was exceeded.
        shown_prompt: in character mode, the prompt that is to stay below what is shown; ``None``
            once its line is complete.
    """

    def __init__(
        self,
        transport: Transport,
        turn: Turn,
        *,
        limit: int,
        peak: Gauge,
        overflow: Callable[[int], None],
    ) -> None:
        self._transport = transport
        self._turn = turn
        self._limit = limit
        self._peak = peak
        self._overflow = overflow
        self.echo = Echo(transport.hide_input)
        self.shown_prompt: Prompt | None = None
        self._pieces: list[bytes] = []
        #: flush() will be called, and is free to send: put() has nothing to think about.
        self._is_due = False
        self._paused = False
        self._closed = False
        self._size = 0
        self.overflowed = False

    # -- what is shown ----------------------------------------------------------------------

    def put(self, data: bytes) -> None:
        """Queue this. While the peer does not read, what exceeds the limit is not kept at all."""
        if self._is_due:
            self._pieces.append(data)
        elif data and not self._closed:
            self._put_first(data)

    def prompt(self, text: str, terminal: Terminal) -> None:
        """Show a prompt, without a newline, and tell the peer's program that it is one.

        In character mode it becomes the ``shown_prompt``.
        """
        self.shown_prompt = None
        self.put(self.echo.settle())
        self.put(terminal.encoder.encode(text) + self._transport.prompt_mark())
        if terminal.character_mode:
            self.shown_prompt = Prompt(text, terminal)
            self._is_due = False  # the next piece has to take it off the screen first

    def hide_input(self) -> None:
        """What is typed from now on is hidden."""
        self.put(self.echo.hide())

    def show_input(self) -> bool:
        """What is typed from now on is shown; returns whether it was hidden until now.

        The terminal is told at the end of the turn, unless the next line is hidden as well, or code is
        still at work on the line that was hidden.
        """
        return self.echo.show()

    def line_at_work(self, is_at_work: bool) -> None:
        """Whether code is at work on a line. What it will ask next may be hidden as well."""
        self.echo.is_undecided = is_at_work
        if self.echo.terminal_hides and not is_at_work:
            self._turn.flush(self.flush)

    # -- sending ----------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """How many bytes wait, or waited when there were too many."""
        return self._size if self._paused else sum(map(len, self._pieces))

    def pause(self) -> None:
        """The peer does not read: keep what comes, up to the limit."""
        self._size = self.size  # counted on from here, since summing up thousands of pieces is slow
        self._paused, self._is_due = True, False

    def resume(self) -> None:
        """The peer reads again."""
        self._peak.raise_to(self.size)
        self._paused = self._is_due = False
        self._turn.flush(self.flush)

    def flush(self) -> None:
        """Send all that waits as one piece, unless the peer does not read at the moment."""
        if self.overflowed:
            self._peak.raise_to(self._size)
            self._overflow(self._size)
            return
        if self.echo.terminal_hides and not self.echo.is_undecided:
            self.put(self.echo.settle())
        prompt = self.shown_prompt
        if prompt is not None and prompt.covered and not self._closed:
            self._pieces.append(prompt.redraw())
            self._is_due = False
        if self._paused or not self._pieces:
            return
        pieces, self._pieces, self._is_due = self._pieces, [], False
        # Of a broadcast all have the same pieces, which the turn joins once for all of them.
        self._transport.send(pieces[0] if len(pieces) == 1 else self._turn.join(pieces))

    def close(self) -> None:
        """Take nothing more; what waits is still sent. For a client that is being closed."""
        self._closed, self._is_due = True, False

    def discard(self) -> None:
        """Throw away what waits, and take nothing more. For a client that is gone."""
        self.close()
        self._pieces.clear()
        self.overflowed = False

    def _put_first(self, data: bytes) -> None:
        prompt = self.shown_prompt
        if prompt is not None and not prompt.covered:
            self._pieces.append(prompt.cover())
        self._pieces.append(data)
        if not self._paused:
            self._is_due = True
            self._turn.flush(self.flush)
            return
        self._size += len(data)
        if self._limit and self._size > self._limit:
            self.overflowed = self._closed = True
            self._pieces.clear()
            self._turn.flush(self.flush)


class Echo:
    """Whether a terminal shows what is typed. It is told no more often than necessary.

    Args:
        command: returns the bytes that make the terminal hide what is typed, or show it.

    Attributes:
        is_hidden: whether what is typed now is meant to be hidden.
        is_undecided: whether code is at work that may ask for another hidden line.
        terminal_hides: whether the terminal was last told to hide.
    """

    __slots__ = ("_command", "is_hidden", "is_undecided", "terminal_hides")

    def __init__(self, command: Callable[[bool], bytes]) -> None:
        self._command = command
        self.terminal_hides = False
        self.is_hidden = False
        self.is_undecided = False

    def hide(self) -> bytes:
        """What is typed from now on is hidden; returns what to send for that now, if anything."""
        self.is_hidden = True
        if self.terminal_hides:  # since the line before, after which it was not told to show
            return b""
        self.terminal_hides = True
        return self._command(True)

    def show(self) -> bool:
        """What is typed from now on is shown; returns whether it was hidden until now."""
        before, self.is_hidden = self.is_hidden, False
        return before

    def settle(self) -> bytes:
        """What to send when it is known whether the next line is hidden: the turn or the work ends.

        Mudlet stops hiding after five switches in quick succession, so a terminal that hides two
        passwords in a row is not told to show anything between them, even if one of them is hashed
        meanwhile.
        """
        if self.is_hidden or not self.terminal_hides:
            return b""
        self.terminal_hides = False
        return self._command(False)


class Prompt:
    """A prompt on the screen of a terminal in character mode, until the line is complete.

    Attributes:
        covered: whether output has taken its place.
    """

    __slots__ = ("_terminal", "_text", "covered")

    def __init__(self, text: str, terminal: Terminal) -> None:
        self._text = text
        self._terminal = terminal
        self.covered = False

    def cover(self) -> bytes:
        """What takes it off the screen, with what was typed after it; output follows."""
        self.covered = True
        width = wcwidth.width(self._text + self._terminal.typed)
        up = max(0, width - 1) // self._terminal.columns
        return b"\x1b[%dA\r\x1b[J" % up if up else b"\r\x1b[K"

    def redraw(self) -> bytes:
        """What puts it back."""
        self.covered = False
        return self._terminal.encoder.encode(self._text + self._terminal.typed)


class Gmcp:
    """``client.gmcp``: messages to a person's program, beside the text.

    Args:
        frame: makes a message into bytes, or into none if their program does not take it.
        put: queues bytes among the text.
    """

    __slots__ = ("_frame", "_put")

    def __init__(self, frame: Callable[[str, Any], bytes], put: Callable[[bytes], None]) -> None:
        self._frame = frame
        self._put = put

    def send(self, package: str, data: Any = None) -> None:
        """Send a message; ``client.gmcp.send("Room.Info", {"num": 1})``.

        It goes nowhere if their program has no GMCP or does not support the package.

        Args:
            package: its name, such as ``Char.Vitals``.
            data: anything that JSON takes.

        Raises:
            TypeError: JSON does not take it.
        """
        self._put(self._frame(package, data))
