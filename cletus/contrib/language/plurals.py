"""Plurals of nouns: regular by rule, irregular by table."""

from __future__ import annotations

import re

from cletus.contrib.language.articles import an

_SAME = """aircraft bison deer fish fruit furniture gold information luggage money moose music news
    offspring salmon series sheep shrimp silver spacecraft species swine trousers trout"""
_F = "calf dwarf elf half hoof leaf loaf scarf self sheaf shelf thief wharf wolf"
_FE = "knife life wife"
_OES = "domino echo embargo hero mosquito potato tomato torpedo veto volcano"

#: Irregular plurals. An application may add its own.
IRREGULAR: dict[str, str] = {
    "child": "children",
    "die": "dice",
    "foot": "feet",
    "goose": "geese",
    "louse": "lice",
    "man": "men",
    "mouse": "mice",
    "ox": "oxen",
    "penny": "pennies",
    "person": "people",
    "quiz": "quizzes",
    "tooth": "teeth",
    "woman": "women",
    **dict.fromkeys(("human", "german", "roman", "shaman", "talisman", "ottoman"), ""),
    **{word: word for word in _SAME.split()},
    **{word: word[:-1] + "ves" for word in _F.split()},
    **{word: word[:-2] + "ves" for word in _FE.split()},
    **{word: word + "es" for word in _OES.split()},
    "axis": "axes",
    "basis": "bases",
    "crisis": "crises",
    "oasis": "oases",
    "thesis": "theses",
    "cactus": "cacti",
    "fungus": "fungi",
    "criterion": "criteria",
    "phenomenon": "phenomena",
    "passer-by": "passers-by",
}

_HISSING = re.compile(r"(?:s|x|z|ch|sh)$")
#: ``-ch`` that is spoken as k takes a plain s.
_HARD_CH = re.compile(r"(?:stomach|monarch|eunuch|patriarch|matriarch|epoch|loch)$")
_POSTFIX = re.compile(
    r"^(\w+)((?:-in-law|-at-arms| of | in | with | at | from ).*)$", re.IGNORECASE
)


def plural(noun: str, count: int = 2) -> str:
    """The plural of a noun: ``wolves``, ``boxes``, ``pieces of cake``. For a count of 1, the noun itself.

    Args:
        noun: in the singular; may have adjectives before it: ``"old lamp"``.
        count: how many there are.
    """
    if count == 1 or not noun.strip():
        return noun
    postfixed = _POSTFIX.match(noun)
    if postfixed:
        return plural(postfixed[1]) + postfixed[2]
    start, word = _last_word(noun)
    return start + _with_case(word, _plural(word.lower()))


def counted(count: int, noun: str) -> str:
    """``no lamps``, ``a lamp``, ``3 lamps``."""
    if count == 1:
        return an(noun)
    return f"{count or 'no'} {plural(noun, count)}"


def _plural(word: str) -> str:
    if word in IRREGULAR:
        return IRREGULAR[word] or word + "s"
    for ending in ("man", "mouse", "tooth", "foot", "child", "person", "wife", "wolf", "knife"):
        if word.endswith(ending) and len(word) > len(ending) + 1 and word not in IRREGULAR:
            return word[: -len(ending)] + IRREGULAR[ending]
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return word[:-1] + "ies"
    if _HISSING.search(word) and not _HARD_CH.search(word):
        return word + "es"
    return word + "s"


def _last_word(noun: str) -> tuple[str, str]:
    """Split off the last word. A hyphen separates words, unless the whole is in the table."""
    start, space, word = noun.rpartition(" ")
    if "-" in word and word.lower() not in IRREGULAR:
        first, hyphen, word = word.rpartition("-")
        return start + space + first + hyphen, word
    return start + space, word


def _with_case(word: str, result: str) -> str:
    if word.isupper() and len(word) > 1:
        return word + "s"  # an abbreviation: NPCs
    return result[:1].upper() + result[1:] if word[:1].isupper() else result
