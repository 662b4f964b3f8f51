"""What things and characters are called, and lists of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from cletus.contrib.language import an, grouped, listed, number_word, plural
from cletus.errors import KeyInUse
from cletus.storage import Field
from cletus.storage.keys import normalise


class NounMixin:
    """Gives a store a name that sentences can use.

    Attributes:
        name: in the singular and without its article: ``old lamp``. By default the key.
        article: the word before the name, such as ``some`` or ``the``; empty for a proper name. By
            default ``a`` or ``an``.
        plural: for several of them; by default as ``contrib.language`` forms it.
        aliases: other names by which people may call it.
        description: what people see who look at it: paragraphs with empty lines between them.
    """

    key: str
    name: Field[str] = Field("")
    article: Field[str | None] = Field(type=str)
    plural: Field[str] = Field("")
    aliases: Field[list[str]] = Field(list, type=list[str])
    description: Field[str] = Field("")

    @property
    def noun(self) -> str:
        """The name, or the key of an object without a name."""
        return self.name or self.key

    def __str__(self) -> str:
        """As in *Ann gets an old lamp*."""
        return an(self.noun) if self.article is None else f"{self.article} {self.noun}".strip()

    @property
    def definite(self) -> str:
        """As in *you light the old lamp*."""
        return self.noun if self.article == "" else f"the {self.noun}"

    def counted(self, count: int) -> str:
        """As in *two old lamps*."""
        return str(self) if count == 1 else f"{number_word(count)} {self.plural_noun}"

    @property
    def plural_noun(self) -> str:
        """As in *all old lamps*."""
        return self.plural or plural(self.noun)


def named(objects: Iterable[Any], *, nothing: str = "nothing") -> str:
    """Objects in a sentence: ``two rats and an old lamp``."""
    return listed(grouped(objects), nothing=nothing)


#: The field of an object that is made with an article before its name; ``a`` and ``an`` are put there anyway.
_ARTICLES: Final[dict[str, dict[str, str]]] = {
    "a": {},
    "an": {},
    "some": {"article": "some"},
    "the": {"article": "the"},
}


def key_of(name: str) -> str:
    """The key for an object of this name, of its letters and digits: ``anns-old-hat`` for *Ann's old hat*.

    Raises:
        InvalidKey: it has none.
    """
    kept = (c if c.isalpha() or c.isdecimal() or c in "_-" else "" for c in "-".join(name.split()))
    return normalise("-".join(filter(None, "".join(kept).split("-"))))


def make_numbered(manager: Any, name: str, values: dict[str, Any]) -> Any:
    """A new object of a store with ``NounMixin`` under a key of its own: ``rat-1``. It is not saved yet.

    Args:
        manager: of the store; all saved objects are active.
        name: of the object; its key begins with it. An article before it becomes its article.
        values: of other fields.

    Raises:
        InvalidKey: the name has no letter and no digit.
        UnknownField, FieldValueError: as for ``Manager.create``.
    """
    article, _space, noun = name.partition(" ")
    if noun.strip() and article.lower() in _ARTICLES:
        name, values = noun.strip(), {**_ARTICLES[article.lower()], **values}
    base = key_of(name)
    for number in itertools.count(1):
        if manager.get_active(f"{base}-{number}") is None:
            with suppress(KeyInUse):  # by a document that cannot be read
                return manager.create(f"{base}-{number}", name=name, **values)
    raise AssertionError  # count() has no end
