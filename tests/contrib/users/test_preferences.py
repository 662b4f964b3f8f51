"""What users prefer, and that it is kept on the account."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cletus.contrib.users import edit_preferences
from cletus.errors import Refused
from cletus.text import style
from cletus.text.translation import in_language

LONG = "a long line " * 10


@pytest.fixture
def bob(talker):
    talker.account("Bob")
    talker.login("Bob")
    return talker.user("bob")


def test_a_width_holds_at_once_and_whatever_the_terminal_says(bob):
    bob.prefer("width", 40)
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
    bob.prefer("width", 40)
    bob.prefer("width", 0)
    assert (bob.client.terminal.columns, bob.client.terminal.wrap) == (100, False)


@pytest.mark.parametrize("columns", [-1, 1, 19, 501, 10**9])
def test_nobody_has_a_window_of_that_width(bob, columns):
    with pytest.raises(Refused, match="A width is from 20 to 500"):
        bob.prefer("width", columns)
    assert bob.width == 0


def test_outside_utf_8_the_nearest_ascii_is_sent(bob):
    bob.prefer("charset", "ascii")
    assert bob.client.terminal.encoder.encode("“café” …") == b'"cafe" ...'
    assert bob.terminal_text() == "ascii, 80 columns, no screen reader"
    bob.prefer("charset", "auto")
    assert bob.client.terminal.utf8


@pytest.mark.parametrize("name", ["klingon", "utf-16", "x" * 1000])
def test_what_is_no_character_set_changes_nothing(bob, name):
    with pytest.raises(Refused, match="is not a character set"):
        bob.prefer("charset", name)
    assert bob.charset == ""
    assert bob.client.terminal.utf8


def test_who_has_a_screen_reader_gets_no_colours(talker, bob):
    bob.client.terminal.colours = 256
    assert style("[red]x[/]").render(bob.client.terminal.profile.colours) != "x"
    bob.prefer("screen_reader", True)
    assert style("[red]x[/]").render(bob.client.terminal.profile.colours) == "x"
    bob.prefer("screen_reader", None)
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
    bob.prefer("width", 40)
    bob.prefer("charset", "ascii")
    assert (bob.client.terminal.encoding, bob.client.terminal.columns) == ("utf-8", 80)
    assert not bob.client.terminal.wrap


def test_nobody_is_there_to_choose_it_for(talker, bob):
    bob.log_out()
    bob.prefer("width", 40)
    assert (bob.width, bob.terminal_text()) == (40, "")


def test_fewer_colours_than_the_terminal_has(bob):
    bob.client.terminal.colours = 256
    bob.prefer("colours", "none")
    assert bob.client.terminal.profile.colours == 0
    bob.prefer("colours", None)
    assert bob.client.terminal.profile.colours == 256


@pytest.mark.parametrize(
    ("typed", "name"),
    [("europe/berlin", "Europe/Berlin"), ("utc", "UTC"), ("America/New_York", "America/New_York")],
)
def test_times_are_shown_in_their_zone(talker, bob, typed, name):
    bob.prefer("time_zone", typed)
    assert bob.time_zone == name
    assert str(bob.zone) == name


def test_a_ban_ends_in_their_time(talker, bob):
    bob.prefer("time_zone", "Europe/Berlin")
    talker.users.hush(bob, duration=timedelta(hours=1))
    assert bob.hush_text() == "You are hushed until 2030-01-01 02:00 CET."


@pytest.mark.parametrize(
    "name",
    ["Mordor", "", "europe", "../../etc/passwd", "/etc/passwd", "x" * 1000, "a\0b", "zone.tab"],
)
def test_what_is_no_time_zone_changes_nothing(bob, name):
    with pytest.raises(Refused, match="is not a time zone"):
        bob.prefer("time_zone", name)
    assert bob.time_zone == "UTC"


def test_a_zone_that_is_gone_is_utc(talker):
    talker.account("Bob", time_zone="Mordor")
    assert str(talker.login("Bob").client.user.zone) == "UTC"


def test_a_prompt_is_shown_with_its_values_and_nothing_else_of_theirs(talker, bob, monkeypatch):
    monkeypatch.setattr(type(bob), "prompt_values", lambda self: {"health": 20})
    bob.prefer("prompt", "{health} {client.user} {__class__} >")
    bob.show_prompt()
    assert bob.prompt_text() == "20 {client.user} {__class__} > "
    with pytest.raises(Refused, match="at most 60"):
        bob.prefer("prompt", "x" * 61)


def test_a_prompt_waits_while_they_are_in_a_dialogue_or_gone(talker):
    talker.account("Bob", prompt="> ")
    person = talker.login("Bob")
    user = talker.user("bob")
    person.new_text()
    user.show_prompt()
    assert person.new_text() == "> "
    user.log_out()
    user.show_prompt()
    assert person.new_text() == ""


@pytest.mark.parametrize(("typed", "tag"), [("de", "de"), ("PT-br", "pt_BR"), ("", "")])
def test_a_language_is_a_tag(bob, typed, tag):
    bob.prefer("language", typed)
    assert bob.language == tag
    assert bob.client.terminal.language == tag


@pytest.mark.parametrize("typed", ["../de", "deutsch", "d", "de_DEU", "x" * 1000])
def test_what_is_no_language_is_refused(bob, typed):
    with pytest.raises(Refused, match="is not a language"):
        bob.prefer("language", typed)


@pytest.mark.parametrize(
    ("name", "typed", "line"),
    [
        ("wid", "60", "width is now 60."),
        ("width", "-", "width is now auto."),
        ("timezone", "europe/paris", "time_zone is now Europe/Paris."),
        ("screen-reader", "on", "screen_reader is now yes."),
        ("ScreenR", "on", "screen_reader is now yes."),
        ("colours", "no", "colours is now none."),
        ("width", "", "width is auto: columns of your window: 20 to 500, or 0 for automatic."),
    ],
)
def test_a_preference_is_read_and_set_as_it_is_typed(bob, name, typed, line):
    assert edit_preferences(bob, name, typed)[0] == line


def test_preferences_are_listed_by_their_names(bob):
    with pytest.raises(Refused, match=r"is not charset, .*, screen_reader, time_zone or width"):
        edit_preferences(bob, "zzz")
    with pytest.raises(Refused, match="'c' could be charset or colours"):
        edit_preferences(bob, "c")


@pytest.mark.parametrize(
    ("name", "typed"), [("width", "wide"), ("roles", "admin"), ("password", "x"), ("colours", "7")]
)
def test_what_is_no_preference_or_does_not_fit_changes_nothing(bob, name, typed):
    before = bob.to_dict()
    with pytest.raises(Refused):
        edit_preferences(bob, name, typed)
    assert bob.to_dict() == before


def test_all_are_listed_with_what_they_mean(bob):
    lines = "\n".join(map(str, edit_preferences(bob)))
    assert all(name in lines for name in bob.PREFERENCES)
    assert "Your terminal: utf-8, 80 columns, no screen reader." in lines


def test_they_are_listed_in_the_language_of_the_person(bob):
    bob.prefer("language", "de")
    lines = [in_language(line, "de") for line in edit_preferences(bob)]
    assert lines[0] == "Einstellung    Wert    Was das ist"
    assert "time_zone      UTC     zum Beispiel Europe/Berlin" in lines


def test_preferences_survive_a_reload(talker, bob):
    for name, value in (("time_zone", "Asia/Tokyo"), ("prompt", "> "), ("colours", "16")):
        bob.prefer(name, value)
    talker.reload()
    bob = talker.user("bob")
    assert (str(bob.zone), bob.prompt, bob.client.terminal.colours) == ("Asia/Tokyo", "> ", 16)


def test_the_old_names_work_and_warn(bob):
    for old, value in (("width", 40), ("charset", "ascii"), ("screen_reader", True)):
        with pytest.warns(DeprecationWarning, match="prefer"):
            getattr(bob, f"choose_{old}")(value)
        assert getattr(bob, old) == value
