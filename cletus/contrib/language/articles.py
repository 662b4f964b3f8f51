"""Articles, lists of words, and sentences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from cletus.text import Text, gettext_noop
from cletus.text import gettext as _

#: Written with a vowel, spoken with a consonant: a unicorn, a European, a user, a one-way street.
_CONSONANT = re.compile(
    r"e[uw]|ouija|onc?e(?![a-z])|uni(?![nmd]|roni)|unimo|unan|u[bcfghjkqrstv][aeiou]",
    re.IGNORECASE,
)
#: Written with a consonant, spoken with a vowel: an hour, an heir, an honest man.
_SILENT_H = re.compile(r"(?:heir|honest|hono[u]?r|hors(?=[ -]d)|hors$|hour(?!i))", re.IGNORECASE)
#: Letters whose names begin with a vowel: an FBI agent, an x-ray.
_SPELLED = frozenset("AEFHILMNORSX")
_VOWELS = frozenset("aeiou")
#: Spoken as words, although they are written in capitals.
_WORDS = frozenset({"MUD", "NASA", "NATO", "RAM", "ROM", "MOO", "MUSH", "SIM", "LAN", "LED"})


def an(noun: str) -> str:
    """The noun with its article: ``an owl``, ``a unicorn``, ``an hour``, ``a MUD``.

    The choice depends on the sound, so exceptions are listed above.

    Args:
        noun: may have adjectives before it.
    """
    return f"{'an' if _sounds_like_vowel(noun) else 'a'} {noun}"


def _sounds_like_vowel(noun: str) -> bool:
    word = re.match(r"[\W_]*([^\W_]*)", noun)
    first = _without_accents(word[1]) if word else ""
    if not first:
        return False
    digits = re.match(r"\d*", first)
    if digits and digits[0]:  # an 8-ball, an 11th hour, an 18-year-old, but a 110 m hurdle
        return first[0] == "8" or (first[:2] in ("11", "18") and len(digits[0]) % 3 == 2)
    spelled = first.isupper() and first not in _WORDS
    if spelled and (len(first) > 1 or noun[len(first) : len(first) + 1] in ("-", "")):
        return first[0] in _SPELLED
    if len(first) == 1:
        return first.upper() in _SPELLED or first.lower() in _VOWELS - {"u"}
    if _SILENT_H.match(first) or _is_yttric(first):
        return True
    return first[0].lower() in _VOWELS and not _CONSONANT.match(first)


def _without_accents(word: str) -> str:
    """``elan`` of ``élan``."""
    return "".join(
        letter for letter in unicodedata.normalize("NFD", word) if not unicodedata.combining(letter)
    )


def _is_yttric(word: str) -> bool:
    """Whether it begins with Y before a consonant, which is a vowel: an ytterbium lamp."""
    return word[0] in "yY" and word[1:2].lower() not in (*_VOWELS, "")


def listed(items: Iterable[object], *, word: str = "and", nothing: str = "nothing") -> str:
    """``a, b and c``, which readers of another language get with the word of theirs.

    Args:
        items: in this order; may be texts that are translated.
        word: the word before the last item: ``"or"``.
        nothing: the text if there are no items: ``"nobody"``.
    """
    names = [item if isinstance(item, str) else str(item) for item in items]
    if not names:
        return _(nothing)
    *others, last = names
    if not others:
        return last
    return _("{items} {word} {last}", items=_joined(others), word=_(word), last=last)


def _joined(items: list[str]) -> str:
    if not any(isinstance(item, Text) for item in items):
        return ", ".join(items)
    values = {f"item{number}": item for number, item in enumerate(items)}
    return Text(", ".join(f"{{{name}}}" for name in values), "", 1, values)


#: The words that ``listed`` is given most.
_WORDS_OF_LISTS = (
    gettext_noop("and"),
    gettext_noop("or"),
    gettext_noop("nothing"),
    gettext_noop("nobody"),
    gettext_noop("nowhere"),
)


def capitalised(text: str) -> str:
    """The text with a capital first letter; the others stay as they are."""
    if isinstance(text, Text):
        return text.capitalised()
    return text[:1].upper() + text[1:]


def sentence(text: object) -> str:
    """The text as a sentence, with a capital letter and a full stop: shows an error to a person.

    A question mark or an exclamation mark at the end is kept.
    """
    if isinstance(text, Text) and text[-1:] in (".", "!", "?"):
        return text.capitalised()
    words = str(text).strip()
    end = "" if not words or words[-1] in ".!?" else "."
    return capitalised(words) + end
