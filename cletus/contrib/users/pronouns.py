"""The pronouns that a user has chosen.

    user.pronouns = "she"
    f"{user} brushes {user.pronouns.possessive} hair."

The default is ``they``. Users may also write their own: ``user.pronouns = "xe/xem/xyr/xemself"``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cletus.errors import Refused
from cletus.storage import Field, Store
from cletus.text import gettext as _

#: Maximum length of one pronoun. Our choice.
LONGEST = 15


@dataclass(frozen=True, slots=True)
class Pronouns:
    """A set of pronouns.

    Attributes:
        subject: as in *they have come*.
        object: as in *you see them*.
        possessive: as in *it is their lamp*.
        reflexive: as in *they help themself*.
        plural: whether verbs take the plural form: *they have*, but *she has*.
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

#: Pronouns that need not be written in full, by their subject.
KNOWN = {pronouns.subject: pronouns for pronouns in (THEY, SHE, HE, IT)}


def parse_pronouns(text: str) -> Pronouns:
    """Parse ``she``, ``she/her``, or four pronouns with slashes between them.

    Raises:
        Refused: they are neither known pronouns nor four words of letters.
    """
    words = text.strip().lower().split("/")
    known = KNOWN.get(words[0])
    if known is not None and str(known).startswith("/".join(words)):
        return known
    if len(words) != 4:
        choices = ", ".join(KNOWN)
        raise Refused(
            _(
                "Choose {choices}, or write your own four, such as xe/xem/xyr/xemself.",
                choices=choices,
            )
        )
    if not all(word.isalpha() and len(word) <= LONGEST for word in words):
        raise Refused(
            _("A pronoun can contain only letters, and at most {longest} of them.", longest=LONGEST)
        )
    subject, object_, possessive, reflexive = words
    plural = subject == THEY.subject
    return Pronouns(subject, object_, possessive, reflexive, plural)


class PronounsField(Field[Pronouns]):
    """A user's pronouns. They are saved, and survive a reload, as the text that ``str()`` returns."""

    def __init__(self) -> None:
        super().__init__(THEY)

    def __get__(self, obj: Any, owner: Any = None) -> Any:
        """The field itself on the class, pronouns on a user."""
        return self if obj is None else parse_pronouns(vars(obj)[self._name])

    def __set__(self, obj: Any, value: Pronouns | str) -> None:
        """Raises ``Refused`` as ``parse_pronouns`` does."""
        vars(obj)[self._name] = str(parse_pronouns(str(value)))

    def serialise(self, obj: Store, name: str) -> str:
        """The text."""
        text: str = vars(obj)[name]
        return text

    def deserialise(self, obj: Store, name: str, data: Any) -> None:
        """From the text; a text that cannot be parsed, for instance after an edit by hand, is ``they``."""
        try:
            self.__set__(obj, data)
        except Refused:
            self.__set__(obj, THEY)


class PronounsMixin:
    """Gives a user pronouns."""

    pronouns = PronounsField()
