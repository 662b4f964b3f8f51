"""What one person types can do nothing to another's screen, nor to the house.

It comes in by the real telnet door, which cleans every line. All that is left of it is text.
"""

from __future__ import annotations

import unicodedata

import pytest

from cletus.protocol.text import clean

HOSTILE = [
    "\x1b[2J\x1b[31mred",
    "\x9b31mred",
    "\x07\x00bell",
    "\u202egnol",
    "a\u2028b\x85c",
    "[red]markup[/]",
    "[/]",
    "{actor} {target} {0} {user.password}",
    "%s %(name)s {{}}",
    "a" + "\u0301" * 100,
    "\\[bold]",
    "../../../etc/passwd",
    "*** Shutdown in 1 second. ***",
]

SHOWN_BY = [
    "{}",
    ".say {}",
    ".tell ann {}",
    ".emote {}",
    ".shout {}",
    ".title {}",
    ".away {}",
    ".wave {}",
    ".on lamps {}",
    ".topic lamps {}",
    ".announce {}",
]


def harmless(raw: str) -> bool:
    """Nothing in it but printed characters and line ends, and few marks on any of them."""
    marks = 0
    for char in raw.replace("\r\n", "\n"):
        marks = marks + 1 if unicodedata.category(char) == "Mn" else 0
        if marks > 4 or (char != "\n" and unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs")):
            return False
        if char in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
            return False
    return True


@pytest.fixture
def house(lantern):
    lantern.ann, lantern.bob = lantern.person("Ann"), lantern.person("Bob")
    lantern.user("bob").grant("admin")
    lantern.types(lantern.bob, ".create lamps")
    lantern.types(lantern.ann, ".join lamps")
    lantern.ann.reads()
    return lantern


@pytest.mark.parametrize("typed", HOSTILE)
def test_text_stays_text_wherever_others_read_it(house, typed):
    text = clean(typed)
    for form in SHOWN_BY:
        house.clock.advance(60)  # nobody is hoarse
        answer = house.types(house.bob, form.format("@@").replace("@@", typed))
        assert "Something went wrong" not in answer
        for line in (".who", ".finger bob", ".channels", ".look"):
            answer = house.types(house.ann, line)
            assert "Something went wrong" not in answer
    assert harmless(house.ann.raw)
    assert f"Bob says: {text}" in house.ann.transcript
    assert f"Bob tells you: {text}" in house.ann.transcript


@pytest.mark.parametrize("typed", HOSTILE)
def test_letters_and_descriptions_are_text_too(house, typed):
    text = clean(typed)
    for line in (
        f".write ann {typed}",
        typed,
        "end",
        ".",
        f".dig up {typed}",
        ".dig up loft",
        ".up",
    ):
        assert "Something went wrong" not in house.types(house.bob, line)
    for line in (".describe", typed, "."):
        house.types(house.bob, line)
    read = house.types(house.ann, ".mail") + house.types(house.ann, ".read 1")
    assert f"Subject: {text[:40]}" in read
    read += house.types(house.ann, ".up") + house.types(house.ann, ".look")
    assert harmless(house.ann.raw)
    assert "Something went wrong" not in read


PATHS = ("../x", "/etc/passwd", "a/b", ".", "..", "a\\b", "CON:", "x" * 500, "", " ")
NAMING = (".finger {}", ".write {}", ".join {}", ".create {}", ".dig up {}", ".ban {} 1d")


@pytest.mark.parametrize("form", NAMING)
def test_a_name_that_is_a_path_leads_nowhere(house, form):
    for name in PATHS:
        assert "Something went wrong" not in house.types(house.bob, form.format(name))
    stored = house.service.session.writer
    for store in ("user", "mailbox", "channel", "room", "ban"):
        assert not any(set(key) & set("/\\.: ") for key in stored.keys(store))


def test_a_name_that_is_code_is_a_word(house):
    for line in (
        ".__class__",
        ".help __init__",
        ".tell __dict__ x",
        ".go __class__",
        ".read ٣",
        ".read 1e9",
    ):
        assert "Something went wrong" not in house.types(house.bob, line)


def test_the_longest_line_is_answered_at_once(house):
    """Suggestions compare names only where lengths allow it to be worthwhile."""
    import time

    start = time.perf_counter()
    for form in (".{}", ".help {}", ".tell {} x", ".finger {}", ".wave {}", ".join {}", ".go {}"):
        house.types(house.bob, form.format("ab" * 2000))
    assert time.perf_counter() - start < 3.0
