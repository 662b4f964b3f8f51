"""A line editor without I/O, for terminals that send each key by itself: bytes in, lines and echo out.

The keys are those of Emacs and readline, since that is what people's fingers know. What is on the
screen is always the prompt and the text behind it; ``cover()`` takes both off so that others' output can
be shown, and ``put_back()`` draws them again below it.

Escape sequences are those of ECMA-48 and xterm's manual (ctlseqs); bracketed paste is xterm's 2004.
"""

from __future__ import annotations

import codecs
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import wcwidth

from cletus.protocol.plain_state import PlainState

HISTORY_MAX: Final = 100
"""Lines that can be recalled. Our choice."""

HISTORY_SIZE_MAX: Final = 32 * 1024
"""Bytes of memory that all of them together take. Our choice."""

SEQUENCE_MAX: Final = 32
"""Bytes of an escape sequence; what is longer is none. Our choice; xterm's have at most a dozen."""

PASTE_MODE: Final = "\x1b[?2004h"
"""Asks a terminal to mark what is pasted."""

WORK_MAX: Final = 200_000
"""Characters of the line that the keys of one chunk may have moved or drawn; what would edit beyond that is
ignored. Our choice: a tenth of a second, and more than anybody types in one."""

COMPLETION_WORK: Final = 4000
"""What a completion counts of ``WORK_MAX``: it may look at all commands, and at all who are here."""

LISTED_MAX: Final = 100
"""Words that are listed when several fit. Our choice."""

_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?<=>]*[@-~]|O[@-~]|[^\[O])")
_BEGUN = re.compile(r"\x1b(?:\[[0-9;?<=>]*|O)?")
_PASTE, _PASTED = "\x1b[200~", "\x1b[201~"
_WORD = re.compile(r"\w+")

#: What a key does, by the sequence that it sends: the name of a method.
_KEYS: Final[dict[str, str]] = {
    "\x01": "_home",
    "\x1b[H": "_home",
    "\x1bOH": "_home",
    "\x1b[1~": "_home",
    "\x1b[7~": "_home",
    "\x05": "_end",
    "\x1b[F": "_end",
    "\x1bOF": "_end",
    "\x1b[4~": "_end",
    "\x1b[8~": "_end",
    "\x02": "_left",
    "\x1b[D": "_left",
    "\x1bOD": "_left",
    "\x06": "_right",
    "\x1b[C": "_right",
    "\x1bOC": "_right",
    "\x10": "_up",
    "\x1b[A": "_up",
    "\x1bOA": "_up",
    "\x0e": "_down",
    "\x1b[B": "_down",
    "\x1bOB": "_down",
    "\x1bb": "_word_left",
    "\x1b[1;5D": "_word_left",
    "\x1b[1;3D": "_word_left",
    "\x1bf": "_word_right",
    "\x1b[1;5C": "_word_right",
    "\x1b[1;3C": "_word_right",
    "\x08": "_backspace",
    "\x7f": "_backspace",
    "\x1b[3~": "_delete",
    "\x0b": "_kill_to_end",
    "\x15": "_kill_to_start",
    "\x17": "_kill_word",
    "\x1b\x7f": "_kill_word",
    "\x1bd": "_kill_next_word",
    "\x19": "_yank",
    "\x14": "_swap",
}  # fmt: skip - a table


@dataclass(frozen=True, slots=True)
class Line:
    """A line is complete.

    Attributes:
        text: without its end.
    """

    text: str


@dataclass(frozen=True, slots=True)
class End:
    """The person wants to leave: Ctrl-D on an empty line."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The person pressed Ctrl-C; what they had typed is gone."""


Event = Line | End | Interrupt


