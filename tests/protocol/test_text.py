"""What ``clean`` leaves of what people type."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcwidth

from cletus.protocol.text import INVISIBLE_MAX, MARKS_MAX, TypedLine, clean, typed_line

ACUTE = "\u0301"

CASES = {
    "plain": ("hello, world", "hello, world"),
    "empty": ("", ""),
    "a tab stays": ("a\tb", "a\tb"),
    "other scripts stay": ("héllo ☕ שלום مرحبا 你好", "héllo ☕ שלום مرحبا 你好"),
    "composed": ("e\u0301", "é"),
    "NUL and bells": ("a\0\a\vb", "ab"),
    "line ends": ("a\r\nb\x85c\u2028d\u2029e", "abcde"),
    "colour": ("\x1b[31;1mred\x1b[0m", "red"),
    "clear the screen": ("a\x1b[2J\x1b[Hb", "ab"),
    "arrow keys": ("helo\x1b[D\x1b[A\x1bOP!", "helo!"),
    "CSI as a C1 character": ("a\x9b31mb", "ab"),
    "window title": ("\x1b]0;owned\x07x", "]0;ownedx"),
    "the sequences that silence Mudlet": ("\x1bPx\x1bXx\x1b^x\x1b_x", "PxXx^x_x"),
    "an unfinished sequence": ("abc\x1b[", "abc["),
    "a sequence in a sequence": ("\x1b\x1b[31m[31mx", "[31mx"),
    "all of C1": ("".join(map(chr, range(0x80, 0xA0))), ""),
    "direction": ("a\u202eb\u2066c\u200ed\u061ce", "abcde"),
    "byte order mark and annotations": ("\ufeffa\ufff9b\ufffa\ufffb", "ab"),
    "a lone surrogate": ("a\ud800b", "ab"),
    "unassigned and private": ("\U000e0fff\ue000\uffff", "\ue000"),
    "backspace": ("helo\b\blp", "help"),
    "DEL": ("helo\x7f\x7flp", "help"),
    "backspace at the beginning": ("\b\b\x7fa", "a"),
    "backspace takes the marks along": ("xe\u0323\u0301\bo", "xo"),
    "backspace takes one emoji": ("a☕\bb", "ab"),
    "four marks": ("q" + ACUTE * 4, "q" + ACUTE * 4),
    "zalgo": ("q" + ACUTE * 50 + "w", "q" + ACUTE * MARKS_MAX + "w"),
    "zalgo from the first character": (ACUTE * 50, ACUTE * MARKS_MAX),
    "zalgo on every letter": (("q" + ACUTE * 9) * 3, ("q" + ACUTE * MARKS_MAX) * 3),
    "zalgo on signs": (("☕" + ACUTE * 9) * 2, ("☕" + ACUTE * MARKS_MAX) * 2),
    "zalgo with joiners between": (
        "q" + (ACUTE + "\u200d") * 9,
        "q" + (ACUTE + "\u200d") * 4 + "\u200d" * 5,
    ),
    "soft hyphens": ("a" + "\u00ad" * 50, "a" + "\u00ad" * INVISIBLE_MAX),
    "enclosing marks": ("a" + "\u20dd" * 9, "a" + "\u20dd" * MARKS_MAX),
    "a character that NFC takes apart": ("\ufb2c" + ACUTE * 9, "\u05e9\u05bc\u05c1" + ACUTE * 2),
    "a vowel that composes when a mark before it goes": (
        "\ufb2c" + ACUTE * 2 + "\u09c7" + ACUTE + "\u09be",
        "\u05e9\u05bc\u05c1" + ACUTE * 2 + "\u09cb",
    ),
    "a family": ("👨\u200d👩\u200d👧\u200d👦", "👨\u200d👩\u200d👧\u200d👦"),
    "the flag of Scotland": (
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    ),
    "Burmese": ("မျှော်", "မျှော်"),
    "pointed Hebrew": ("בְּרֵאשִׁ֖ית", unicodedata.normalize("NFC", "בְּרֵאשִׁ֖ית")),
}


@pytest.mark.parametrize(("typed", "shown"), CASES.values(), ids=CASES.keys())
def test_what_is_left(typed: str, shown: str) -> None:
    assert clean(typed) == shown


@given(st.text())
def test_nothing_harmful_is_left(line: str) -> None:
    """No control but the tab, no direction, no line end, no surrogate, and it is NFC."""
    shown = clean(line)
    assert not any(
        unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in shown if char != "\t"
    )
    assert not any(unicodedata.bidirectional(char) in BIDI for char in shown)
    assert unicodedata.is_normalized("NFC", shown)
    assert len(shown.splitlines()) <= 1
    shown.encode()


BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}

marks = st.text(st.sampled_from("aqé☕\u0301\u0323\u20dd\u200d\u09c7\u09be\ufb2c\u1100\u1161\b"))


@given(st.text() | marks)
def test_cleaning_twice_is_cleaning_once(line: str) -> None:
    assert clean(clean(line)) == clean(line)


@given(marks)
def test_no_base_has_more_marks_than_allowed(line: str) -> None:
    count = 0
    for char in clean(line):
        if unicodedata.category(char) in ("Mn", "Me"):
            count += 1
        elif unicodedata.category(char) not in ("Mc", "Cf"):
            count = 0
        assert count <= MARKS_MAX


@given(
    marks
    | st.text(st.sampled_from("a\u0301\u1161\u11a8\u200b\u200d\u0bbe\u17b4\ufe0f\U000e0041☕"))
)
def test_no_cell_of_a_terminal_has_more_than_allowed(line: str) -> None:
    """By width, for that is what makes a character fall on the one before it."""
    marks = others = 0
    for char in clean(line):
        if wcwidth(char) > 0:
            marks = others = 0
        elif unicodedata.category(char) in ("Mn", "Me"):
            marks += 1
        else:
            others += 1
        assert marks <= MARKS_MAX
        assert others <= INVISIBLE_MAX


@pytest.mark.parametrize("unit", ["\u0301\u0323", "\x1b[", "\u200d", "a\b", "\x9b1;", "☕"])
def test_hostile_lines_take_time_in_proportion(unit: str) -> None:
    """NFC sorts marks in quadratic time, so a line of marks must be cut before it."""
    line = unit * (200_000 // len(unit))
    start = time.process_time()
    clean(line)
    assert time.process_time() - start < 1


@given(st.text() | marks)
def test_what_was_typed_comes_with_the_line_where_it_differs(line: str) -> None:
    """For passwords, which are hashed as they were typed; everybody else gets the clean text."""
    text = typed_line(line)
    assert text == clean(line)
    if isinstance(text, TypedLine):
        assert text.typed != text
        assert not any(unicodedata.category(char) == "Cc" and char != "\t" for char in text.typed)
        assert sys.getsizeof(text) > sys.getsizeof(text.typed)


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("e\u0301", "e\u0301"),
        ("a" + 6 * ACUTE, "a" + 6 * ACUTE),
        ("a\u202eb", "a\u202eb"),
        ("\ufeffword", "\ufeffword"),
        ("abé\x7f\x1b[A\u202e", "ab\u202e"),
    ],
)
def test_nothing_but_corrections_and_control_characters_is_taken_from_it(
    line: str, typed: str
) -> None:
    text = typed_line(line)
    assert isinstance(text, TypedLine)
    assert text.typed == typed


@pytest.mark.parametrize("line", ["hello", "héllo ☕", "a\x1b[2Jb\x07", "helo\x7flo"])
def test_most_lines_were_typed_as_they_are(line: str) -> None:
    assert type(typed_line(line)) is str
