"""What somebody may be called: 2 to 20 letters of one script, and nothing that is not a letter.

So a name can carry no markup, no colour, no control character and no path, wherever it is shown or
stored. Which names look like those of others is ``skeleton.py``'s and the manager's business.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from confusable_homoglyphs import categories

from cletus.contrib.users.confusables import look, looks
from cletus.errors import InvalidKey, NameRefused
from cletus.storage.keys import normalise

SHORTEST, LONGEST = 2, 20

#: What would mislead if somebody were called so, or means somebody else to commands.
RESERVED = frozenset(  # one text: forty quoted words are harder to read
    """
    admin administrator all anonymous anyone cletus everybody everyone god guest help here him her
    it me moderator myself new nobody none null operator owner quit root self server service
    somebody someone staff support sysop system talker them they undefined unknown wizard you
    """.split()  # noqa: SIM905 - as above
)

#: Scripts that one language is written in together (UTS 39, section 5.1).
TOGETHER = (
    frozenset({"HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"HAN", "HANGUL"}),
    frozenset({"HAN", "BOPOMOFO"}),
)

#: Ordinary letters. Modifier letters and title-case digraphs are left out: they look like others.
LETTERS = frozenset({"Lu", "Ll", "Lo"})


def check_name(name: str, reserved: Iterable[str] = RESERVED) -> str:
    """A name as it will be shown, if it may be one.

    Args:
        name: as it was typed.
        reserved: names that nobody may have, nor any that looks like one of them.

    Returns:
        the name in Unicode's composed form. Capitals stay where they were put, unless they make the
        name look like something that it is not in lower case.

    Raises:
        NameRefused: it may not; the message says why.
    """
    name = unicodedata.normalize("NFC", name.strip())
    _check_letters(name)
    _check_script(name)
    try:
        normalise(name)
    except InvalidKey as error:
        raise NameRefused(f"That cannot be a name: {error.reason}.") from None
    taken = {form for one in reserved for form in looks(one)}
    if not taken.isdisjoint(looks(name)):
        raise NameRefused("That name is reserved.")
    # `looks` knows three ways to write a name; it is shown in one that looks like one of them.
    return name if look(name) in looks(name) else name.lower().capitalize()


def script_of(character: str) -> str:
    """The Unicode script of a character, in capitals: ``LATIN``, ``COMMON``."""
    return str(categories.alias(character))


def _check_letters(name: str) -> None:
    if not SHORTEST <= len(name) <= LONGEST:
        raise NameRefused(f"A name has {SHORTEST} to {LONGEST} letters.")
    for character in name:
        if unicodedata.category(character) not in LETTERS or script_of(character) == "COMMON":
            raise NameRefused("A name is made of letters only.")
    if unicodedata.normalize("NFKC", name) != name:
        raise NameRefused("A name is made of ordinary letters.")


def _check_script(name: str) -> None:
    scripts = {script_of(character) for character in name}
    if len(scripts) > 1 and not any(scripts <= allowed for allowed in TOGETHER):
        raise NameRefused("All letters of a name must be of one script.")
