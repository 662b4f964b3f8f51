"""Pronouns: what somebody wants to be called by.

    user.pronouns = "she"
    f"{user} brushes {user.pronouns.possessive} hair."

They are ``they`` until somebody says otherwise, and anybody may have their own:
``user.pronouns = "xe/xem/xyr/xemself"``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cletus.errors import Refused
from cletus.storage import Field, Store

#: Letters of one pronoun. Our choice.
LONGEST = 15


@dataclass(frozen=True, slots=True)
class Pronouns:
    """One person's pronouns.

    Attributes:
        subject: they have come.
        object: you see them.
        possessive: it is their lamp.
        reflexive: they help themself.
        plural: whether verbs are as for several: *they have*, but *she has*.
    """

    subject: str
    object: str
    possessive: str
    reflexive: str
    plural: bool = False

    def __str__(self) -> str:
        """As people write them: ``she/her/her/herself``."""
        return f"{self.subject}/{self.object}/{self.possessive}/{self.reflexive}"


THEY = Pronouns("they", "them", "their", "themself", plural=True)
SHE = Pronouns("she", "her", "her", "herself")
HE = Pronouns("he", "him", "his", "himself")
IT = Pronouns("it", "it", "its", "itself")

#: Those that have a name of their own: their subject.
KNOWN = {one.subject: one for one in (THEY, SHE, HE, IT)}


def parse_pronouns(text: str) -> Pronouns:
    """Pronouns as people write them: ``she``, ``she/her``, or four of their own with slashes.

    Raises:
        Refused: they are not known, and not four words of letters either.
    """
    words = text.strip().lower().split("/")
    known = KNOWN.get(words[0])
    if known is not None and str(known).startswith("/".join(words)):
        return known
    if len(words) != 4:
        choices = ", ".join(KNOWN)
        raise Refused(f"Choose {choices}, or four of your own: {THEY}.")
    if not all(word.isalpha() and len(word) <= LONGEST for word in words):
        raise Refused(f"Pronouns are made of letters, {LONGEST} at most.")
    subject, object_, possessive, reflexive = words
    plural = subject == THEY.subject
    return Pronouns(subject, object_, possessive, reflexive, plural)


class PronounsField(Field[Pronouns]):
    """A user's pronouns; saved and carried over reloads as the text that ``str()`` gives."""

    def __init__(self) -> None:
        super().__init__(THEY)

    def __get__(self, obj: Any, owner: Any = None) -> Any:
        """The field itself on the class, pronouns on a user."""
        return self if obj is None else parse_pronouns(vars(obj)[self._name])

    def __set__(self, obj: Any, value: Pronouns | str) -> None:
        """Call them so from now on. Raises ``Refused`` as ``parse_pronouns`` does."""
        vars(obj)[self._name] = str(parse_pronouns(str(value)))

    def serialise(self, obj: Store, name: str) -> str:
        """The text."""
        text: str = vars(obj)[name]
        return text

    def deserialise(self, obj: Store, name: str, data: Any) -> None:
        """From the text; what people have broken by hand in the file is ``they``."""
        try:
            self.__set__(obj, data)
        except Refused:
            self.__set__(obj, THEY)


class PronounsMixin:
    """Gives a user pronouns."""

    pronouns = PronounsField()
