"""Names: 2 to 20 letters of one script, and nothing that is not a letter."""

# ruff: noqa: RUF001 - ambiguous letters are what this is about

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.contrib.users.confusables import folded_skeleton, skeletons
from cletus.contrib.users.names import LONGEST, RESERVED, SHORTEST, check_name, script_of
from cletus.errors import NameRefused
from cletus.protocol.text import clean
from cletus.storage.keys import normalise

GOOD = ["Bob", "bo", "Žofie", "Ørjan", "Łukasz", "Зоя", "Νίκος", "محمد", "אבי", "さくら", "田中"]
GOOD += ["田中さくら", "김철수", "McCoy", "JaneDoe", "ÀLICE", "a" * 20]

BAD = {
    "": "letters",
    "x": "2 to 20",
    "a" * 21: "2 to 20",
    "bob1": "only letters",
    "bob bob": "only letters",
    "bob-bob": "only letters",
    "bob_": "only letters",
    "../bob": "only letters",
    "/etc/passwd": "only letters",
    "a/b": "only letters",
    "..": "only letters",
    "C:con": "only letters",
    "nul\0": "only letters",
    "bob\x1b[31m": "only letters",
    "\x1b]0;owned\x07": "only letters",
    "bob\x9b1m": "only letters",
    "bob\r\nann": "only letters",
    "bo\u2028b": "letters",
    "[bold]bob[/]": "only letters",
    "^Rbob": "only letters",
    "<b>bob</b>": "only letters",
    "{name}": "only letters",
    "%sbob": "only letters",
    "bob\u202e": "only letters",  # right-to-left override
    "b\u200bob": "only letters",  # zero-width space
    "b\u200dob": "only letters",  # zero-width joiner
    "b\u00adob": "only letters",  # soft hyphen
    "\u3164\u3164": "ordinary",  # Hangul filler: a letter, drawn as nothing
    "\U0001f600\U0001f600": "only letters",
    "\U0001d41bob": "only letters",  # a mathematical bold b, of no script
    "\uff42ob": "ordinary",  # a full-width b
    "ﬁona": "ordinary",  # the ligature fi
    "Bоb": "the same script",  # a Cyrillic o
    "Βob": "the same script",  # a Greek capital beta
    "z\u0489o": "only letters",  # a combining mark
}


@pytest.mark.parametrize("name", GOOD)
def test_letters_of_one_script_are_a_name(name):
    """Any script will do, and the name is shown as it was typed."""
    assert check_name(f"  {name} ") == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_anything_else_is_none(name):
    """What is wrong with it is said."""
    with pytest.raises(NameRefused, match=BAD[name]):
        check_name(name)


@pytest.mark.parametrize(
    "name", ["admin", "ADMIN", "Αdmin".replace("Α", "A"), "Root", "guest", "me"]
)
def test_a_reserved_name_is_nobodys(name):
    """Nor in capitals."""
    with pytest.raises(NameRefused, match="reserved"):
        check_name(name)


@pytest.mark.parametrize("name", ["adrnin", "аdmіn", "Rооt", "GUESТ", "Syste\u0440"])
def test_nor_is_one_that_looks_like_a_reserved_one(name):
    """Whether of other letters or of another script."""
    with pytest.raises(NameRefused):
        check_name(name)


def test_an_application_reserves_more():
    """``reserved`` is what may not be had."""
    with pytest.raises(NameRefused, match="reserved"):
        check_name("Lantern", RESERVED | {"lantern"})


def test_capitals_stay_unless_they_are_a_disguise():
    """``mI`` would look like ``rnl``, which is another name; so it is shown as ``Mi``."""
    assert check_name("JaneDoe") == "JaneDoe"
    assert check_name("mI") == "Mi"


@pytest.mark.parametrize("name", ["Aİ", "iİ", "İstanbul"])
def test_a_capital_whose_small_form_has_a_mark_is_refused(name):
    """The Turkish capital I with a dot is, in small letters, an i and a combining dot."""
    with pytest.raises(NameRefused, match="small forms"):
        check_name(name)


@given(st.text(max_size=24) | st.text(st.characters(categories=["L", "M"]), max_size=24))
def test_whatever_is_typed_is_refused_or_harmless(text):
    """A name is a key, is printable, is what the door would leave of it, and looks as it is known to."""
    try:
        name = check_name(text)
    except NameRefused as refused:
        assert "\n" not in str(refused)  # noqa: PT017 - only one of both ways is an error
        return
    assert SHORTEST <= len(name) <= LONGEST
    assert name.isalpha()
    assert name.isprintable()
    assert clean(name) == name
    assert normalise(name) == normalise(name.lower())
    assert folded_skeleton(name) in skeletons(normalise(name))
    assert "COMMON" not in {script_of(character) for character in name}


@pytest.mark.parametrize(
    "name", ["a\u1161\u1162\u1163", "\u1100\u11a8\u11a8\u11a8", "\u1161\u1162"]
)
def test_letters_that_nobody_sees_are_refused(name):
    """Vowels and finals of Hangul are letters to Unicode, and have no width on a screen."""
    with pytest.raises(NameRefused):
        check_name(name)


def test_syllables_of_hangul_are_letters_like_others():
    assert check_name("\u1112\u1161\u11ab\u1100\u1173\u11af") == "한글"
