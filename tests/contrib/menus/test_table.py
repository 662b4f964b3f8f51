"""Tables for windows of any width."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import width

from cletus.contrib.menus import table
from cletus.text import gettext as _
from cletus.text import ngettext

NAMES = ("Name", "Room", "Lines")
ROWS = [("Ann", "The inn", 7), ("Bob", "", 120)]


def reader(columns: int = 80, screen_reader: bool = False) -> Any:
    return SimpleNamespace(
        terminal=SimpleNamespace(columns=columns, screen_reader=screen_reader, language="")
    )


def lines(*args: Any) -> list[str]:
    return [str(line) for line in table(*args)]


def test_columns_are_as_wide_as_they_need_and_numbers_are_to_the_right():
    assert lines(NAMES, ROWS) == [
        "Name  Room     Lines",
        "Ann   The inn      7",
        "Bob              120",
    ]


def test_a_column_of_zeros_is_a_column_of_numbers():
    assert lines(("Name", "Kills"), [("Ann", 0)]) == ["Name  Kills", "Ann       0"]


def test_a_screen_reader_gets_sentences():
    assert lines(NAMES, ROWS, reader(screen_reader=True)) == [
        "Name: Ann; Room: The inn; Lines: 7",
        "Name: Bob; Lines: 120",
    ]


def test_the_widest_column_is_cut_to_fit_the_window():
    rows = [("Ann", "a long text " * 10, 1)]
    assert lines(NAMES, rows, reader(64)) == [
        "Name  Room                                                Lines",
        "Ann   a long text a long text a long text a long text...      1",
    ]


def test_nothing_but_the_last_column_is_cut_on_a_phone():
    """A name that is cut cannot be typed."""
    rows = [("screen_reader", "auto", "yes if your screen is read aloud")]
    assert lines(("Name", "Value", "What it is"), rows, reader(35)) == [
        "Name: screen_reader; Value: auto; What it is: yes if your screen is read aloud"
    ]


def test_text_of_the_last_column_goes_on_below_itself():
    rows = [("width", "columns of your window: 20 to 500, or 0"), ("language", "of the texts")]
    assert lines(("Name", "What it is"), rows, reader(30)) == [
        "Name      What it is",
        "width     columns of your",
        "          window: 20 to 500,",
        "          or 0",
        "language  of the texts",
    ]


def test_it_takes_four_lines_at_most():
    shown = lines(("Name", "Text"), [("Ann", "a long text " * 20)], reader(30))
    assert len(shown) == 5
    assert shown[-1].endswith("...")
    assert max(map(len, shown)) <= 29


def test_a_window_too_narrow_for_columns_gets_lines():
    assert lines(NAMES, ROWS, reader(12)) == [
        "Name: Ann; Room: The inn; Lines: 7",
        "Name: Bob; Lines: 120",
    ]


def test_no_rows_are_a_heading():
    assert lines(NAMES, []) == ["Name  Room  Lines"]


def test_a_cell_is_one_line():
    assert lines(("A",), [("x\ny  z",)]) == ["A", "x y z"]


def test_a_row_of_another_length_is_an_error():
    with pytest.raises(ValueError, match="3 columns"):
        table(NAMES, [("Ann",)])


TEXT = st.text(st.characters(exclude_categories=("C", "M")), max_size=30)


@given(st.lists(st.tuples(TEXT, TEXT, st.integers()), max_size=5), st.integers(1, 200))
def test_it_fits_any_window_or_is_lines(rows, columns):
    shown = lines(NAMES, rows, reader(columns))
    if shown and shown[0].startswith("Name "):
        assert all(width(line) < columns for line in shown)
    else:
        assert len(shown) == len(rows)


def test_names_and_cells_are_in_the_language_of_the_reader():
    client = reader()
    client.terminal.language = "de"
    row = (_("nobody"), ngettext("{count} word", "{count} words", 7))
    assert lines((_("Name"), _("Value")), [row], client) == ["Name     Wert", "niemand  7 Wörter"]
    client.terminal.screen_reader = True
    assert lines((_("Name"), _("Value")), [row], client) == ["Name: niemand; Wert: 7 Wörter"]
