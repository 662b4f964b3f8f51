"""What users choose of their terminal, and that it is kept on the account."""

from __future__ import annotations

import pytest

from cletus.errors import Refused
from cletus.text import style

LONG = "a long line " * 10


@pytest.fixture
def bob(talker):
    talker.account("Bob")
    talker.login("Bob")
    return talker.user("bob")


def test_a_width_holds_at_once_and_whatever_the_terminal_says(bob):
    bob.choose_width(40)
    bob.client.terminal.columns = 200
    assert bob.client.terminal.profile.columns == 40
    assert bob.client.terminal.wrap


def test_long_lines_are_broken_at_it(talker):
    talker.account("Bob", width=40)
    person = talker.login("Bob")
    person.new_text()
    person.types(LONG)
    assert max(map(len, person.new_text().splitlines())) <= 40


def test_without_one_the_window_counts_again(bob):
    bob.client.terminal.columns = 100
    bob.choose_width(40)
    bob.choose_width(0)
    assert (bob.client.terminal.columns, bob.client.terminal.wrap) == (100, False)


@pytest.mark.parametrize("columns", [-1, 1, 19, 501, 10**9])
def test_nobody_has_a_window_of_that_width(bob, columns):
    with pytest.raises(Refused, match="A width is from 20 to 500"):
        bob.choose_width(columns)
    assert bob.width == 0


def test_outside_utf_8_the_nearest_ascii_is_sent(bob):
    bob.choose_charset("ascii")
    assert bob.client.terminal.encoder.encode("“café” …") == b'"cafe" ...'
    assert bob.terminal_text() == "ascii, 80 columns, no screen reader"
    bob.choose_charset("auto")
    assert bob.client.terminal.utf8


@pytest.mark.parametrize("name", ["klingon", "utf-16", "x" * 1000])
def test_what_is_no_character_set_changes_nothing(bob, name):
    with pytest.raises(Refused, match="is not a character set"):
        bob.choose_charset(name)
    assert bob.charset == ""
    assert bob.client.terminal.utf8


def test_who_has_a_screen_reader_gets_no_colours(talker, bob):
    bob.client.terminal.colours = 256
    assert style("[red]x[/]").render(bob.client.terminal.profile.colours) != "x"
    bob.choose_screen_reader(True)
    assert style("[red]x[/]").render(bob.client.terminal.profile.colours) == "x"
    bob.choose_screen_reader(None)
    assert bob.client.terminal.profile.colours == 256


def test_it_is_kept_on_the_account(talker):
    talker.account("Bob", charset="latin-1", screen_reader=True, width=60)
    terminal = talker.login("Bob").client.terminal
    assert (terminal.encoding, terminal.screen_reader, terminal.columns) == ("iso8859-1", True, 60)
    talker.reload()
    assert terminal.columns == 60


def test_a_document_that_was_edited_into_nonsense_lets_its_user_in(talker):
    talker.account("Bob", charset="klingon", width=-3)
    terminal = talker.login("Bob").client.terminal
    assert (terminal.encoding, terminal.columns) == ("utf-8", 80)


def test_the_page_breaks_its_lines_itself_and_is_sent_utf_8(bob):
    bob.client.terminal.reflows = True
    bob.choose_width(40)
    bob.choose_charset("ascii")
    assert (bob.client.terminal.encoding, bob.client.terminal.columns) == ("utf-8", 80)
    assert not bob.client.terminal.wrap


def test_nobody_is_there_to_choose_it_for(talker, bob):
    bob.log_out()
    bob.choose_width(40)
    assert (bob.width, bob.terminal_text()) == (40, "")
