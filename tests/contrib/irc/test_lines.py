"""Text between people here and people on IRC."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.contrib.irc.lines import (
    decoded,
    folded,
    messages,
    plain,
    shown_nickname,
    text_bytes_max,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x0304,12red on blue\x03 and plain", "red on blue and plain"),
        ("\x03 no number", "no number"),
        ("\x031 one, \x0399,99 two", "one,  two"),
        ("\x04ff8800 orange\x04", "orange"),
        (
            "\x02bold\x0f \x1ditalic\x1d \x1funder\x1f \x16rev\x16 \x11mono\x11",
            "bold italic under rev mono",
        ),
        ("\x1b[2J\x1b[31mcleared\x07\x9b1m", "cleared"),
        ("\u202egnirts", "gnirts"),
        ("a\r\nb\0c", "abc"),
    ],
)
def test_colours_and_control_characters_are_removed(text, shown):
    assert plain(text) == shown


@given(st.text())
def test_what_is_shown_is_harmless(text):
    assert plain(text).replace("\t", " ").isprintable() or not plain(text).isascii()
    assert not any(ord(character) < 32 for character in plain(text) if character != "\t")
    assert " " not in shown_nickname(text)


def test_lines_are_utf8_or_windows_1252():
    assert decoded("grüß".encode()) == "grüß"
    assert decoded("grüß".encode("cp1252")) == "grüß"
    assert decoded(b"\x81") == "\ufffd"


def test_names_are_compared_as_servers_do():
    assert folded("#Lamp[1]\\~") == folded("#lAMP{1}|^")
    assert folded("#lamp") != folded("#lamps")


def test_a_short_text_is_one_message():
    assert list(messages("<Ann> ", "hello  there", 100)) == ["<Ann> hello  there"]
    assert list(messages("<Ann> ", "  ", 100)) == []


def test_a_long_text_is_split_at_spaces_and_each_message_says_who_speaks():
    text = "one two three four five six seven"
    assert list(messages("<A> ", text, 16)) == [
        "<A> one two",
        "<A> three four",
        "<A> five six",
        "<A> seven",
    ]


def test_a_word_that_is_too_long_is_split_between_characters():
    family = "\N{WOMAN}\u200d\N{WOMAN}\u200d\N{GIRL}"  # 18 bytes, one character
    parts = list(messages("", f"{family}e\u0301{family}", 25))
    assert parts == [f"{family}e\u0301", family]


def test_a_line_end_cannot_become_a_command():
    assert list(messages("<A> ", "hi\r\nQUIT :x\0y", 100)) == ["<A> hi", "<A> QUIT :x", "<A> y"]


@given(st.text(max_size=300), st.integers(60, 200))
def test_messages_fit_and_nothing_is_lost(text, size):
    # Marks without end are no character that people can type: see cletus.protocol.text.clean().
    parts = list(messages("<Ann> ", plain(text), size))
    assert all(len(part.encode()) <= size for part in parts)
    assert all(part.startswith("<Ann> ") for part in parts)
    joined = "".join(part.removeprefix("<Ann> ") for part in parts)
    assert "".join(joined.split()) == "".join(plain(text).split())


def test_what_a_server_puts_before_a_message_counts():
    line = f":lantern!~{'u' * 10}@{'h' * 63} PRIVMSG #lamp :" + "x" * text_bytes_max(
        "lantern", "#lamp"
    )
    assert len(line) == 510
