r"""What one person may put on another's screen.

All that people type goes through ``clean`` once, when it comes in, so that no application has to
think of it: after it, no character moves a cursor, changes a colour, begins a terminal sequence,
turns the direction of what follows, ends a line (or a line of a log) or climbs over the lines
above. The source of the lists is section 3 of the telnet notes.

Backspace and DEL erase the character before them, since people on ``nc`` and on terminals in raw
mode send them and mean it. A tab stays. The sequences that arrow and function keys send (ESC [ A)
go as a whole, so that no ``[A`` is left of them.
"""

from __future__ import annotations

import re
import unicodedata

MARKS_MAX = 4
"""Combining marks on one base character. Our choice; Vietnamese needs two, pointed Hebrew four."""

_KEYS = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1bO[ -~]"
)  # ECMA-48 CSI, and SS3 of keypads

_UNWANTED = re.compile(
    "["
    "\x00-\x08\x0a-\x1f\x7f"  # C0 but for the tab, and DEL
    "\x80-\x9f"  # C1: terminals obey them as they do ESC
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction
    "\u2028\u2029"  # line and paragraph separators
    "\ufeff\ufff9-\ufffb"  # byte order mark, interlinear annotations
    "\ud800-\udfff"  # lone surrogates, which no encoder takes
    "]+"
)

# Where too many marks could be: marks are neither ASCII nor, to ``re``, of a word.
_MARKS = re.compile(rf"[^\w\x00-\x7f]{{{MARKS_MAX + 1},}}")


def clean(line: str) -> str:
    """The line as others may see it: normalised to NFC, without what could do harm.

    Args:
        line: one decoded line, without its end.
    """
    if not line.isprintable():  # true of every line with a control or format character in it
        if "\b" in line or "\x7f" in line:
            line = _erased(line)
        line = _UNWANTED.sub("", _KEYS.sub("", line))
    if line.isascii():
        return line
    # Before NFC, which sorts marks in quadratic time; and after, since some characters come apart
    # in it. What a mark was taken from may compose anew, hence the second NFC.
    composed = unicodedata.normalize("NFC", _MARKS.sub(_fewer_marks, line))
    return unicodedata.normalize("NFC", _MARKS.sub(_fewer_marks, composed))


def _erased(line: str) -> str:
    """The line with each backspace and DEL carried out on the character before it."""
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
    """The run with at most ``MARKS_MAX`` marks on each base.

    Spacing marks and invisible format characters (ZWJ) neither count nor begin a new base, as in
    the grapheme clusters of UAX 29: else an invisible one between the marks would lift the limit.
    """
    kept: list[str] = []
    marks = 0
    for char in match[0]:
        category = unicodedata.category(char)
        if category in ("Mn", "Me"):
            marks += 1
        elif category not in ("Mc", "Cf"):
            marks = 0
        if marks <= MARKS_MAX or category in ("Mc", "Cf"):
            kept.append(char)
    return "".join(kept)
