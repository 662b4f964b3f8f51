"""A text of several lines, typed line by line: a small editor that any terminal can use.

    client.begin(Editor(room.description, then=room.describe))

It is a dialogue, so a reload leaves people where they are, with every line that they have typed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from cletus.client.dialogue import Dialogue, step
from cletus.errors import DialogueError, Refused
from cletus.storage import Field

GREETING = "Write your text. A line with a dot ends it; .help tells more."
HELP = """.            keep the text and leave
.quit        leave without keeping it
.list        see what you have
.delete 3 5  delete lines 3 to 5; .delete 3 just the one
.insert 3    go on writing before line 3; .insert alone at the end
.replace 3   what follows takes the place of line 3
.clear       begin anew
..           a line that begins with a dot: type one more"""


class Editor(Dialogue):
    """Edit a text.

    Args:
        text: what there is already.
        then: called with the text when it is kept; what it raises as ``Refused`` is told to the
            person, who stays in the editor. A reload carries it by name, so it is a function at the
            top level of its module, a method of a store object or a dialogue, or a
            ``functools.partial`` of one. It may return a Deferred, which is waited for.

    Attributes:
        lines: the text so far.
        at: the index before which the next line goes; ``None`` for the end.

    The dialogue's result is the text, or ``None`` if it was not kept.
    """

    #: Lines of a text. Our choice.
    lines_max: ClassVar[int] = 200
    #: Characters of all of them together. Our choice.
    text_max: ClassVar[int] = 10_000

    lines: Field[list[str]] = Field(list)
    at: Field[int | None] = Field(None, type=int)
    then: Field[Any] = Field(None)

    def __init__(self, text: str = "", *, then: Callable[[str], Any] | None = None) -> None:
        super().__init__()
        check_has_name(then)
        self.lines = text.split("\n") if text else []
        self.then = then

    def begin(self) -> None:
        """Tell them what to do."""
        self.client.write(GREETING)
        if self.lines:
            self._list("")

    def prompt_text(self) -> str:
        """The number of the line that is written next."""
        return f"{(len(self.lines) if self.at is None else self.at) + 1:>3}> "

    @step(prompt_text)
    def write(self, line: str) -> Any:
        """A line of the text, or a command."""
        if line == ".":
            return self._keep()
        if line.startswith(".") and not line.startswith(".."):
            return self._command(line[1:])
        self._add(line[1:] if line.startswith("..") else line)
        return None

    # -- inside -----------------------------------------------------------------------------

    def _add(self, line: str) -> None:
        if len(self.lines) >= self.lines_max:
            self.client.write(f"That is enough: {self.lines_max} lines at most.")
        elif sum(map(len, self.lines)) + len(self.lines) + len(line) > self.text_max:
            self.client.write(f"That is too long: {self.text_max} characters at most.")
        elif self.at is None:
            self.lines.append(line)
        else:
            self.lines.insert(self.at, line)
            self.at += 1

    def _command(self, typed: str) -> Any:
        name, _, rest = typed.strip().partition(" ")
        commands = {
            "quit": self._quit,
            "list": self._list,
            "delete": self._delete,
            "insert": self._insert,
            "replace": self._replace,
            "clear": self._clear,
            "help": self._help,
        }
        fitting = [one for one in commands if name and one.startswith(name.lower())]
        if not fitting:
            self.client.write(f"There is no .{name} here; .help tells what there is.")
            return None
        try:
            return commands[fitting[0]](rest)
        except Refused as refused:
            self.client.write(refused)
            return None

    def _keep(self) -> Any:
        text = "\n".join(self.lines)
        if self.then is None:
            return self.done(text)
        try:
            result = self.then(text)
        except Refused as refused:
            self.client.write(
                refused, "You are still in the editor; .quit leaves without keeping it."
            )
            return None
        return self._wait(result, text) if isinstance(result, Deferred) else self._kept(text)

    async def _wait(self, result: Deferred[Any], text: str) -> Any:
        """If it fails, the dialogue logs it, and the person is still here with their text."""
        await result
        return self._kept(text)

    def _kept(self, text: str) -> Any:
        self.client.write("Kept.")
        return self.done(text)

    def _quit(self, _: str) -> Any:
        self.client.write("Nothing was changed.")
        return self.done(None)

    def _list(self, _: str) -> None:
        self.client.write(*(f"{n:>3}  {line}" for n, line in enumerate(self.lines, 1)))

    def _delete(self, rest: str) -> None:
        first, last = self._range(rest)
        del self.lines[first:last]
        self.at = None

    def _insert(self, rest: str) -> None:
        self.at = self._range(rest)[0] if rest.strip() else None

    def _replace(self, rest: str) -> None:
        number, _, text = rest.strip().partition(" ")
        first, _ = self._range(number)
        del self.lines[first]
        self.at = first
        if text:
            self._add(text)
            self.at = None

    def _clear(self, _: str) -> None:
        self.lines, self.at = [], None

    def _help(self, _: str) -> None:
        self.client.write(*HELP.split("\n"))

    def _range(self, rest: str) -> tuple[int, int]:
        """Indices of the lines that somebody has named: of one, or of a first and a last."""
        words = rest.split()
        if not 1 <= len(words) <= 2 or not all(one.isascii() and one.isdigit() for one in words):
            raise Refused("Which line? Give its number.")
        first, last = int(words[0][:9]), int(words[-1][:9])
        if not 1 <= first <= last <= len(self.lines):
            raise Refused(
                f"There are lines 1 to {len(self.lines)}." if self.lines else "No lines yet."
            )
        return first - 1, last


def check_has_name(then: Any) -> None:
    """See that a reload can find this function in new code.

    Raises:
        DialogueError: it is a lambda, or defined inside another function.
    """
    while isinstance(then, partial):
        then = then.func
    if "<" in getattr(then, "__qualname__", ""):
        raise DialogueError(
            f"{then.__qualname__} cannot be found again by a reload: define it at the top level of "
            "its module, and give it what it needs by functools.partial"
        )
