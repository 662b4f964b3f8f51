"""The line editor: what is typed is the line, and what is shown is the line."""

from __future__ import annotations

import tracemalloc
import unicodedata

import pyte
import pytest
import wcwidth
from hypothesis import example, given
from hypothesis import strategies as st

from cletus.protocol.line_editor import (
    HISTORY_MAX,
    HISTORY_SIZE_MAX,
    SEQUENCE_MAX,
    End,
    Interrupt,
    Line,
    LineEditor,
)

COLUMNS, ROWS = 12, 40


class Terminal(pyte.Screen):
    """As xterm and VTE: a mark stays with the last character of a full row. pyte begins the next row."""

    def draw(self, data: str) -> None:
        for character in data:
            if not unicodedata.combining(character) or self.cursor.x < self.columns:
                super().draw(character)
                continue
            row = self.buffer[self.cursor.y]
            last = row[self.columns - 1]
            text = unicodedata.normalize("NFC", last.data + character)
            row[self.columns - 1] = last._replace(data=text)


class Screen:
    """A terminal in memory that shows an editor."""

    def __init__(self, prompt: str = "> ", columns: int = COLUMNS) -> None:
        self.editor = LineEditor(columns)
        self._screen = Terminal(columns, ROWS)
        self._stream = pyte.Stream(self._screen)
        self.editor.prompt = prompt
        self.feed(self.editor.put_back())

    def feed(self, text: str) -> None:
        self._stream.feed(text)

    def type(self, data: bytes) -> list[object]:
        events, shown = self.editor.receive(data)
        self.feed(shown)
        return list(events)

    @property
    def text(self) -> str:
        return "".join(line.ljust(self._screen.columns) for line in self._screen.display).rstrip()

    @property
    def rows(self) -> list[str]:
        return [row.rstrip() for row in self._screen.display if row.strip()]

    @property
    def cursor(self) -> tuple[int, int]:
        return self._screen.cursor.y, self._screen.cursor.x


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (b"hello\r", "hello"),
        (b"hellp\x7fo\r", "hello"),
        (b"ello\x01h\r", "hello"),
        (b"hell\x01\x05o\r", "hello"),
        (b"helo\x1b[Dl\r", "hello"),
        (b"helo\x1bODl\r", "hello"),
        (b"xhello\x01\x1b[3~\r", "hello"),
        (b"hello world\x17\x7f\r", "hello"),
        (b"hello world\x1bb\x0b\x7f\r", "hello"),
        (b"one two\x01\x1bf\x0b\x19\x19\r", "one two two"),
        (b"junk\x15hello\r", "hello"),
        (b"ehllo\x01\x06\x06\x14\r", "hello"),
        (b"one two\x01\x1bd\x1b[3~\r", "two"),
        ("grüß\x7fß\r".encode(), "grüß"),
        ("a\u0301\x7fb\r".encode(), "b"),
        ("👨‍👩‍👧\x7fx\r".encode(), "x"),
        (b"a\x1b[200~b\x01c\x1b[201~d\r", "abcd"),
        (b"a\x1b[99~b\r", "ab"),
        (b"a\x1b[1;5Cb\x1b[1;5Dc\r", "cab"),
    ],
)
def test_a_key_does_what_fingers_expect(keys: bytes, line: str) -> None:
    """Whole, and byte by byte."""
    assert Screen(columns=40).type(keys) == [Line(line)]
    screen = Screen(columns=40)
    assert [event for byte in keys for event in screen.type(bytes([byte]))] == [Line(line)]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\r\0"])
def test_every_end_of_a_line_is_one(end: bytes) -> None:
    screen = Screen()
    assert screen.type(b"a" + end + b"b" + end) == [Line("a"), Line("b")]
    assert [e for b in b"a" + end for e in screen.type(bytes([b]))] == [Line("a")]


def test_two_newlines_are_two_lines() -> None:
    assert Screen().type(b"\r\r\n\n") == [Line(""), Line(""), Line("")]


def test_lines_are_recalled_and_a_draft_comes_back() -> None:
    screen = Screen(columns=40)
    screen.type(b"one\rtwo\r")
    screen.type(b"dra\x1b[A")
    assert screen.editor.text == "two"
    screen.type(b"\x10\x10")
    assert screen.editor.text == "one"
    screen.type(b"\x1b[B\x1b[B")
    assert screen.editor.text == "dra"


