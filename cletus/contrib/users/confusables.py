"""Which names look alike: the skeletons of Unicode Technical Standard 39, section 4.

Two texts that a reader could take for one another have the same skeleton: ``scope`` in Latin and in
Cyrillic letters, ``rn`` and ``m``, ``Ill`` and ``lll``. The tables are Unicode's, from the library
confusable-homoglyphs.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from confusable_homoglyphs import confusables

_FORMAT = "\u200e\u200f"  # the tables wrap prototypes of right-to-left scripts in these


def skeleton(text: str) -> str:
    """What the text looks like. It is for comparing alone, never for showing (UTS 39)."""
    decomposed = unicodedata.normalize("NFD", text)
    longer = "".join(map(_prototype, decomposed))
    # Once more for the parts of longer prototypes: of a pair we may have chosen the other one.
    return unicodedata.normalize("NFD", "".join(map(_prototype, longer)))


def looks(name: str) -> frozenset[str]:
    """How a name may look to people who do not mind case: two names that share a look are alike.

    A name counts as it looks in lower case, in capitals and with a capital first, whichever its
    owner prefers, since ``Ill`` looks like ``lll`` and ``ill`` does not. Case itself is then folded:
    a Greek ``BOB`` is as good a disguise of ``Bob`` as of ``BOB``.
    """
    return frozenset(look(form) for form in (name.lower(), name.upper(), name.lower().capitalize()))


def look(name: str) -> str:
    """How a name looks, written as it is, to people who do not mind case."""
    return skeleton(name).casefold()


@lru_cache(maxsize=4096)
def _prototype(character: str) -> str:
    """What the tables say that a character looks like.

    They list pairs in both directions, so a character's own list does not tell which of the two is
    the prototype. Of a longer text and a character, the text is; a character that several others
    look like is; and where two have only each other, either will do if it is always the same.
    """
    similar = _similar(character)
    if len(similar) != 1:
        return character
    (other,) = similar
    if len(other) > 1:
        return other
    return other if len(_similar(other)) != 1 else min(character, other)


def _similar(character: str) -> list[str]:
    entries = confusables.confusables_data.get(character, ())
    return [entry["c"].strip(_FORMAT) for entry in entries]
