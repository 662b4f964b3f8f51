"""The last line on a person's screen while it is not complete: a prompt, or a line that they edit.

Output that comes meanwhile covers it, and it is shown again below the output. How depends on who shows
what is typed: their terminal (``OpenPrompt``), or we (``EditedLine``, in character mode).
"""

from __future__ import annotations

from cletus.protocol.line_editor import LineEditor
from cletus.protocol.plain_state import PlainState
from cletus.protocol.terminal import Terminal


class OpenPrompt(PlainState):
    """A prompt in line mode. The terminal shows what is typed behind it, which is not known here.

    Args:
        text: the last line of the prompt.
        terminal: where it stands.

    Attributes:
        is_covered: whether output has followed it.
        is_wanted: whether an answer is waited for.
    """

    __slots__ = ("is_covered", "is_wanted", "terminal", "text")
    STATE = ("is_covered", "is_wanted", "text")

    def __init__(self, text: str, terminal: Terminal) -> None:
        self.text = text
        self.terminal = terminal
        self.is_covered = False
        self.is_wanted = True

    @property
    def is_sent_again(self) -> bool:
        """Whether it is sent again below output that has covered it.

        What is sent to a screen reader is read aloud, and a page has its prompts beside the text.
        """
        return self.is_wanted and not (self.terminal.screen_reader or self.terminal.prompts_apart)

    @property
    def is_out_of_the_way(self) -> bool:
        """Whether output can follow what is on the screen."""
        return self.is_covered

    def cover(self) -> bytes:
        """What ends its line; output follows."""
        self.is_covered = True
        return b"" if self.terminal.ends_prompts else self.terminal.encoder.encode("\n")

    def show(self) -> bytes:
        """What shows it again."""
        self.is_covered = False
        return self.terminal.encoder.encode(self.text)


class EditedLine(PlainState):
    """The line that a person edits in character mode, with the prompt or unfinished text before it.

    Args:
        editor: shows what is typed.
        terminal: where it stands.

    Attributes:
        is_covered: whether it is not on the screen at the moment.
    """

    __slots__ = ("_is_unfinished", "_terminal", "editor", "is_covered")
    STATE = ("_is_unfinished", "is_covered")

    def __init__(self, editor: LineEditor, terminal: Terminal) -> None:
        self.editor = editor
        self._terminal = terminal
        self._is_unfinished = False  # before the cursor is text that output continues
        self.is_covered = False

    @property
    def is_out_of_the_way(self) -> bool:
        """Whether output can follow what is on the screen."""
        return self.is_covered and not self._is_unfinished

    def cover(self) -> bytes:
        """What takes it off the screen; output follows, and continues an unfinished line."""
        return self._terminal.encoder.encode(self._take_off() + self._take_unfinished())

    def show(self) -> bytes:
        """What puts it back."""
        self.is_covered = False
        return self._terminal.encoder.encode(self.editor.put_back())

    def begin(self, text: str, *, is_prompt: bool) -> str:
        """Put this text in front of what is typed. The line is covered then.

        Args:
            text: what follows its last newline stays in front of what is typed.
            is_prompt: whether output goes above it; otherwise it continues it.

        Returns:
            what to send for it now.
        """
        off = self._take_off()
        above, newline, last = (self._take_unfinished() + text).rpartition("\n")
        self.editor.prompt = last
        self._is_unfinished = not is_prompt
        return off + above + newline

    def finish_prompt(self) -> str:
        """The prompt was answered by a line typed ahead: it is a line of the output from now on."""
        self._is_unfinished = True
        return f"{self._take_off()}{self._take_unfinished()}\n"

    def _take_off(self) -> str:
        if self.is_covered:
            return ""
        self.is_covered = True
        return self.editor.cover()

    def _take_unfinished(self) -> str:
        if not self._is_unfinished:
            return ""
        self._is_unfinished, text = False, self.editor.prompt
        self.editor.prompt = ""
        return text