def test_a_hidden_line_is_neither_shown_nor_remembered() -> None:
    screen = Screen("Password: ", columns=40)
    screen.editor.hidden = True
    assert screen.type(b"secret\x15secret\r") == [Line("secret")]
    assert "secret" not in screen.text
    screen.editor.hidden = False
    screen.type(b"\x1b[A\x19")
    assert screen.editor.text == ""


WORDS = [".say", ".save", ".shout", "Ann", "Anna", "Jürgen", "Jürgen"]


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("hi jü\t!", "hi Jürgen !"),
        (".s\t", ".s"),
        (".sh\tgo", ".shout go"),
        (".SA\t", ".SA"),
        ("a\t", "Ann"),
        ("ann\t", "ann"),
        ("x\t", "x"),
        (".sh!\x02\t", ".shout !"),
        (".sh out\x01\x06\x06\x06\t", ".shout out"),
    ],
)
def test_tab_completes_the_last_word_as_far_as_it_is_certain(keys: str, line: str) -> None:
    """Whatever the case; the words are those of the application."""
    screen = Screen(columns=40)
    screen.editor.complete = lambda _text: WORDS
    screen.type(keys.encode())
    assert screen.editor.text == line
    assert screen.rows[-1] == f"> {line}".rstrip()


def test_tab_lists_what_fits_above_the_line() -> None:
    screen = Screen(columns=12)
    screen.editor.complete = lambda _text: WORDS
    screen.type(b".s x\x02\x02\t")
    assert screen.rows == ["> .s x", ".save  .say", ".shout", "> .s x"]
    screen.type(b"ay")
    assert screen.rows[-1] == "> .say x"


def test_what_is_listed_has_a_bound() -> None:
    screen = Screen(columns=40)
    screen.editor.complete = lambda _text: [f"word{number}" for number in range(300)]
    screen.type(b"wor\t\t")
    assert screen.rows[-2:] == ["and 200 more", "> word"]


def test_a_hidden_line_and_a_paste_are_not_completed() -> None:
    asked: list[str] = []
    screen = Screen()
    screen.editor.complete = lambda text: asked.append(text) or ["all"]  # type: ignore[func-returns-value]
    screen.type(b"\x1b[200~a\t\x1b[201~")
    screen.editor.hidden = True
    screen.type(b"a\t")
    assert asked == []


def test_a_completion_is_not_longer_than_a_line_may_be() -> None:
    editor = LineEditor(line_max=4)
    editor.complete = lambda _text: ["hello"]
    assert editor.receive(b"he\t")[1].endswith("\a")
    assert editor.text == "he"


def test_a_flood_of_tabs_has_a_bound() -> None:
    asked: list[str] = []
    editor = LineEditor()
    editor.complete = lambda text: asked.append(text) or []  # type: ignore[func-returns-value]
    editor.receive(b"\t" * 5000)
    assert editor.flooded
    assert len(asked) <= 50


def test_ctrl_d_leaves_only_an_empty_line() -> None:
    assert Screen().type(b"\x04") == [End()]
    screen = Screen()
    assert screen.type(b"ab\x01\x04\r") == [Line("b")]


def test_ctrl_c_throws_the_line_away() -> None:
    screen = Screen()
    assert screen.type(b"abc\x03d\r") == [Interrupt(), Line("d")]


def test_a_line_that_is_too_long_takes_no_more() -> None:
    editor = LineEditor(80, line_max=5)
    events, shown = editor.receive("grüße!".encode() + b"\r")
    assert events == [Line("grüß"[:4])] or events == [Line("grü")]
    assert len(editor.text.encode()) <= 5
    assert shown


def test_a_sequence_without_end_swallows_nothing_for_ever() -> None:
    editor = LineEditor()
    editor.receive(b"\x1b[" + b"1" * (SEQUENCE_MAX + 8))
    events, _ = editor.receive(b"a\r")
    (line,) = events
    assert isinstance(line, Line)
    assert line.text.endswith("a")


