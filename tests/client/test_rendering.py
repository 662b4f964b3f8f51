"""How a text is rendered for each terminal, once for each render profile."""

from __future__ import annotations

from typing import Any

import pytest
import wcwidth
from rich.table import Table
from rich.text import Text

from cletus.client.rendering import Message, _console_class, as_text
from cletus.protocol.charset import telnet_encoder
from cletus.protocol.terminal import Terminal
from cletus.text.markup import hanging, style


def terminal(charset: str = "utf-8", **values: Any) -> Terminal:
    made = Terminal(telnet_encoder(charset))
    for name, value in values.items():
        setattr(made, name, value)
    return made


def table() -> Table:
    one = Table("name", "[red]title")
    one.add_row("bob", "[blink]\u2615")
    return one


def test_terminals_that_look_alike_share_a_look() -> None:
    assert terminal(colours=16).profile is terminal(colours=16).profile
    assert terminal(colours=16).profile is not terminal(colours=256).profile
    assert terminal(colours=16).profile.plain is terminal(columns=90).profile.plain


def test_plain_text_is_encoded_once_for_a_character_set() -> None:
    message = Message(("hello", 5))
    wide = message.encoded(terminal(columns=200, colours=16).profile)
    assert wide == b"hello\r\n5\r\n"
    assert message.encoded(terminal().profile) is wide
    assert message.encoded(terminal("latin-1").profile) is not wide


def test_styled_text_is_made_for_each_palette() -> None:
    message = Message((style("[red]x[/]"),))
    assert message.encoded(terminal().profile) == b"x\r\n"
    assert message.encoded(terminal(colours=16).profile) == b"\x1b[31mx\x1b[0m\r\n"
    assert message.encoded(terminal(colours=16, screen_reader=True).profile) == b"x\r\n"


def test_a_broadcast_of_a_table_is_rendered_once_for_each_look(monkeypatch: Any) -> None:
    made: list[object] = []
    real = _console_class()
    monkeypatch.setattr(
        "cletus.client.rendering._console_class", lambda: lambda **k: made.append(1) or real(**k)
    )
    message = Message((table(),))
    for _ in range(100):
        message.encoded(terminal().profile)
        message.encoded(terminal(columns=60, colours=256).profile)
    assert len(made) == 2


def test_a_table_has_the_width_and_the_characters_of_the_terminal() -> None:
    text = as_text((table(),), terminal(columns=40).profile)
    assert "\u2615" in text
    assert "\u2502" in text
    assert "[blink]" in text, "what is in a cell is not markup"
    assert "\x1b" not in text
    plain = Message((table(),)).encoded(terminal("ascii").profile)
    assert b"|" in plain
    plain.decode("ascii")


def test_nobody_has_boxes_read_to_them() -> None:
    text = as_text((table(),), terminal(screen_reader=True).profile)
    assert "bob" in text
    assert not any(0x2500 <= ord(char) < 0x25A0 for char in text)


@pytest.mark.parametrize(
    ("line", "wrapped"),
    [
        ("short", ["short"]),
        ("one two three four five six", ["one two three four", "five six"]),
        ("  one two three four five", ["  one two three four", "  five"]),
        (
            "\u65e5\u672c\u8a9e" * 5,
            ["\u65e5\u672c\u8a9e" * 3 + "\u65e5", "\u672c\u8a9e\u65e5\u672c\u8a9e"],
        ),
        ("", [""]),
        ("a\n\nb", ["a", "", "b"]),
        ("x" * 45, ["x" * 20, "x" * 20, "x" * 5]),
    ],
)
def test_wrapping_goes_by_the_width_of_characters(line: str, wrapped: list[str]) -> None:
    profile = terminal(columns=20, wrap=True).profile
    assert as_text((line,), profile).split("\n")[:-1] == wrapped


def test_colours_count_nothing_when_wrapping() -> None:
    profile = terminal(columns=20, wrap=True, colours=16).profile
    assert as_text((style("[red]one two three four[/]"),), profile).count("\n") == 1


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("columns", [20, 39, 40, 72, 80, 132])
@pytest.mark.parametrize("filling", [" ", "x", "\u65e5", "a b ", "\t", "\u00a0", "e\u0301 ", "-"])
def test_the_continuation_of_somebodys_words_is_indented(
    filling: str, columns: int, wrap: bool
) -> None:
    """Whether it is filled with spaces or with words, nothing of it stands at the left edge."""
    profile = terminal(columns=columns, wrap=wrap).profile
    for count in range(columns // 2, 2 * columns):
        text = as_text((hanging(f"Bob says: hello.{filling * count}Kim says: yes"),), profile)
        first, *others = text.rstrip("\n").split("\n")
        assert first.startswith("Bob says:")
        for row in others:
            assert row.startswith("  ")
            assert wcwidth.width(row) <= columns


def test_a_short_line_and_a_screen_reader_get_it_in_one() -> None:
    reader = terminal(screen_reader=True).profile
    long = "Bob says: " + "word " * 40
    assert as_text((hanging("Bob says: hi"),), reader) == "Bob says: hi\n"
    assert as_text((hanging(long),), reader) == f"{long}\n"


def test_a_terminal_that_breaks_lines_itself_gets_it_in_one() -> None:
    long = "Bob says: " + "word " * 40
    assert as_text((hanging(long),), terminal(reflows=True).profile) == f"{long}\n"


def test_a_link_is_its_text_where_links_are_unknown() -> None:
    text = Text.assemble("see ", ("the site", "link https://example.org"))
    assert "see the site" in as_text((text,), terminal(colours=0).profile)
    assert "\x1b]8;" not in as_text((text,), terminal(colours=256).profile)
    assert "https://example.org" in as_text((text,), terminal(colours=256, links=True).profile)
