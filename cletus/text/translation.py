"""Texts in the language of each reader: ``client.write(_("You have left."))``.

``gettext`` and ``ngettext`` give a ``Text``: a string in English, that knows its message and its values.
Whoever it is written to reads it in the language of their terminal, if there is a translation; everything
else (a log, a test, an f-string) sees the English string.

Translations are catalogues of gettext: ``locale/de/LC_MESSAGES/NAME.mo``.
"""

from __future__ import annotations

import gettext as standard
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from twisted.logger import Logger
from typing_extensions import override

_log = Logger()

#: Where the translations of Cletus are.
OURS: Final = Path(__file__).with_name("locale")

#: Names of languages, as gettext has them: ``de``, ``pt_BR``. They become parts of paths.
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")


class Text(str):
    """A text in English, which can be written in other languages.

    What is made of it, by ``str()`` or an f-string for example, is a plain string in English: to put a text
    into another, make it a value of that. Stores save plain strings: ``str(text)``.

    Args:
        message: in English; ``{name}`` stands for a value, formatted as by ``str.format``.
        plural: the message for other numbers than 1; empty if there is no number in it.
        count: that number.
        values: numbers, texts, or objects, whose ``str()`` is taken now.
        capital: whether the first letter is a capital, whatever the message begins with.
    """

    __slots__ = ("_capital", "_count", "_message", "_plural", "_values")

    def __new__(
        cls, message: str, plural: str, count: int, values: dict[str, Any], capital: bool = False
    ) -> Text:
        """The text; its string is in English."""
        values = {
            name: value if isinstance(value, (Text, int, float)) else str(value)
            for name, value in values.items()
        }
        english = plural if plural and count != 1 else message
        english = english.format(**values) if values else english
        text = super().__new__(cls, cls.finished(_capitalised(english) if capital else english))
        text._capital = capital
        text._message, text._plural, text._count = message, plural, count
        text._values = values
        return text

    _capital: bool
    _message: str
    _plural: str
    _count: int
    _values: dict[str, Any]

    @override
    def __reduce__(self) -> tuple[type[Text], tuple[str, str, int, dict[str, Any], bool]]:
        return type(self), (self._message, self._plural, self._count, self._values, self._capital)

    def capitalised(self) -> Text:
        """The text with a capital first letter, in every language."""
        return type(self)(self._message, self._plural, self._count, self._values, True)

    @staticmethod
    def finished(text: str) -> str:
        """The last step, in each language: a subclass may tidy here what values have left."""
        return text

    def in_language(self, language: str) -> str:
        """The text for readers of a language; in English where it is not translated."""
        catalogue = catalogues.of(language)
        if catalogue is None or not self._message:  # an empty message has the catalogue's header
            return str(self)
        text = self._translated(catalogue, language)
        return self.finished(_capitalised(text) if self._capital else text)

    def _translated(self, catalogue: standard.NullTranslations, language: str) -> str:
        if self._plural:
            pattern = catalogue.ngettext(self._message, self._plural, self._count)
        else:
            pattern = catalogue.gettext(self._message)
        if not self._values:
            return pattern
        values = {
            name: value.in_language(language) if isinstance(value, Text) else value
            for name, value in self._values.items()
        }
        try:
            return pattern.format(**values)
        except (LookupError, ValueError, AttributeError) as error:
            _log.warn("{pattern!r} is not a translation: {error!r}", pattern=pattern, error=error)
            return str(self)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def gettext(message: str, /, **values: Any) -> Text:
    """A text that each reader gets in their language. Import it as ``_``.

    Args:
        message: in English, a literal, so that it can be extracted; ``{name}`` stands for a value. Without
            values, braces mean nothing. A text is returned as it is.
        **values: numbers, other texts, or objects that are shown by their ``str()``.
    """
    return message if isinstance(message, Text) else Text(message, "", 1, values)


def ngettext(singular: str, plural: str, count: int, /, **values: Any) -> Text:
    """As ``gettext``, with a number, which is also the value ``{count}``.

    Args:
        singular: the message for 1.
        plural: the message for all other numbers, in English.
        count: the number.
        **values: as for ``gettext``.
    """
    return Text(singular, plural, count, {"count": count, **values})


def gettext_noop(message: str) -> str:
    """The message itself, which is extracted: it is translated where it is used. Import it as ``N_``."""
    return message


def in_language(line: object, language: str) -> str:
    """A text in a language; anything else by its ``str()``."""
    return line.in_language(language) if isinstance(line, Text) else str(line)


class Catalogues:
    """The translations in force, by language.

    Attributes:
        folders: where they are; what an earlier folder says comes first.
    """

    def __init__(self) -> None:
        self.folders: tuple[Path, ...] = (OURS,)
        self._read: dict[str, standard.NullTranslations | None] = {"": None}

    def of(self, language: str) -> standard.NullTranslations | None:
        """The translations into a language: ``pt_BR`` falls back on ``pt``; ``None`` if there are none."""
        try:
            return self._read[language]
        except KeyError:
            catalogue = self._load(language) if LANGUAGE.fullmatch(language) else None
            if catalogue is not None or len(self._read) < _LANGUAGES_MAX:
                self._read[language] = catalogue
            return catalogue

    def languages(self) -> list[str]:
        """The languages with translations, sorted; English is always there."""
        codes = {path.parents[1].name for folder in self.folders for path in folder.glob(_FILES)}
        return sorted({"en", *codes})

    def use(self, *folders: Path) -> None:
        """Read these folders before ours, from the files as they are now."""
        self.folders = (*folders, OURS)
        self._read = {"": None}

    def _load(self, language: str) -> standard.NullTranslations | None:
        first: standard.NullTranslations | None = None
        for file in self._files(language):
            try:
                with file.open("rb") as opened:
                    catalogue = standard.GNUTranslations(opened)
            except Exception as error:  # noqa: BLE001 - what it raises for a bad file is not documented
                _log.error("{file} cannot be read: {error!r}", file=str(file), error=error)
                continue
            if first is None:
                first = catalogue
            else:
                first.add_fallback(catalogue)
        return first

    def _files(self, language: str) -> Iterator[Path]:
        for tag in dict.fromkeys((language, language.partition("_")[0])):
            for folder in self.folders:
                yield from sorted((folder / tag / "LC_MESSAGES").glob("*.mo"))


_FILES = "*/LC_MESSAGES/*.mo"

#: Languages without translations that are remembered.
_LANGUAGES_MAX = 100

#: Those of this process.
catalogues = Catalogues()
