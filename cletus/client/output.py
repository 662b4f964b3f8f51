"""What a person is shown: bytes that wait, sent as one piece at the end of each reactor turn.

A broadcast calls ``put`` once for each of thousands, so its usual case is one test and one append.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cletus.client.interfaces import Host, Transport
from cletus.client.open_line import EditedLine, OpenPrompt
from cletus.protocol.line_editor import LineEditor
from cletus.protocol.plain_state import PlainState

_INSTANT = 1e-6  # seconds; a timer may fire this much early
_PIECE = 41  # bytes that a piece takes beside its content: as an object, and in the list
_NOTED_MIN = 8192  # bytes that wait when the transport is told so; then again at twice as many


class Output:
    """The bytes that one client has yet to be sent, in the order of the calls.

    Args:
        transport: its connection.
        host: its service. ``flush`` is called at the end of its turns; its settings limit how many
            bytes may wait while the peer does not read (``output_max``), and say when a prompt that
            output has covered is sent again (``prompt_again``).
        overflow: called at the end of the turn in which the limit was exceeded, with the number of
            bytes that waited.

    Attributes:
        echo: whether what is typed is hidden.
        open_line: the last line of the screen, while it is not complete.
        overflowed: whether the limit was exceeded.
    """

    def __init__(
        self, transport: Transport, host: Host, *, overflow: Callable[[int], None]
    ) -> None:
        self._transport = transport
        self._host = host
        self._turn = host.turn
        self._limit = host.settings.output_max
        self._peak = host.metrics.output_peak
        self._overflow = overflow
        self.echo = Echo(self._hide)
        self.open_line: OpenPrompt | EditedLine | None = None
        self._has_answered = False  # the line that is hidden was typed at a prompt
        self._again_at = 0.0  # when a covered prompt is sent again, by the host's clock
        self._again_timer: Any = None
        self._pieces: list[bytes] = []
        #: flush() will be called, and is free to send: put() has nothing to think about.
        self._is_due = False
        self._paused = False
        self._closed = False
        self._size = self._noted = 0
        self.overflowed = False
        self.use_editor(transport.terminal.editor)

    # -- to another process ------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """What waits and what is on the screen, as plain data; see ``cletus.protocol.plain_state``."""
        line = self.open_line
        rest = self._again_at - self._host.clock.seconds()
        return {
            "pieces": b"".join(self._pieces),
            "echo": self.echo.snapshot(),
            "open": None if line is None else line.snapshot(),
            "again": None if self._again_timer is None else max(0.0, rest),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue with this state; the terminal has its own already."""
        self.echo.restore(state["echo"])
        terminal, line = self._transport.terminal, state["open"]
        if isinstance(self.open_line, EditedLine):
            self.open_line.editor.hidden = self.echo.terminal_hides
        elif line is not None:
            self.open_line = OpenPrompt("", terminal)
        if self.open_line is not None and line is not None:
            self.open_line.restore(line)
        if state["again"] is not None:
            self._again_at = self._host.clock.seconds() + state["again"]
            self._again_timer = self._host.clock.callLater(state["again"], self._prompt_again)
        if state["pieces"]:
            self._append(state["pieces"])

    # -- what is shown ----------------------------------------------------------------------

    def put(self, data: bytes) -> None:
        """Queue this. While the peer does not read, what exceeds the limit is not kept at all."""
        if self._is_due:
            self._pieces.append(data)
        elif data and not self._closed:
            # Asked for here: a broadcast comes here for each of thousands.
            if self._turn.is_holding:
                self._turn.holds(self.put, data)
            else:
                self._put_first(data)

    def put_message(self, data: bytes) -> None:
        """Queue bytes that are not shown: a message to their program, or a telnet command."""
        if self._is_due:
            self._pieces.append(data)
        elif data and not self._closed and not self._turn.holds(self.put_message, data):
            self._append(data)

    def put_unfinished(self, text: str) -> None:
        """Queue text that may end within a line; what is put next continues it."""
        if self._turn.holds(self.put_unfinished, text):
            return
        if isinstance(self.open_line, EditedLine):
            self._put_before_typed(text, is_prompt=False)
        else:
            self.put(self._encode(text))

    def prompt(self, text: str) -> None:
        """Show a prompt, without a newline, and tell the peer's program that it is one.

        When output follows before it is answered, its line is ended first. In character mode it is
        shown again below that at once; otherwise it is sent again when nothing has come for
        ``prompt_again``.
        """
        if self._turn.holds(self.prompt, text):
            return
        self.put_message(self.echo.settle())
        if isinstance(self.open_line, EditedLine):
            self._put_before_typed(text, is_prompt=True)
            return
        self.put(self._encode(text) + self._transport.prompt_mark())
        last = text.rpartition("\n")[2]
        self.open_line = OpenPrompt(last, self._transport.terminal) if last else None
        self._is_due = False  # the next piece has to end its line first

    def hide_input(self) -> None:
        """What is typed from now on is hidden."""
        if not self._turn.holds(self.hide_input):
            self._has_answered = False
            self.put_message(self.echo.hide())

    def show_input(self) -> bool:
        """What is typed from now on is shown; returns whether the end of the line was hidden as well.

        The terminal is told at the end of the turn, unless the next line is hidden as well, or code is
        still at work on the line that was hidden.
        """
        if self._turn.holds(self.show_input):
            return False
        if not self.echo.show():
            return False
        self._turn.flush(self.flush)
        if self._has_answered and self._transport.terminal.ends_prompts:
            return False
        return self.open_line is None  # what is put next ends the line of a prompt

    def line_at_work(self, is_at_work: bool) -> None:
        """Whether code is at work on a line. What it will ask next may be hidden as well."""
        self.echo.is_undecided = is_at_work
        if self.echo.terminal_hides and not is_at_work:
            self._turn.flush(self.flush)

    # -- what is typed ----------------------------------------------------------------------

    def line_typed(self) -> None:
        """They have pressed Enter, so that nothing is behind the prompt any more."""
        self._has_answered = isinstance(self.open_line, OpenPrompt)
        if self._has_answered:
            self.open_line = None

    def line_taken(self) -> None:
        """A line goes to its reader. A prompt that is open is answered by it: it was typed ahead."""
        if isinstance(self.open_line, OpenPrompt):
            self.open_line.is_wanted = False
        elif self.open_line is not None and self.open_line.editor.prompt:
            self._append(self._encode(self.open_line.finish_prompt()))

    def repeat_prompt(self) -> None:
        """Send the prompt again that waits for an answer, if there is one: it has not arrived."""
        if isinstance(self.open_line, OpenPrompt) and self.open_line.is_wanted:
            self._repeat(self.open_line)

    def withdraw_prompt(self, text: str) -> None:
        """Nobody waits for an answer to this prompt any more."""
        line, last = self.open_line, text.rpartition("\n")[2]
        if isinstance(line, OpenPrompt) and line.text == last:
            line.is_wanted = False
        elif isinstance(line, EditedLine) and last and line.editor.prompt == last:
            if line.editor.hidden:
                line.editor.forget()  # half a password, which would be shown with what comes next
            self._append(self._encode(line.finish_prompt()))

    def use_editor(self, editor: LineEditor | None) -> None:
        """What is typed is edited by this from now on, or by their terminal (``None``)."""
        before, self.open_line = self.open_line, None
        if editor is not None:
            line = self.open_line = EditedLine(editor, self._transport.terminal)
            editor.hidden = self.echo.terminal_hides
            if isinstance(before, OpenPrompt):
                editor.prompt, line.is_covered = before.text, before.is_covered
                editor.put_back()  # it knows where the cursor is then
                self._turn.flush(self.flush)
        elif isinstance(before, EditedLine) and before.editor.prompt:
            self.open_line = OpenPrompt(before.editor.prompt, self._transport.terminal)
            self.open_line.is_covered = before.is_covered
        self._is_due = False

    def resize(self, editor: LineEditor, columns: int) -> None:
        """The terminal has this width, and has broken the edited line anew or not: draw it again."""
        line = self.open_line
        if isinstance(line, EditedLine) and not line.is_covered:
            self._append(line.cover())
        editor.columns = max(2, columns)
        self._is_due = False

    def show_typed(self, text: str) -> None:
        """What the editor shows for keys; ``show_edited_line`` was called before it got them."""
        if text:
            self.put_message(self._encode(text))

    def show_edited_line(self) -> None:
        """See to it that what the editor has shown is on the screen."""
        if isinstance(self.open_line, EditedLine) and self.open_line.is_covered:
            self._append(self.open_line.show())
            self._is_due = False

    # -- sending ----------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """How many bytes wait, or waited when there were too many."""
        return self._size if self._paused else sum(map(len, self._pieces))

    @property
    def held(self) -> int:
        """Bytes of memory that wait for a peer that does not read; with others they are sent in this turn."""
        return self._size + _PIECE * len(self._pieces) if self._paused else 0

    def pause(self) -> None:
        """The peer does not read: keep what comes, up to the limit."""
        self._size = self.size  # counted on from here, since summing up thousands of pieces is slow
        self._noted = max(self._size, _NOTED_MIN)
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
            self.put_message(self.echo.settle())
        line = self.open_line
        if line is not None and line.is_covered and not (self._paused or self._closed):
            self._show_again(line)
        if self._paused or not self._pieces:
            return
        pieces, self._pieces, self._is_due = self._pieces, [], False
        # Of a broadcast all have the same pieces, which the turn joins once for all of them.
        self._transport.send(pieces[0] if len(pieces) == 1 else self._turn.join(pieces))

    def close(self) -> None:
        """Take nothing more; what waits is still sent. For a client that is being closed."""
        self._closed, self._is_due = True, False
        timer, self._again_timer = self._again_timer, None
        if timer is not None:
            timer.cancel()

    def discard(self) -> None:
        """Throw away what waits, and take nothing more. For a client that is gone."""
        self.close()
        self._pieces.clear()
        self.overflowed = False

    # -- inside -----------------------------------------------------------------------------

    def _encode(self, text: str) -> bytes:
        return self._transport.terminal.encoder.encode(text)

    def _hide(self, hidden: bool) -> bytes:
        if isinstance(self.open_line, EditedLine):
            self.open_line.editor.hidden = hidden
            return b""
        return self._transport.hide_input(hidden)

    def _put_first(self, data: bytes) -> None:
        line = self.open_line
        if line is not None and not line.is_out_of_the_way:
            self._append(line.cover())
        self._append(data)
        self._is_due = not self._paused and not self._closed

    def _put_before_typed(self, text: str, *, is_prompt: bool) -> None:
        line = self.open_line
        if isinstance(line, EditedLine):
            self._append(self._encode(line.begin(text, is_prompt=is_prompt)))
            self._is_due = False

    def _append(self, data: bytes) -> None:
        if self._closed:
            return
        self._pieces.append(data)
        if not self._paused:
            self._turn.flush(self.flush)
            return
        self._size += len(data)
        if self._size >= self._noted:
            self._noted = 2 * self._size
            self._transport.note_memory()
        if self._limit and self._size > self._limit:
            self.overflowed = self._closed = True
            self._pieces.clear()
            self._turn.flush(self.flush)

    def _show_again(self, line: OpenPrompt | EditedLine) -> None:
        """The line is covered: show it below the output, in line mode after a while."""
        if isinstance(line, EditedLine):
            self._pieces.append(line.show())
            self._is_due = False
            return
        wait = self._host.settings.prompt_again
        if line.is_sent_again and wait:
            self._again_at = self._host.clock.seconds() + wait
            if self._again_timer is None:
                self._again_timer = self._host.clock.callLater(wait, self._prompt_again)

    def _prompt_again(self) -> None:
        self._again_timer = None
        line = self.open_line
        if not isinstance(line, OpenPrompt) or not line.is_covered or self._paused:
            return  # answered meanwhile; resume() sees to those who do not read
        rest = self._again_at - self._host.clock.seconds()
        if rest > _INSTANT:
            self._again_timer = self._host.clock.callLater(rest, self._prompt_again)
        elif line.is_sent_again:
            self._repeat(line)

    def _repeat(self, line: OpenPrompt) -> None:
        self._append(line.show() + self._transport.prompt_mark())
        self._is_due = False


class Echo(PlainState):
    """Whether a terminal shows what is typed. It is told no more often than necessary.

    Args:
        command: returns the bytes that make the terminal hide what is typed, or show it.

    Attributes:
        is_hidden: whether what is typed now is meant to be hidden.
        is_undecided: whether code is at work that may ask for another hidden line.
        terminal_hides: whether the terminal was last told to hide.
    """

    __slots__ = ("_command", "is_hidden", "is_undecided", "terminal_hides")
    STATE = ("is_hidden", "is_undecided", "terminal_hides")

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
