"""Personal aliases: short words for commands, which can do nothing that their user could not type."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.contrib.commands import edit_aliases
from cletus.contrib.commands.aliases import LINE_MAX, expand
from cletus.contrib.commands.signature import take_word
from cletus.errors import Refused

COMMANDS = {"give", "say", "shutdown"}


def expanded(line, **aliases):
    return expand(line, aliases, take_word, COMMANDS.__contains__)


@pytest.mark.parametrize(
    ("stands_for", "typed", "line"),
    [
        ("give $1 gold", "gg bob", "give bob gold"),
        ("give $2 $1", "gg gold bob", "give bob gold"),
        ("give $1 $1", "gg bob", "give bob bob"),
        ("say $*", "gg hello  you two", "say hello  you two"),
        ("say $1: $*", "gg bob is here", "say bob: bob is here"),
        ("say", "gg hello you", "say hello you"),
        ("say", "gg", "say"),
        ("say 5$$", "gg each", "say 5$ each"),
        ("say $1 costs 5$$", "gg it", "say it costs 5$"),
        ("give $1 gold", 'gg "old bob"', 'give "old bob" gold'),
        ("give $1 gold", "GG bob", "give bob gold"),
        ("say $0 $x", "gg", "say $0 $x"),
        ("say $1", "gg $2", "say $2"),
    ],
)
def test_an_alias_becomes_a_line_with_its_arguments(stands_for, typed, line):
    assert expanded(typed, gg=stands_for) == line


@pytest.mark.parametrize("typed", ["gg", "gg bob now"])
def test_missing_words_and_words_too_many_are_refused(typed):
    with pytest.raises(Refused, match=r"gg takes 1 word: give \$1 gold"):
        expanded(typed, gg="give $1 gold")


def test_an_alias_may_lead_to_another_but_not_for_ever():
    assert expanded("a x", a="b $1", b="say $1") == "say x"
    with pytest.raises(Refused, match="too many others, or to itself"):
        expanded("a", a="b", b="a")
    with pytest.raises(Refused, match=r"too long|too many others"):
        expanded("a x", a="a $* $* $* $* $* $* $* $* $* $*")


@given(
    aliases=st.dictionaries(st.sampled_from("abc"), st.text("abc $123*\"'", max_size=30)),
    line=st.text('abc $1 "', max_size=40),
)
def test_whatever_aliases_there_are_it_ends_with_a_bounded_line(aliases, line):
    with contextlib.suppress(Refused):
        assert len(expanded(line, **aliases)) <= max(LINE_MAX, len(line))


def test_a_command_is_always_the_command():
    assert expanded("shutdown now", shutdown="say hello") == "shutdown now"


def test_aliases_are_made_shown_and_removed(talk):
    talk.bob.types(".alias hi = .say Hello, $1!", ".hi ann")
    assert "hi = say Hello, $1!" in talk.bob.screen
    assert "You say: Hello, ann!" in talk.bob.screen
    talk.bob.new_text()
    talk.bob.types(".alias", ".alias hi", ".alias hi =", ".alias")
    assert talk.bob.new_text().splitlines() == [
        "hi = say Hello, $1!",
        "hi = say Hello, $1!",
        "hi is no longer an alias.",
        "You have no aliases. Make one: .alias hi = say Hello, $1!",
    ]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("say = shutdown", "say is a command."),
        ("Shutdown = say x", "shutdown is a command."),
        ("' = say x", "is a word"),
        (".. = say x", "is a word"),
        ("x" * 21 + " = say x", "is a word"),
        ("= say x", "is a word"),
        ("two words = say x", "is a word"),
        ("hi = " + "x" * 201, "at most 200 characters"),
        ("nothing", "You have no alias 'nothing'."),
        ("nothing =", "You have no alias 'nothing'."),
    ],
)
def test_what_cannot_be_an_alias_is_refused(talk, text, answer):
    talk.bob.types(f".alias {text}")
    assert answer in talk.bob.screen
    assert talk.bob.client.user.command_aliases == {}


def test_their_number_has_a_bound(talk):
    registry, user = talk.module("talk").commands, talk.bob.client.user
    for number in range(50):
        edit_aliases(registry, user, f"a{number} = say x")
    with pytest.raises(Refused, match="50 aliases"):
        edit_aliases(registry, user, "b = say x")
    edit_aliases(registry, user, "a1 = say y")


def test_an_alias_gives_no_permission_and_the_audit_log_has_the_command(talk, log):
    talk.bob.types(".alias bye = shutdown now", ".bye")
    assert "There is no command .shutdown" in talk.bob.screen
    assert any(line.startswith("command refused: shutdown now, by ") for line in log.lines)
    talk.bob.client.user.has_permission = lambda permission: True
    talk.bob.types(".bye")
    assert any(line.startswith("command used: shutdown now, by ") for line in log.lines)


def test_aliases_are_the_person_s_own_and_survive_a_reload(talk):
    talk.bob.types(".alias hi = say Hello!")
    talk.reload()
    talk.bob.types(".hi")
    talk.ann.types(".hi")
    assert "You say: Hello!" in talk.bob.screen
    assert "There is no command .hi" in talk.ann.screen
