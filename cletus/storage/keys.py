"""Keys: the names of store objects, and so of their files.

The storage document: "Store keys will be converted to lowercase, and can only contain alphabetic
characters, digits and underscore or dash." The rest is our choice (decisions in the design):
letters of any script in Unicode's composed form (NFC), and 120 bytes of UTF-8 at most, so that a
key with its suffix fits into any file system's file name. Lower case is Unicode's case folding, so that
two keys are never one file where the file system folds case: ``straße`` is ``strasse``.
"""

from __future__ import annotations

import re
import unicodedata

from cletus.errors import InvalidKey

MAX_BYTES = 120

_PLAIN = re.compile(r"[a-z0-9_-]{1,120}").fullmatch

_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")
"""Letters to Unicode, but drawn as nothing: two people could have names that look the same."""


def normalise(key: str) -> str:
    """The normal form of a key: lower case, composed.

    ``normalise(normalise(key)) == normalise(key)`` for every key that is accepted.

    Raises:
        InvalidKey: it is not a string, is empty or too long, or has other characters.
    """
    if isinstance(key, str) and _PLAIN(key):
        return key  # the usual case, and the fast one: a reload makes every object anew
    if not isinstance(key, str):
        raise InvalidKey(key, f"a key is a str, not {type(key).__name__}")
    lower = _composed(key)
    if not lower:
        raise InvalidKey(key, "it is empty")
    wrong = [character for character in lower if not _allowed(character)]
    if wrong:
        raise InvalidKey(key, f"{wrong[0]!r} is not a letter, digit, '_' or '-'")
    if len(lower.encode()) > MAX_BYTES:
        raise InvalidKey(key, f"it is longer than {MAX_BYTES} bytes")
    if _composed(lower) != lower:
        raise InvalidKey(key, "it has no stable lower-case form")
    return lower


def as_it_is(key: str) -> str:
    """A key that a backend lists, if it is valid: people may have put a file there by hand.

    Raises:
        InvalidKey: no object can be called so.
    """
    if normalise(key) != key:
        raise InvalidKey(key, f"objects are called {normalise(key)!r}; rename it")
    return key


def present_form(key: str) -> str:
    """A key that version 0.1 saved, as it is now: that did not fold ``ß``, ``ς`` and the like."""
    try:
        return normalise(key) if key == unicodedata.normalize("NFC", key).lower() else key
    except InvalidKey:
        return key


def _composed(key: str) -> str:
    # The dotted capital I would become two characters, of which the second is not a letter.
    plain = unicodedata.normalize("NFC", key).replace("\u0130", "i")
    folded = unicodedata.normalize("NFD", plain).casefold()
    # Cherokee letters are folded to capitals; the storage document says lower case.
    return unicodedata.normalize("NFC", folded.lower())


def _allowed(character: str) -> bool:
    if character in _BLANK_LETTERS:
        return False
    return character.isalpha() or character.isdecimal() or character in "_-"
