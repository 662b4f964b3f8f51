"""Choose objects by what somebody has typed: ``lamp``, ``2nd rat``, ``rat 2``, ``two rats``, ``all rats``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from cletus.contrib.language import listed, parse_number, parse_ordinal
from cletus.contrib.things.nouns import NounMixin
from cletus.errors import Refused
from cletus.text import gettext as _
from cletus.text import ngettext

_ARTICLES: Final = frozenset({"a", "an", "the", "my", "some"})
_ALL: Final = frozenset({"all", "every", "everything"})
#: Words of a name that are looked at; a name of more is not worth typing.
_WORDS_MAX: Final = 10


def choose_objects(
    text: str, objects: Iterable[Any], *, none: str = "", nothing: str = ""
) -> list[Any]:
    """The objects that this text means; at least one.

    Args:
        text: the beginnings of words of a name or an alias, after a number, an ordinal number or
            ``all``. Of several objects with the same name, it means the first.
        objects: in the order in which they are counted.
        none: the message if there is no such object.
        nothing: the message if all are meant, and there are none.

    Raises:
        Refused: there is no such object, there are fewer, or objects of different names fit.
    """
    words = text.lower().replace(",", " ").split()[:_WORDS_MAX]
    count, rank, words = _quantity(words)
    objects = list(objects)
    fitting = _fitting(words, objects) if words else objects
    if not fitting or not (words or count == 0):
        name = " ".join(words)
        if nothing and count == 0 and not name:
            raise Refused(nothing)
        raise Refused(
            none or (_("There is no {name} here.", name=name) if name else _("There is nothing."))
        )
    if count == 0:
        return fitting
    names = {_noun(obj): _definite(obj) for obj in fitting}
    if len(names) > 1:
        raise Refused(_("Which: {things}?", things=listed(list(names.values())[:5], word="or")))
    if max(rank, count) > len(fitting):
        raise Refused(
            ngettext(
                "There is only {things}.",
                "There are only {things}.",
                len(fitting),
                things=_counted(fitting),
            )
        )
    return [fitting[rank - 1]] if rank else fitting[:count]


def choose_object(text: str, objects: Iterable[Any], *, none: str = "") -> Any:
    """The single object that this text means. Arguments and errors are as for ``choose_objects``."""
    chosen = choose_objects(text, objects, none=none)
    if len(chosen) > 1:
        raise Refused(_("Only one at a time."))
    return chosen[0]


def _quantity(words: list[str]) -> tuple[int, int, list[str]]:
    """How many are meant (0 for all), which of them (0 for any), and the words of the name."""
    while words and words[0] in _ARTICLES:
        words = words[1:]
    if not words:
        return 1, 0, words
    first, *rest = words
    if first in _ALL:
        return 0, 0, [word for word in rest if word not in _ARTICLES]
    number, dot, name = first.partition(".")
    rank = parse_number(number) if dot and name else None
    if rank is not None:
        return 1, rank, [name, *rest]
    if rest:
        if (rank := parse_ordinal(first)) is not None:
            return 1, rank, rest
        if (count := parse_number(first)) is not None:
            return count, 0, rest
        if words[-1].isdigit() and (rank := parse_number(words[-1])) is not None:
            return 1, rank, words[:-1]
    return 1, 0, words


def _fitting(words: list[str], objects: list[Any]) -> list[Any]:
    """The objects with exactly this name; else with these words in it; else with words that begin so."""
    name = " ".join(words)
    tests: tuple[Callable[[list[str]], bool], ...] = (
        lambda names: name in names,
        lambda names: any(set(words) <= set(each.split()) for each in names),
        lambda names: any(
            all(any(part.startswith(word) for part in each.split()) for word in words)
            for each in names
        ),
    )
    names_of = {id(obj): _names(obj) for obj in objects}
    for fits in tests:
        fitting = [obj for obj in objects if fits(names_of[id(obj)])]
        if fitting:
            return fitting
    return []


def _names(obj: Any) -> list[str]:
    if isinstance(obj, NounMixin):
        names = [obj.key, obj.noun, obj.plural_noun, *obj.aliases]
    else:
        names = [obj.key, str(obj)]
    return [name.lower() for name in names]


def _noun(obj: Any) -> str:
    return obj.noun if isinstance(obj, NounMixin) else str(obj)


def _definite(obj: Any) -> str:
    return obj.definite if isinstance(obj, NounMixin) else str(obj)


def _counted(objects: list[Any]) -> str:
    first = objects[0]
    return first.counted(len(objects)) if isinstance(first, NounMixin) else str(first)
