"""Socials from data files: those that come with Cletus, and the application's own.

[wave]
alone = "{actor} {wave} {how}."
at = "{actor} {wave} {how} at {target}."
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from cletus.contrib.data_file import DataFile
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
        file = DataFile(path)
    except ValueError as error:
        raise SocialError(f"{path}: {error}") from None
    return {str(name).lower(): _social(file, str(name), entry) for name, entry in file.tables}


def _social(file: DataFile, name: str, entry: Any) -> Social:
    if not isinstance(entry, Mapping) or not entry.keys() <= {"alone", "at"} or not entry:
        raise _error(file, "a social has the sentences alone and at, or one of them", name)
    sentences: dict[str, Template] = {}
    for kind, sentence in entry.items():
        try:
            sentences[kind] = Template(sentence)
        except (SocialError, TypeError) as error:
            raise _error(file, str(error), name, kind) from None
        if sentences[kind].needs_target and kind == "alone":
            raise _error(file, "the sentence alone must not contain {target}", name, kind)
        if not sentences[kind].needs_target and kind == "at":
            raise _error(file, "the sentence at must contain {target}", name, kind)
    return Social(name.lower(), sentences.get("alone"), sentences.get("at"))


def _error(file: DataFile, reason: str, name: str, *keys: str) -> SocialError:
    return SocialError(f"{file.path}: {file.at(name, *keys)}{name.lower()!r}: {reason}")