class LineEditor(PlainState):
    """The line that one person is typing.

    Args:
        columns: the width of the terminal.
        line_max: bytes of a line in UTF-8; what would make it longer is not taken. 0: no limit.

    Attributes:
        columns: as given; change it when the window is resized.
        prompt: the text in front of the line; its escape sequences may set colours, and no more.
        hidden: whether the text is not shown, and not remembered.
        complete: called with the text before the cursor when Tab is pressed; returns what its last word may
            become. ``None`` completes nothing.
        flooded: whether keys of the latest chunk were ignored, since they were too much work.
    """

    STATE = (
        "columns",
        "prompt",
        "hidden",
        "_line_max",
        "_before",
        "_after",
        "_size",
        "_killed",
        "_history",
        "_recalled",
        "_draft",
        "_pasting",
        "_pending",
        "_after_cr",
        "_row",
        "_charset",
    )  # fmt: skip - a list of names reads better on few lines

    def __init__(self, columns: int = 80, line_max: int = 0) -> None:
        self.columns = max(2, columns)
        self.prompt = ""
        self.hidden = False
        self.complete: Callable[[str], Iterable[str]] | None = None
        self._line_max = line_max
        # On each side of the cursor. A list of graphemes would take 40 times the bytes of the text.
        self._before = ""
        self._after = ""
        self._size = 0
        self._killed = ""
        self._history: deque[str] = deque(maxlen=HISTORY_MAX)
        self._recalled = 0
        self._draft = ""
        self._pasting = False
        self._pending = ""
        self._after_cr = False
        self._row = 0  # of the cursor, below the first row of the prompt
        self.flooded = False
        self._work = 0
        self._charset = ""
        self._decoder: codecs.IncrementalDecoder

    def snapshot(self) -> dict[str, Any]:
        """As ``PlainState.snapshot``, with the bytes of a character that is not complete."""
        undecoded = self._decoder.getstate() if self._charset else None
        return {**super().snapshot(), "undecoded": undecoded}

    def restore(self, state: Mapping[str, Any]) -> None:
        """As ``PlainState.restore``."""
        super().restore(state)
        if self._charset:
            self._decoder = codecs.getincrementaldecoder(self._charset)("replace")
            self._decoder.setstate(state["undecoded"])

    @property
    def text(self) -> str:
        """What has been typed of the line at hand."""
        return self._before + self._after

    @property
    def held(self) -> int:
        """Bytes of memory that the text takes, and what can be brought back."""
        texts = (self._before, self._after, self._killed, self._draft, self._pending)
        return _memory(texts) + _memory(self._history)

    def receive(self, data: bytes) -> tuple[list[Event], str]:
        """Take what the terminal sends.

        Returns:
            the lines that are complete, and what to show for all of it.
        """
        steps = list(self.feed(data))
        return [event for event, _ in steps if event], "".join(shown for _, shown in steps)

    def feed(self, data: bytes, charset: str = "utf-8") -> Iterator[tuple[Event | None, str]]:
        """As ``receive``, one event after another: handling one may change how the next line is taken.

        Args:
            data: what the terminal sends; a character may be cut between two calls.
            charset: what it is encoded in.

        Yields:
            an event, or ``None`` at the end, and what to show before it is handled.
        """
        if charset != self._charset:
            self._charset = charset
            self._decoder = codecs.getincrementaldecoder(charset)("replace")
        text = self._pending + self._decoder.decode(data)
        self._pending = ""
        self.flooded, self._work = False, 0
        events: list[Event] = []
        shown: list[str] = []
        position = 0
        while position < len(text):
            position = self._take(text, position, events, shown)
            if events:
                yield events.pop(), "".join(shown)
                shown.clear()
        if shown:
            yield None, "".join(shown)

    def cover(self) -> str:
        """What takes prompt and text off the screen; others' output follows."""
        up = f"\x1b[{self._row}A" if self._row else ""
        self._row = 0
        return f"{up}\r\x1b[J"

    def put_back(self) -> str:
        """What draws prompt and text, with the cursor in its place."""
        whole = self.prompt + ("" if self.hidden else self.text)
        behind = self.prompt + ("" if self.hidden else self._before)
        last, column = self._place(whole)
        self._row, target = self._place(behind)
        if column == 0 and last:
            whole += (
                "\r\n"  # the terminal waits at the edge otherwise, and where it is is not defined
            )
        up = f"\x1b[{last - self._row}A" if last > self._row else ""
        moved = "" if (last, column) == (self._row, target) else f"{up}\r" + _right(target)
        return whole + moved

    def forget(self) -> None:
        """Throw away what is typed of a hidden line; nothing of it is on the screen."""
        row = self._row
        self._clear()
        self._row = row

    # -- taking keys --------------------------------------------------------------------------

    def _take(self, text: str, position: int, events: list[Event], shown: list[str]) -> int:
        """Take one key, or a run of letters. Returns where the next one begins."""
        key = text[position]
        if key == "\x1b":
            return self._take_sequence(text, position, shown)
        if key in "\r\n" or (key == "\0" and self._after_cr):
            swallowed = self._after_cr and key != "\r"
            self._after_cr = key == "\r"
            if not swallowed:
                self._enter(events, shown)
            return position + 1
        self._after_cr = False
        if key < " " or key == "\x7f":
            self._control(key, events, shown)
            return position + 1
        end = position + 1
        while end < len(text) and text[end] >= " " and text[end] not in "\x7f\x1b":
            end += 1
        self._insert(text[position:end], shown)
        return end

    def _take_sequence(self, text: str, position: int, shown: list[str]) -> int:
        match = _SEQUENCE.match(text, position, position + SEQUENCE_MAX)
        if match is None:
            begun = _BEGUN.fullmatch(text, position)
            if begun is not None and len(text) - position < SEQUENCE_MAX:
                self._pending = text[position:]
                return len(text)
            return position + 1
        if match[0] in (_PASTE, _PASTED):
            self._pasting = match[0] == _PASTE
        elif not self._pasting and match[0] in _KEYS:
            self._edit(match[0], shown)
        return match.end()

    def _control(self, key: str, events: list[Event], shown: list[str]) -> None:
        if self._pasting:
            return
        if key in _KEYS:
            self._edit(key, shown)
        elif key == "\x04":
            if self._before or self._after:
                self._delete()
                self._draw(shown)
            else:
                events.append(End())
        elif key == "\x03":
            shown.append(self._leave() + "^C\r\n")
            self._clear()
            shown.append(self.put_back())
            events.append(Interrupt())
        elif key == "\t":
            self._tab(shown)
        elif key == "\x0c":
            self._row = 0
            shown.append("\x1b[H\x1b[2J" + self.put_back())

    def _tab(self, shown: list[str]) -> None:
        """Complete the last word before the cursor as far as it is certain; else list what fits."""
        self._work += COMPLETION_WORK
        if self.hidden or self.complete is None or self._is_too_much():
            shown.append("\a")
            return
        text = self._before
        start = text.rfind(" ") + 1
        word = text[start:]
        fitting = [
            candidate
            for candidate in dict.fromkeys(self.complete(text))
            if candidate.casefold().startswith(word.casefold())
        ]
        completed = _common_beginning(fitting)
        if len(fitting) == 1 and not self._after.startswith(" "):
            completed += " "
        size = self._size + len(completed.encode()) - len(word.encode("utf-8", "ignore"))
        if not fitting or (self._line_max and size > self._line_max):
            shown.append("\a")
        elif len(completed) > len(word):
            self._before = text[:start] + completed
            self._size = size
            self._draw(shown)
        else:
            self._list(fitting, shown)

    def _list(self, words: list[str], shown: list[str]) -> None:
        """Show words above the line."""
        count = len(self._before)
        shown.append(self._leave() + "\r\n")
        rows = [""]
        for word in sorted(words)[:LISTED_MAX]:
            if rows[-1] and wcwidth.width(f"{rows[-1]}  {word}") > self.columns:
                rows.append("")
            rows[-1] += f"  {word}" if rows[-1] else word
        more = len(words) - LISTED_MAX
        rows += [f"and {more} more"] if more > 0 else []
        self._before, self._after = self._before[:count], self._before[count:]
        self._row = 0
        shown.append("".join(f"{row}\r\n" for row in rows) + self.put_back())

    def _enter(self, events: list[Event], shown: list[str]) -> None:
        text = self.text
        shown.append(self._leave() + "\r\n")
        if text.strip() and not self.hidden and (not self._history or self._history[-1] != text):
            self._history.append(text)
            while _memory(self._history) > HISTORY_SIZE_MAX:
                self._history.popleft()
        if self.hidden:
            self._killed = ""  # a password is not to be yanked into what others read
        self._clear()
        self.prompt = ""
        events.append(Line(text))

    def _leave(self) -> str:
        """What moves the cursor behind the text, from wherever it is."""
        self._end()
        before = self._row
        row, column = self._place(self.prompt + ("" if self.hidden else self.text))
        down = f"\x1b[{row - before}B" if row > before else ""
        return f"{down}\r{_right(column)}"

    def _clear(self) -> None:
        self._before = self._after = ""
        self._size = self._row = self._recalled = 0
        self._draft = ""

    # -- editing ------------------------------------------------------------------------------

    def _is_too_much(self) -> bool:
        self._work += len(self._before) + len(self._after)
        self.flooded = self._work > WORK_MAX
        return self.flooded

    def _insert(self, text: str, shown: list[str]) -> None:
        if self._is_too_much():
            return
        if self._line_max:
            room = self._line_max - self._size
            text = text.encode("utf-8", "ignore")[: max(0, room)].decode("utf-8", "ignore")
            if not text:
                shown.append("\a")
                return
        self._size += len(text.encode("utf-8", "ignore"))
        self._before += text
        if self.hidden:
            return
        row, column = self._place(self.prompt + self._before)
        if not self._after and column and row == self._row and text.isascii():
            shown.append(text)  # the usual case: a letter behind the others
        else:
            self._draw(shown)

    def _edit(self, key: str, shown: list[str]) -> None:
        if self._is_too_much():
            return
        before = self.text, len(self._before)
        getattr(self, _KEYS[key])()
        if (self.text, len(self._before)) == before:
            shown.append("\a")
            return
        self._size = len(self.text.encode("utf-8", "ignore"))
        self._draw(shown)

    def _draw(self, shown: list[str]) -> None:
        if not self.hidden:
            shown.append(self.cover() + self.put_back())

    def _set(self, text: str) -> None:
        self._before, self._after = text, ""

    def _move(self, position: int) -> None:
        """Move the cursor to this position in the text, in characters."""
        text = self.text
        self._before, self._after = text[:position], text[position:]

    def _home(self) -> None:
        self._move(0)

    def _end(self) -> None:
        self._set(self.text)

    def _left(self) -> None:
        self._move(_start_of_last(self._before))

    def _right(self) -> None:
        self._move(len(self._before) + len(_first(self._after)))

    def _backspace(self) -> None:
        self._before = self._before[: _start_of_last(self._before)]

    def _delete(self) -> None:
        self._after = self._after[len(_first(self._after)) :]

    def _word_left(self) -> None:
        self._move(self._start_of_word())

    def _word_right(self) -> None:
        self._move(len(self._before) + self._end_of_word())

    def _kill_to_end(self) -> None:
        self._killed, self._after = self._after or self._killed, ""

    def _kill_to_start(self) -> None:
        self._killed, self._before = self._before or self._killed, ""

    def _kill_word(self) -> None:
        start = self._start_of_word()
        self._killed = self._before[start:] or self._killed
        self._before = self._before[:start]

    def _kill_next_word(self) -> None:
        end = self._end_of_word()
        self._killed = self._after[:end] or self._killed
        self._after = self._after[end:]

    def _yank(self) -> None:
        room = self._line_max - self._size if self._line_max else len(self._killed) * 4
        if len(self._killed.encode("utf-8", "ignore")) <= room:
            self._before += self._killed

    def _swap(self) -> None:
        text = self._before
        last = _start_of_last(text)
        first = _start_of_last(text[:last])
        self._before = text[:first] + text[last:] + text[first:last]

    def _up(self) -> None:
        self._recall(1)

    def _down(self) -> None:
        self._recall(-1)

    def _recall(self, step: int) -> None:
        wanted = self._recalled + step
        if self.hidden or not 0 <= wanted <= len(self._history):
            return
        if not self._recalled:
            self._draft = self.text
        self._recalled = wanted
        self._set(self._history[-wanted] if wanted else self._draft)

    def _start_of_word(self) -> int:
        """How many characters stand before the word at the cursor."""
        return len(self._before) - _to_end_of_word(wcwidth.iter_graphemes_reverse(self._before))

    def _end_of_word(self) -> int:
        """How many characters behind the cursor end with a word."""
        return _to_end_of_word(wcwidth.iter_graphemes(self._after))

    # -- the screen ----------------------------------------------------------------------------

    def _place(self, text: str) -> tuple[int, int]:
        """Row and column of the cursor behind this text, which begins at the left edge."""
        row = column = 0
        if "\x1b" in text:  # colours of the prompt
            text = wcwidth.strip_sequences(text)
        for grapheme in wcwidth.iter_graphemes(text):
            width = max(0, wcwidth.width(grapheme))
            if (
                column + width > self.columns
            ):  # a wide letter that does not fit goes to the next row
                row, column = row + 1, 0
            column += width
            if column == self.columns:
                row, column = row + 1, 0
        return row, column


def _right(columns: int) -> str:
    return f"\x1b[{columns}C" if columns else ""


def _first(text: str) -> str:
    """The first grapheme of a text; "" if it is empty."""
    return next(wcwidth.iter_graphemes(text), "")


def _start_of_last(text: str) -> int:
    """Where the last grapheme of a text begins."""
    return wcwidth.grapheme_boundary_before(text, len(text)) if text else 0


def _to_end_of_word(graphemes: Iterable[str]) -> int:
    """How many characters there are up to the end of the first word in these."""
    count, in_word = 0, False
    for grapheme in graphemes:
        is_of_word = _WORD.match(grapheme) is not None
        if in_word and not is_of_word:
            break
        in_word = is_of_word
        count += len(grapheme)
    return count


def _memory(texts: Iterable[str]) -> int:
    """Bytes of memory that these take; an empty one is shared by all."""
    return sum(sys.getsizeof(text) for text in texts if text)


def _common_beginning(words: list[str]) -> str:
    """What all of them begin with, whatever the case, as the first one writes it."""
    count = 0
    for letters in zip(*words, strict=False):
        if len({letter.casefold() for letter in letters}) > 1:
            break
        count += 1
    return words[0][:count] if words else ""
