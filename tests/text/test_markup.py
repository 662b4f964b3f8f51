"""Markup: tags of the author have a meaning, text that a person has typed never does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.errors import MarkupError
from cletus.text.markup import Styled, style

TRUE = 1 << 24


@pytest.mark.parametrize(
    ("markup", "colours", "shown"),
    [
        ("plain", 16, "plain"),
        ("[red]a[/]b", 16, "\x1b[31ma\x1b[0mb"),
        ("[bold][red]a[/]b[/]c", 16, "\x1b[1;31ma\x1b[0m\x1b[1mb\x1b[0mc"),
        ("[bright_red on blue]a", 16, "\x1b[91;44ma\x1b[0m"),
        ("[#ff8800]a", TRUE, "\x1b[38;2;255;136;0ma\x1b[0m"),
        ("[#ff8800]a", 256, "\x1b[38;5;208ma\x1b[0m"),
        ("[#ff0000]a", 16, "\x1b[91ma\x1b[0m"),
        ("[208]a", 256, "\x1b[38;5;208ma\x1b[0m"),
        ("[red]a[/]", 0, "a"),
        (r"\[red] {x}", 16, "[red] {x}"),
        ("[underline][/]", 16, ""),
    ],
)
def test_markup(markup: str, colours: int, shown: str) -> None:
    assert style(markup).render(colours) == shown  # type: ignore[arg-type]  # not literal here


def test_values_are_formatted_and_take_the_style_around_them() -> None:
    text = style("[red]{name:>5}[/] {{}} {n:03d}", name="bob", n=7)
    assert text.render(16) == "\x1b[31m  bob\x1b[0m {} 007"
    assert str(text) == "  bob {} 007"


@given(st.text())
def test_a_value_never_becomes_markup_or_colour(typed: str) -> None:
    text = style("[red]{name}[/] says: {text}", name="bob", text=typed)
    assert str(text) == f"bob says: {typed}"
    assert text.render(16) == f"\x1b[31mbob\x1b[0m says: {typed}"


def test_a_styled_value_keeps_its_style_over_that_around_it() -> None:
    name = style("[green]bob[/]")
    assert style("[bold]{n}[/]", n=name).render(16) == "\x1b[1;32mbob\x1b[0m"


def test_pieces_can_be_put_together() -> None:
    red = style("[red]a[/]")
    assert isinstance("[red]" + red, Styled)
    assert ("[red]" + red + "[/]").render(16) == "[red]\x1b[31ma\x1b[0m[/]"
    assert style(", ").join(["x", red]).render(0) == "x, a"
    assert len(red) == 1


@pytest.mark.parametrize("markup", ["[nocolour]x", "[/]", "[red]x[/][/]", "[999]x", "[on]x[9999]"])
def test_what_means_nothing_is_a_mistake(markup: str) -> None:
    with pytest.raises(MarkupError):
        style(markup)  # type: ignore[arg-type]  # not literal here


def test_a_missing_value_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        style("{name} {text}", name="bob")
