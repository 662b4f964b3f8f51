r"""What one person may put on another's screen.

Everything that people type goes through ``clean`` once, when it arrives, so that applications need not
think of it. In the result, no character moves the cursor, changes colours, begins a terminal sequence,
reverses the direction of writing, ends a line (or a line of a log), or covers the lines above it. The
source of the lists is section 3 of the telnet notes.

Backspace and DEL erase the character before them: people on ``nc`` and on terminals in raw mode send
them and mean it. A tab stays. The sequences of arrow and function keys (ESC [ A) are removed as a
whole, so that no ``[A`` is left of them.
"""

from __future__ import annotations

import re
import unicodedata

from wcwidth import list_versions
from wcwidth.table_zero import ZERO_WIDTH

MARKS_MAX = 4
"""Combining marks on one base character. Our choice; Vietnamese needs two, pointed Hebrew four."""

INVISIBLE_MAX = 12
"""Other characters of no width on one base character. Our choice; the flag of England has six tags."""

# Sequences of keys: CSI (ECMA-48), and SS3 of keypads.
_KEYS = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1bO[ -~]")

_UNWANTED = re.compile(
    "["
    "\x00-\x08\x0a-\x1f\x7f"  # C0 but for the tab, and DEL
    "\x80-\x9f"  # C1: terminals obey them as they do ESC
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction
    "\u2028\u2029"  # line and paragraph separators
    "\ufeff\ufff9-\ufffb"  # byte order mark, interlinear annotations
    "\ud800-\udfff"  # lone surrogates, which no encoder takes
    "\ufdd0-\ufdef\ufffe\uffff"  # noncharacters
    "\U000e0000\U000e0002-\U000e001f\U000e0080-\U000e00ff\U000e01f0-\U000e0fff"  # ignorable, not assigned
    "]+"
)

# Characters of no width by Unicode's tables, as terminals use them: they fall on the cell before them.
# Soft hyphens have a width in these tables, but many terminals and all browsers show nothing of them.
_ZERO_WIDTH = "\u00ad" + "".join(
    rf"\U{first:08x}-\U{last:08x}"
    for first, last in ZERO_WIDTH[list_versions()[-1]]
    if first > 0x7F
)

_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]+")

# A run that may contain too many of them.
_MARKS = re.compile(f"[{_ZERO_WIDTH}]{{{MARKS_MAX + 1},}}")


class TypedLine(str):
    """A clean line of which more was typed than others may see.

    Attributes:
        typed: what was typed, for a password: it is hashed as it is. Only corrections and control
            characters are taken out.
    """

    __slots__ = ("typed",)
    typed: str

    def __sizeof__(self) -> int:
        """The memory of both."""
        return super().__sizeof__() + self.typed.__sizeof__()


def typed_line(line: str) -> str:
    """The line as others may see it; a ``TypedLine`` if it was typed otherwise.

    Args:
        line: one decoded line, without its end.
    """
    if line.isascii():  # nothing but control characters is taken from it
        return line if line.isprintable() else clean(line)
    text = clean(line)
    typed = _CONTROL.sub("", _KEYS.sub("", _erased(line)))
    if typed == text:
        return text
    both = TypedLine(text)
    both.typed = typed
    return both


def clean(line: str) -> str:
    """The line as others may see it: normalised to NFC, without anything that could do harm.

    Args:
        line: one decoded line, without its end.
    """
    if not line.isprintable():  # as is every line that contains a control or format character
        if "\b" in line or "\x7f" in line:
            line = _erased(line)
        line = _UNWANTED.sub("", _KEYS.sub("", line))
    if line.isascii():
        return line
    # Marks are removed before NFC, which sorts them in quadratic time, and once more after it, since
    # NFC takes some characters apart. What is left may then compose, hence the second NFC.
    composed = unicodedata.normalize("NFC", _MARKS.sub(_fewer_marks, line))
    return unicodedata.normalize("NFC", _MARKS.sub(_fewer_marks, composed))


def _erased(line: str) -> str:
    """The line after each backspace and DEL has erased the character before it."""
    kept: list[str] = []
    for char in line:
        if char not in "\b\x7f":
            kept.append(char)
            continue
        while kept and unicodedata.category(kept[-1]).startswith("M"):
            kept.pop()  # the marks go with their base
        if kept:
            kept.pop()
    return "".join(kept)


def _fewer_marks(match: re.Match[str]) -> str:
    """The run with at most ``MARKS_MAX`` marks and ``INVISIBLE_MAX`` other characters of no width.

    All of the run falls on one cell of a terminal, whatever the categories say: a joiner or a vowel sign
    between the marks does not begin another one.
    """
    kept: list[str] = []
    marks = others = 0
    for char in match[0]:
        is_mark = unicodedata.category(char) in ("Mn", "Me")
        marks, others = marks + is_mark, others + (not is_mark)
        if marks <= MARKS_MAX if is_mark else others <= INVISIBLE_MAX:
            kept.append(char)
    return "".join(kept)
