"""Numbers in words, and back: two, 2nd, second."""

from __future__ import annotations

from typing import Final

_WORDS: Final = (
    "no one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905 - a table reads so
)
_RANKS: Final = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()  # noqa: SIM905 - as above
)
_DIGITS_MAX: Final = 4  # a person types no larger number of things


def number_word(count: int) -> str:
    """``two``; from 13 on, the digits. ``no`` for 0."""
    return _WORDS[count] if 0 <= count < len(_WORDS) else str(count)


def parse_number(word: str) -> int | None:
    """2 of ``two`` or ``2``; ``None`` if the word is not a number from 1 to 9999."""
    word = word.lower()
    if word in _WORDS:
        return _WORDS.index(word) or None
    is_number = word.isascii() and word.isdigit() and len(word) <= _DIGITS_MAX
    return int(word) or None if is_number else None


def ordinal(number: int) -> str:
    """``2nd``."""
    teens = 10 <= number % 100 <= 20
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def parse_ordinal(word: str) -> int | None:
    """2 of ``2nd`` or ``second``; ``None`` if the word is not an ordinal number."""
    word = word.lower()
    if word in _RANKS:
        return _RANKS.index(word) + 1
    number = parse_number(word[:-2]) if word[:-2].isdigit() else None
    return number if number is not None and ordinal(number) == word else None
