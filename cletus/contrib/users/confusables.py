"""Names that look alike: the skeletons of Unicode Technical Standard 39, section 4.

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
    """The UTS 39 skeleton of a text. Compare skeletons; never show one."""
    decomposed = unicodedata.normalize("NFD", text)
    prototypes = "".join(map(_prototype, decomposed))
    # A second pass for the characters of longer prototypes, which may have a prototype themselves.
    return unicodedata.normalize("NFD", "".join(map(_prototype, prototypes)))


def skeletons(name: str) -> frozenset[str]:
    """All skeletons of a name, whatever its case: two names that share one look alike.

    The lower-case, upper-case and capitalised forms all count, since ``Ill`` looks like ``lll`` and
    ``ill`` does not. Case is folded afterwards: a Greek ``BOB`` disguises ``Bob`` as well as ``BOB``.
    """
    forms = (name.lower(), name.upper(), name.lower().capitalize())
    return frozenset(map(folded_skeleton, forms))


def folded_skeleton(name: str) -> str:
    """The skeleton of a name as it is written, with case folded."""
    return skeleton(name).casefold()


@lru_cache(maxsize=4096)
def _prototype(character: str) -> str:
    """The character or characters that the tables compare this one as.

    The tables list pairs in both directions, so a character's entry does not say which of the two is
    the prototype. A longer text is one; a character that several others look like is one; and of two
    characters that have only each other, either will do as long as the choice is always the same.
    """
    similar = _similar(character)
    if len(similar) != 1:
        return character
    (counterpart,) = similar
    if len(counterpart) > 1:
        return counterpart
    return counterpart if len(_similar(counterpart)) != 1 else min(character, counterpart)


def _similar(character: str) -> list[str]:
    entries = confusables.confusables_data.get(character, ())
    return [entry["c"].strip(_FORMAT) for entry in entries]
