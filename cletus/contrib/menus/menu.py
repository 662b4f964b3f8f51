"""A menu: numbered choices, of which a person takes one.

    client.start_dialogue(Menu("What do you drink?", ["ale", "milk"], then=pour))

It is a dialogue, so people keep their page through a reload.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final

from twisted.internet.defer import Deferred
from wcwidth import ljust, width

from cletus.client.dialogue import Dialogue, step
from cletus.contrib.commands import choose
from cletus.contrib.editor.editor import check_is_importable
from cletus.contrib.pager.pager import rows_of
from cletus.errors import Refused
from cletus.storage import Field
from cletus.text import gettext as _
from cletus.text.translation import in_language

#: Up to so many choices are listed below each other, however wide the window.
_ONE_COLUMN: Final = 8
#: Rows of a page that are not choices: the title, the prompt, and the line before.
_OTHER_ROWS: Final = 3
_DIGITS_MAX: Final = 6


class Menu(Dialogue):
    """Let a person choose.

    Args:
        title: shown first; may be empty.
        choices: texts, or a mapping of texts to values. Values are texts, numbers, store objects, or
            anything else that a dialogue's field may hold.
        then: called with the value that was chosen, as ``then`` of ``Editor``. If it raises ``Refused``,
            the person reads why and chooses again.

    Attributes:
        labels, values: of the choices, in order.
        at: the index of the first choice of the page.

    The dialogue's result is the value, or ``None`` if they chose nothing.
    """

    #: The greatest number of choices. Our choice.
    choices_max: ClassVar[int] = 1000

    title: Field[str] = Field("")
    labels: Field[list[str]] = Field(list)
    values: Field[list[Any]] = Field(list)
    then: Field[Any] = Field(None)
    at: Field[int] = Field(0)

    def __init__(
        self,
        title: str = "",
        choices: Iterable[str] | Mapping[str, Any] = (),
        *,
        then: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__()
        check_is_importable(then)
        pairs = choices if isinstance(choices, Mapping) else {text: text for text in choices}
        self.title, self.then = title, then
        self.labels = list(pairs)[: self.choices_max]
        self.values = list(pairs.values())[: self.choices_max]

    def begin(self) -> Any:
        """Show the first page; without choices, end."""
        if not self.labels:
            self.client.write(_("There is nothing to choose."))
            return self.done(None)
        self._show()
        return None

    def prompt_text(self) -> str:
        """What can be typed."""
        page, count = self._page, len(self.labels)
        if page >= count:
            return _("Your choice (q: none)? ")
        last = min(self.at + page, count)
        return _(
            "Your choice ({first} to {last} of {count}; Enter: more, b: back, q: none)? ",
            first=self.at + 1,
            last=last,
            count=count,
        )

    @step(prompt_text)
    def choose(self, line: str) -> Any:
        """A number, the beginning of a choice, or a key."""
        typed = line.strip().lower()
        if typed in map(str.lower, self._shown):
            return self._chosen(typed)
        if typed in ("q", "quit"):
            return self.done(None)
        if typed in ("", "m", "more", "b", "back"):
            self._turn(-self._page if typed in ("b", "back") else self._page)
            return None
        return self._chosen(typed)

    # -- inside -----------------------------------------------------------------------------

    @property
    def _shown(self) -> list[str]:
        """The choices in the language of the reader."""
        return [in_language(label, self.client.terminal.language) for label in self.labels]

    @property
    def _columns(self) -> int:
        """Choices beside each other: one for a screen reader."""
        if self.client.terminal.screen_reader or len(self.labels) <= _ONE_COLUMN:
            return 1
        return max(1, (self.client.terminal.columns - 1) // (self._width + 2))

    @property
    def _width(self) -> int:
        return max(map(width, self._entries))

    @property
    def _page(self) -> int:
        return max(1, rows_of(self.client) - _OTHER_ROWS) * self._columns

    @property
    def _entries(self) -> list[str]:
        digits = len(str(len(self.labels)))
        return [f"{number:>{digits}} {label}" for number, label in enumerate(self._shown, 1)]

    def _turn(self, count: int) -> None:
        if 0 <= self.at + count < len(self.labels):
            self.at += count
        elif count < 0:
            self.at = 0
        self._show()

    def _show(self) -> None:
        columns, cell = self._columns, self._width
        entries = self._entries[self.at : self.at + self._page]
        lines = [
            "  ".join(ljust(entry, cell) for entry in entries[start : start + columns]).rstrip()
            for start in range(0, len(entries), columns)
        ]
        self.client.write(*([self.title] if self.title else []), *lines)

    def _chosen(self, typed: str) -> Any:
        if typed.isascii() and typed.isdigit() and len(typed) <= _DIGITS_MAX:
            index = int(typed) - 1
            if not 0 <= index < len(self.labels):
                raise Refused(_("There are the numbers 1 to {last}.", last=len(self.labels)))
        else:
            indexes = {label.lower(): index for index, label in enumerate(self._shown)}
            none = _("{typed!r} is not one of the choices.", typed=typed[:40])
            index = choose(typed, indexes, none=none)
        value = self.values[index]
        result = None if self.then is None else self.then(value)
        return self._wait(result, value) if isinstance(result, Deferred) else self.done(value)

    async def _wait(self, result: Deferred[Any], value: Any) -> Any:
        await result
        return self.done(value)
