"""Socials from data files: those that come with Cletus, and the application's own.

[wave]
alone = "{actor} {wave} {how}."
at = "{actor} {wave} {how} at {target}."
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from cletus.contrib.socials.social import Social
from cletus.contrib.socials.template import Template
from cletus.errors import Refused, SocialError

#: The file that comes with Cletus.
COMMON: Traversable = files("cletus.contrib.socials") / "common.toml"

#: Words between a social and its target: ``wave at bob``.
_PREPOSITIONS = frozenset({"at", "to", "with", "on"})

#: Returns the person of a name, or raises ``Refused``.
Find = Callable[[str], Any]


class Socials:
    """Socials by name.

    Args:
        paths: data files. Later files replace socials of the same name.

    Raises:
        SocialError: a file cannot be read, or does not describe socials.
    """

    def __init__(self, *paths: Path | Traversable) -> None:
        self._all: dict[str, Social] = {}
        for path in paths or (COMMON,):
            self._all.update(_read(path))

    def __iter__(self) -> Iterator[Social]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def get(self, name: str) -> Social | None:
        """The social of this name, in any case; ``None`` if there is none."""
        return self._all.get(name.lower())


def read_target(words: str, find: Find) -> tuple[Any, str]:
    """Parse what is typed after a social: ``happily at bob``, ``at bob``, ``happily``.

    Args:
        words: the text.
        find: returns the person of a name, or raises ``Refused``.

    Returns:
        The target or ``None``, and the adverb or an empty string.

    Raises:
        Refused: the word after a preposition is not the name of a person.
    """
    parts = words.split()
    for index, word in enumerate(parts):
        if word.lower() in _PREPOSITIONS and index + 1 < len(parts):
            how = parts[:index] + parts[index + 2 :]
            return find(parts[index + 1]), " ".join(how)
    for index in {0, len(parts) - 1} if parts else ():
        try:
            return find(parts[index]), " ".join(parts[:index] + parts[index + 1 :])
        except Refused:
            continue
    return None, " ".join(parts)


def _read(path: Path | Traversable) -> dict[str, Social]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # tomllib's and the decoder's errors are ValueErrors
        raise SocialError(f"{path}: {error}") from None
    return {name.lower(): _social(path, name.lower(), entry) for name, entry in data.items()}


def _social(path: Path | Traversable, name: str, entry: Any) -> Social:
    where = f"{path}, {name!r}"
    if not isinstance(entry, Mapping) or not entry.keys() <= {"alone", "at"} or not entry:
        raise SocialError(f"{where}: a social has the sentences alone and at, or one of them")
    try:
        alone = Template(entry["alone"]) if "alone" in entry else None
        at = Template(entry["at"]) if "at" in entry else None
    except (SocialError, TypeError) as error:
        raise SocialError(f"{where}: {error}") from None
    if alone is not None and alone.needs_target:
        raise SocialError(f"{where}: the sentence alone must not contain {{target}}")
    if at is not None and not at.needs_target:
        raise SocialError(f"{where}: the sentence at must contain {{target}}")
    return Social(name, alone, at)