def test_others_output_stands_above_the_line() -> None:
    screen = Screen(columns=40)
    screen.type(b"hal\x1b[D")
    screen.feed(screen.editor.cover() + "Bob: hi\r\n" + screen.editor.put_back())
    assert screen.text.split() == ["Bob:", "hi", ">", "hal"]
    assert screen.cursor == (1, 4)


KEYS = st.lists(
    st.sampled_from([*"abc de", "ü", "漢", "e\u0301", "👍"])
    | st.sampled_from(
        [
            "\x01",
            "\x02",
            "\x05",
            "\x06",
            "\x0b",
            "\x0e",
            "\x10",
            "\x14",
            "\x15",
            "\x17",
            "\x19",
            "\x7f",
            "\x1b[A",
            "\x1b[C",
            "\x1b[D",
            "\x1b[3~",
            "\x1bb",
            "\x1bf",
            "\x1bd",
            "\x0c",
        ]
    ),
    max_size=40,
)


@given(KEYS)
@example([*"aaa", "漢", "漢", "漢", "e\u0301", "a"])
def test_the_screen_shows_the_line_and_the_cursor_stands_in_it(keys: list[str]) -> None:
    """Whatever keys are pressed: screen = prompt + text, as a terminal in memory shows it."""
    screen = Screen()
    for key in keys:
        screen.type(key.encode())
    expected = Screen("")
    expected.feed("> " + screen.editor.text)
    assert screen.text.rstrip() == expected.text.rstrip()


@given(KEYS, st.data())
def test_bytes_mean_the_same_however_they_are_cut(keys: list[str], data: st.DataObject) -> None:
    stream = ("".join(keys) + "\r").encode()
    whole = LineEditor(COLUMNS)
    events, _ = whole.receive(stream)
    pieces, cut = LineEditor(COLUMNS), data.draw(st.integers(0, len(stream)))
    first, _ = pieces.receive(stream[:cut])
    second, _ = pieces.receive(stream[cut:])
    assert [*first, *second] == events


def test_widths_are_those_of_the_terminal() -> None:
    screen = Screen(columns=6)
    screen.type("漢漢漢".encode())
    assert wcwidth.width(screen.editor.text) == 6
    assert screen.cursor == (1, 2)


def test_what_the_history_holds_is_bounded() -> None:
    editor = LineEditor(80, 4096)
    for number in range(HISTORY_MAX):
        editor.receive(b"%04d" % number + b"x" * 1000 + b"\r")
    assert sum(map(len, editor._history)) <= HISTORY_SIZE_MAX
    assert editor.receive(b"\x10")[1].count("0099") == 1


#: What is sent for a line, and then over again: letters of one to four bytes, marks, both in one line.
TYPED = {
    "ASCII": "a" * 4000,
    "Latin": "é" * 2000,
    "Cyrillic": "я" * 2000,
    "Chinese": "語" * 1300,
    "emoji": "🙂" * 1000,
    "ASCII and one emoji": "a" * 3990 + "🙂",
    "marks": "e\u0301" * 1300,
}


@pytest.mark.parametrize("name", TYPED)
def test_an_editor_holds_at_most_eight_times_what_was_sent(name: str) -> None:
    """Measured, and as it says itself."""
    editor, data = LineEditor(line_max=4096), TYPED[name].encode()
    editor.receive(b"warm up\r")
    former = editor.held
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for start in range(0, len(data), 256):
            editor.receive(data[start : start + 256])
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert editor.text == TYPED[name]
    assert held <= 8 * len(data)
    assert held - 2000 <= editor.held - former <= 8 * len(data)


def test_what_can_be_brought_back_has_a_bound_in_memory() -> None:
    """A letter alone takes 30 times its bytes, so lines are counted by what they take."""
    editor = LineEditor(line_max=4096)
    for number in range(3 * HISTORY_MAX):
        editor.receive(("🙂" * (number % 2 * 1000 + 1) + f"{number}\r").encode())
    assert editor.held <= HISTORY_SIZE_MAX
    editor.receive(("🙂" * 1000).encode() + b"\x15\x19\x1b[A")
    line = 4 * 1010 + 100
    assert editor.held <= HISTORY_SIZE_MAX + 3 * line
