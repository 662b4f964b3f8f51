"""A line editor for texts of several lines, which works with any terminal.

    client.start_dialogue(Editor(room.description, then=room.describe))

It is a dialogue, so people keep their place and their text through a reload.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cletus.client.dialogue import Dialogue, step
from cletus.errors import DialogueError, Refused, StorageError
from cletus.storage import Field
from cletus.text import gettext as _
from cletus.text import gettext_noop as N_  # noqa: N812 - as gettext's manual calls it

GREETING = _("Type your text, and a single dot to finish. Type .help for more.")
HELP = _(
    """.            save the text and leave
.quit        leave without saving
.list        show the text
.delete 3 5  delete lines 3 to 5; .delete 3 deletes line 3
.insert 3    continue before line 3; .insert continues at the end
.replace 3   replace line 3 with the line that you type next
.clear       delete all lines
..           starts a line that begins with a dot"""
)

_log = Logger()


class Editor(Dialogue):
    """Edit a text.

    Args:
        text: the text to edit.
        then: called with the text when it is saved. If it raises ``Refused``, the message is shown
            and the person stays in the editor. If it returns a Deferred, the editor waits for it.
            A reload finds it by name, so it must be a function at the top level of its module, a
            method of a store object or a dialogue, or a ``functools.partial`` of one of these.
        saved: shown when the text has been saved.

    Attributes:
        lines: the text so far.
        at: the index before which the next line is inserted; ``None`` for the end.

    The dialogue's result is the text, or ``None`` if it was not saved.
    """

    #: Maximum number of lines. Our choice.
    lines_max: ClassVar[int] = 200
    #: Maximum number of characters in all lines. Our choice.
    text_max: ClassVar[int] = 10_000

    lines: Field[list[str]] = Field(list)
    at: Field[int | None] = Field(None, type=int)
    then: Field[Any] = Field(None)
    saved: Field[str] = Field(N_("Saved."))

    def __init__(
        self, text: str = "", *, then: Callable[[str], Any] | None = None, saved: str = N_("Saved.")
    ) -> None:
        super().__init__()
        check_is_importable(then)
        self.lines = text.split("\n") if text else []
        self.then = then
        self.saved = saved

    def begin(self) -> None:
        """Show the instructions, and the text."""
        self.client.write(GREETING)
        if self.lines:
            self._list("")

    def prompt_text(self) -> str:
        """The number of the next line."""
        return f"{(len(self.lines) if self.at is None else self.at) + 1:>3}> "

    @step(prompt_text)
    def write(self, line: str) -> Any:
        """A line of the text, or a command."""
        if line == ".":
            return self._save()
        if line.startswith(".") and not line.startswith(".."):
            return self._command(line[1:])
        self._add(line[1:] if line.startswith("..") else line)
        return None

    # -- inside -----------------------------------------------------------------------------

    def _add(self, line: str) -> None:
        if len(self.lines) >= self.lines_max:
            self.client.write(
                _("The text cannot have more than {lines_max} lines.", lines_max=self.lines_max)
            )
        elif sum(map(len, self.lines)) + len(self.lines) + len(line) > self.text_max:
            self.client.write(
                _("The text cannot have more than {text_max} characters.", text_max=self.text_max)
            )
        elif self.at is None:
            self.lines.append(line)
        else:
            self.lines.insert(self.at, line)
            self.at += 1

    def _command(self, typed: str) -> Any:
        name, _space, arguments = typed.strip().partition(" ")
        commands = {
            "quit": self._quit,
            "list": self._list,
            "delete": self._delete,
            "insert": self._insert,
            "replace": self._replace,
            "clear": self._clear,
            "help": self._help,
        }
        fitting = [command for command in commands if name and command.startswith(name.lower())]
        if not fitting:
            self.client.write(
                _("There is no editor command .{name}. Type .help for a list.", name=name)
            )
            return None
        try:
            return commands[fitting[0]](arguments)
        except Refused as refused:
            self.client.write(refused)
            return None

    def _save(self) -> Any:
        text = "\n".join(self.lines)
        if self.then is None:
            return self.done(text)
        try:
            result = self.then(text)
        except Refused as refused:
            self.client.write(refused, _("You are still in the editor. Type .quit to leave."))
            return None
        return self._wait(result, text) if isinstance(result, Deferred) else self._saved(text)

    async def _wait(self, result: Deferred[Any], text: str) -> Any:
        """If it fails, the person stays here with their text."""
        try:
            await result
        except StorageError as error:
            _log.error("a text was not saved: {error}", error=error)
            self.client.write(
                _("That could not be saved. You are still in the editor; try again later.")
            )
            return None
        return self._saved(text)

    def _saved(self, text: str) -> Any:
        self.client.write(_(self.saved))
        return self.done(text)

    def _quit(self, _arguments: str) -> Any:
        self.client.write(_("Not saved."))
        return self.done(None)

    def _list(self, _arguments: str) -> None:
        self.client.write(*(f"{n:>3}  {line}" for n, line in enumerate(self.lines, 1)))

    def _delete(self, arguments: str) -> None:
        first, last = self._range(arguments)
        del self.lines[first:last]
        self.at = None

    def _insert(self, arguments: str) -> None:
        self.at = self._range(arguments)[0] if arguments.strip() else None

    def _replace(self, arguments: str) -> None:
        number, _space, text = arguments.strip().partition(" ")
        first, _last = self._range(number)
        del self.lines[first]
        self.at = first
        if text:
            self._add(text)
            self.at = None

    def _clear(self, _arguments: str) -> None:
        self.lines, self.at = [], None

    def _help(self, _arguments: str) -> None:
        self.client.write(HELP)

    def _range(self, arguments: str) -> tuple[int, int]:
        """The slice that somebody has typed as one line number, or a first and a last."""
        words = arguments.split()
        if not 1 <= len(words) <= 2 or not all(word.isascii() and word.isdigit() for word in words):
            raise Refused(_("Give the number of a line."))
        first, last = int(words[0][:9]), int(words[-1][:9])
        if not 1 <= first <= last <= len(self.lines):
            last_line = len(self.lines)
            raise Refused(
                _("There are lines 1 to {last_line}.", last_line=last_line)
                if last_line
                else _("No lines yet.")
            )
        return first - 1, last


def check_is_importable(then: Any) -> None:
    """Check that a reload can find this function in the new code.

    Raises:
        DialogueError: it is a lambda, or defined inside another function.
    """
    while isinstance(then, partial):
        then = then.func
    if "<" in getattr(then, "__qualname__", ""):
        raise DialogueError(
            f"a reload cannot find {then.__qualname__} again: define it at the top level of its module, "
            "and pass arguments with functools.partial"
        )
