"""What is written, made into the bytes of each terminal: once for each look, not for each person.

A line may be a string (as it is), ``Styled`` text, or anything that rich can render; anything else
is shown by its ``str()``.
"""

from __future__ import annotations

from functools import cache
from io import StringIO
from typing import Any

import wcwidth

from cletus.protocol.terminal import Look
from cletus.text.markup import Styled

_COLOUR_SYSTEMS = {0: None, 16: "standard", 256: "256"}

# What screen readers would read aloud, sign by sign: box drawing, blocks and braille patterns.
_DRAWINGS = dict.fromkeys((*range(0x2500, 0x25A0), *range(0x2800, 0x2900)), " ")


class Message:
    """Lines on their way to people.

    Args:
        lines: what each line shows; nothing at all is one empty line.
    """

    __slots__ = ("_by_look", "_is_plain", "_lines")

    def __init__(self, lines: tuple[object, ...]) -> None:
        self._lines = lines or ("",)
        self._is_plain = all(type(one) is str or not is_rendered(one) for one in self._lines)
        self._by_look: dict[Look | None, bytes] = {}

    def encoded(self, look: Look) -> bytes:
        """The bytes for this look; the same object for everybody who shares it."""
        data = self._by_look.get(look)
        return self._encode(look) if data is None else data

    def _encode(self, look: Look) -> bytes:
        by_look = self._by_look
        key = look.plain if self._is_plain else look
        if key not in by_look:
            by_look[key] = look.encoder.encode(as_text(self._lines, look))
        data = by_look[look] = by_look[key]
        return data


def is_rendered(line: object) -> bool:
    """Whether a line is more than its ``str()``."""
    kind = type(line)
    return kind is Styled or hasattr(kind, "__rich_console__") or hasattr(kind, "__rich__")


def as_text(lines: tuple[object, ...], look: Look) -> str:
    r"""Lines as one string for terminals of this look, each with ``\n`` at its end."""
    if look.wraps:
        return "".join(_wrapped(shown(line, look), look.columns) for line in lines)
    return "".join(f"{line if type(line) is str else shown(line, look)}\n" for line in lines)


def shown(line: object, look: Look) -> str:
    """What one line is on terminals of this look, without wrapping it and without its end."""
    if isinstance(line, Styled):
        return line.render(look.colours)
    return _with_rich(line, look) if is_rendered(line) else str(line)


def _wrapped(text: str, columns: int) -> str:
    return "".join(
        f"{line}\n" for whole in text.split("\n") for line in _wrapped_line(whole, columns)
    )


def _wrapped_line(line: str, columns: int) -> list[str]:
    if len(line) <= columns and line.isascii():
        return [line]
    if wcwidth.width(line) <= columns:
        return [line]
    indent = line[: len(line) - len(line.lstrip(" "))][: columns // 2]
    return wcwidth.wrap(line, columns, subsequent_indent=indent, replace_whitespace=False)


def _with_rich(line: object, look: Look) -> str:
    file = _Sheet(look.encoder.charset)
    _console_class()(
        file=file,
        width=look.columns,
        color_system=_COLOUR_SYSTEMS.get(look.colours, "truecolor"),
        force_terminal=look.colours > 0,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    ).print(line, end="")
    text = file.getvalue()
    if look.screen_reader:
        text = "\n".join(row.strip() for row in text.translate(_DRAWINGS).split("\n"))
    return text.removesuffix("\n")


class _Sheet(StringIO):
    """What a console prints on; rich draws with ASCII where the encoding is not of UTF."""

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
