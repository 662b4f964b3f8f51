"""Which names an account may have: 2 to 20 letters of one script, and nothing but letters.

So a name cannot hold markup, colour, a control character or a path, wherever it is shown or stored.
Whether a name looks like another user's is checked by ``confusables.py`` and ``manager.py``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from confusable_homoglyphs import categories
from wcwidth import wcwidth

from cletus.contrib.users.confusables import folded_skeleton, skeletons
from cletus.errors import InvalidKey, NameRefused
from cletus.storage.keys import normalise
from cletus.text import gettext as _

SHORTEST, LONGEST = 2, 20

#: Names that would mislead others, or that commands understand as somebody else (``me``).
RESERVED = frozenset(  # one text: forty quoted words are harder to read
    """
    admin administrator all anonymous anyone cletus everybody everyone god guest help here him her
    it me moderator myself new nobody none null operator owner quit root self server service
    somebody someone staff support sysop system talker them they undefined unknown wizard you
    """.split()  # noqa: SIM905 - as above
)

#: Scripts that one language is written in together (UTS 39, section 5.1).
MIXED_SCRIPTS = (
    frozenset({"HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"HAN", "HANGUL"}),
    frozenset({"HAN", "BOPOMOFO"}),
)

#: Ordinary letters. Modifier letters and title-case digraphs are not listed: they look like others.
LETTERS = frozenset({"Lu", "Ll", "Lo"})


def check_name(name: str, reserved: Iterable[str] = RESERVED) -> str:
    """Check a name that somebody has typed, and return it as it will be shown.

    Args:
        name: as it was typed.
        reserved: names that nobody may have, nor a name that looks like one of them.

    Returns:
        The name in Unicode's composed form. Capitals are kept, unless they make the name look like a
        different one than it is in lower case.

    Raises:
        NameRefused: with the reason.
    """
    name = unicodedata.normalize("NFC", name.strip())
    _check_letters(name)
    _check_script(name)
    try:
        normalise(name)
    except InvalidKey as error:
        raise NameRefused(_("That name cannot be used: {reason}.", reason=error.reason)) from None
    forms = skeletons(name)
    if any(not forms.isdisjoint(skeletons(word)) for word in reserved):
        raise NameRefused(_("That name is reserved."))
    # The skeletons cover three ways to write a name; show it in a form that looks like one of them.
    return name if folded_skeleton(name) in forms else name.lower().capitalize()


def script_of(character: str) -> str:
    """The Unicode script of a character, in capitals: ``LATIN``, ``COMMON``."""
    return str(categories.alias(character))


def _check_letters(name: str) -> None:
    if not SHORTEST <= len(name) <= LONGEST:
        raise NameRefused(
            _(
                "A name must have {shortest} to {longest} letters.",
                shortest=SHORTEST,
                longest=LONGEST,
            )
        )
    for character in name:
        if unicodedata.category(character) not in LETTERS or script_of(character) == "COMMON":
            raise NameRefused(_("A name can contain only letters."))
    if not name.lower().isalpha():  # the Turkish capital I with a dot: a letter and a mark
        raise NameRefused(_("A name can contain only letters whose small forms are letters too."))
    if unicodedata.normalize("NFKC", name) != name:
        raise NameRefused(_("A name can contain only ordinary letters."))
    if any(wcwidth(character) <= 0 for character in name):  # vowels of Hangul without a syllable
        raise NameRefused(_("A name can contain only letters that take room on a screen."))


def _check_script(name: str) -> None:
    scripts = {script_of(character) for character in name}
    if len(scripts) > 1 and not any(scripts <= allowed for allowed in MIXED_SCRIPTS):
        raise NameRefused(_("All letters of a name must be of the same script."))
