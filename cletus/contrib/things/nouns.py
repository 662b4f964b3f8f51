"""What things and characters are called: names, articles, plurals, and lists of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cletus.contrib.language import an, listed, number_word, plural
from cletus.storage import Field


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


def grouped(objects: Iterable[Any]) -> list[str]:
    """The names of objects, those of one name together: ``["two rats", "an old lamp"]``.

    Objects without ``NounMixin``, such as users, are listed by their ``str``.
    """
    groups: dict[tuple[str, str | None], list[Any]] = {}
    for obj in objects:
        is_noun = isinstance(obj, NounMixin)
        name = (obj.noun, obj.article) if is_noun else (obj.key, "")
        groups.setdefault(name, []).append(obj)
    return [
        group[0].counted(len(group)) if isinstance(group[0], NounMixin) else str(group[0])
        for group in groups.values()
    ]


def named(objects: Iterable[Any], *, nothing: str = "nothing") -> str:
    """Objects in a sentence: ``two rats and an old lamp``."""
    return listed(grouped(objects), nothing=nothing)
