"""Text for terminals: rendered and encoded once for each render profile, not for each person.

A line may be a string (as it is), a ``Text`` that is translated, ``Styled`` text, or anything that rich
can render; anything else is shown by its ``str()``.
"""

from __future__ import annotations

import re
from functools import cache
from io import StringIO
from typing import Any

import wcwidth

from cletus.protocol.terminal import RenderProfile
from cletus.text.markup import Hanging, Styled
from cletus.text.translation import Text

_COLOUR_SYSTEMS = {0: None, 16: "standard", 256: "256"}

# The beginning or the end of a link (OSC 8); the text of the link stands between two of them.
_LINK = re.compile(r"\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)")

# What screen readers would read aloud, character by character: box drawing, blocks and braille patterns.
_DRAWINGS = dict.fromkeys((*range(0x2500, 0x25A0), *range(0x2800, 0x2900)), " ")


class Message:
    """Lines that are sent to many people.

    Args:
        lines: strings or objects, each a line; without any, an empty line.

    Attributes:
        by_profile: what ``encoded()`` has made, for loops that look there first.
    """

    __slots__ = ("_is_plain", "_lines", "by_profile")

    def __init__(self, lines: tuple[object, ...]) -> None:
        self._lines = lines or ("",)
        self._is_plain = all(type(line) is str or not is_rendered(line) for line in self._lines)
        self.by_profile: dict[RenderProfile | None, bytes] = {}

    def encoded(self, profile: RenderProfile) -> bytes:
        """The bytes for this profile; the same object for all terminals that share it."""
        data = self.by_profile.get(profile)
        return self._encode(profile) if data is None else data

    def _encode(self, profile: RenderProfile) -> bytes:
        by_profile = self.by_profile
        key = profile.plain if self._is_plain else profile
        if key not in by_profile:
            by_profile[key] = profile.encoder.encode(as_text(self._lines, profile))
        data = by_profile[profile] = by_profile[key]
        return data


def is_rendered(line: object) -> bool:
    """Whether a line depends on more than the plain profile: on colours, for example."""
    cls = type(line)
    return cls in (Styled, Hanging) or hasattr(cls, "__rich_console__") or hasattr(cls, "__rich__")


def as_text(lines: tuple[object, ...], profile: RenderProfile) -> str:
    r"""Lines as one string for terminals of this profile, each with ``\n`` at its end."""
    if profile.wraps:
        return "".join(_wrapped(shown(line, profile), profile.columns) for line in lines)
    return "".join(f"{line if type(line) is str else shown(line, profile)}\n" for line in lines)


def shown(line: object, profile: RenderProfile) -> str:
    """One line as text for terminals of this profile: not wrapped, and without its newline."""
    if type(line) is str:
        return line
    if isinstance(line, Text):
        return line.in_language(profile.language)
    if isinstance(line, Styled):
        return line.render(profile.colours)
    if isinstance(line, Hanging):
        return _hanging(line, profile)
    if isinstance(line, Exception):
        text = line.args[0] if line.args else ""
        return text.in_language(profile.language) if isinstance(text, Text) else str(line)
    return _with_rich(line, profile) if is_rendered(line) else str(line)


def _hanging(line: Hanging, profile: RenderProfile) -> str:
    text, columns = shown(line.line, profile), profile.columns
    if profile.screen_reader or profile.reflows or wcwidth.width(text) <= columns:
        return text
    indent = " " * min(line.indent, columns // 2)
    return "\n".join(
        wcwidth.wrap(text, columns, subsequent_indent=indent, replace_whitespace=False)
    )


def _wrapped(text: str, columns: int) -> str:
    return "".join(f"{row}\n" for line in text.split("\n") for row in _wrapped_line(line, columns))


def _wrapped_line(line: str, columns: int) -> list[str]:
    if len(line) <= columns and line.isascii():
        return [line]
    if wcwidth.width(line) <= columns:
        return [line]
    indent = line[: len(line) - len(line.lstrip(" "))][: columns // 2]
    return wcwidth.wrap(line, columns, subsequent_indent=indent, replace_whitespace=False)


def _with_rich(line: object, profile: RenderProfile) -> str:
    file = _Sheet(profile.encoder.charset)
    _console_class()(
        file=file,
        width=profile.columns,
        color_system=_COLOUR_SYSTEMS.get(profile.colours, "truecolor"),
        force_terminal=profile.colours > 0,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    ).print(line, end="")
    text = file.getvalue()
    if not profile.links and "\x1b]8;" in text:
        text = _LINK.sub("", text)
    if profile.screen_reader:
        text = "\n".join(row.strip() for row in text.translate(_DRAWINGS).split("\n"))
    return text.removesuffix("\n")


class _Sheet(StringIO):
    """The file that a console prints to; rich draws with ASCII if its encoding is not Unicode's."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has it writeable; io has not
        return self._encoding


@cache
def _console_class() -> Any:
    # Loaded when first needed: it takes a tenth of a second, and most services never print a table.
    from rich.console import Console  # noqa: PLC0415 - see above

    return Console
