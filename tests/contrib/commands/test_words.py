"""Words of a line."""

from __future__ import annotations

import pytest

from cletus.contrib.commands import take_word


@pytest.mark.parametrize(
    ("text", "word", "rest"),
    [
        ("", "", ""),
        ("   ", "", ""),
        ("one", "one", ""),
        (" one   two  three", "one", "two  three"),
        ('"village green" now', "village green", "now"),
        ('"village green"', "village green", ""),
        ('"hello there', '"hello', "there"),
        ('"a"b c', '"a"b', "c"),
        ('"" x', '""', "x"),
    ],
)
def test_a_word_ends_at_a_space_unless_it_is_quoted(text, word, rest):
    assert take_word(text) == (word, rest)
