r"""Text in colour: ``style("[bold]{name}[/] says: {text}", name=user, text=line)``.

A tag in brackets switches colours and attributes on, ``[/]`` takes back the latest tag. What people
have typed goes in as values: values are not parsed, so brackets in them mean nothing. (An f-string
would put them into the markup itself. Do not do that; type checkers that know ``LiteralString``
report it.)

Each terminal shows the result as well as it can; terminals without colours and screen readers get the
plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from string import Formatter
from typing import Any, LiteralString

from cletus.errors import MarkupError
from cletus.text.colours import Colour, parse, sgr

_TAG = re.compile(r"\\\[|\[([^\[\]]*)\]")
_ATTRIBUTES = {
    "bold": 1,
    "dim": 2,
    "italic": 3,
    "underline": 4,
    "blink": 5,
    "reverse": 7,
    "strike": 9,
}
_RESET = "\x1b[0m"
_formatter = Formatter()


@dataclass(frozen=True, slots=True)
class Style:
    """The style of a piece of text. ``None`` and absent attributes mean: as the text around it.

    Attributes:
        colour: the colour of the letters.
        background: the colour behind them.
        attributes: ``bold``, ``dim``, ``italic``, ``underline``, ``blink``, ``reverse``, ``strike``.
    """

    colour: Colour | None = None
    background: Colour | None = None
    attributes: frozenset[str] = frozenset()

    def over(self, below: Style) -> Style:
        """This style; what it leaves open is taken from the style below it."""
        return Style(
            below.colour if self.colour is None else self.colour,
            below.background if self.background is None else self.background,
            self.attributes | below.attributes,
        )

    def sequence(self, colours: int) -> str:
        """The escape sequence that switches it on, for a terminal with so many colours; may be empty."""
        codes = [str(_ATTRIBUTES[name]) for name in _ATTRIBUTES if name in self.attributes]
        if self.colour is not None:
            codes.append(sgr(self.colour, colours))
        if self.background is not None:
            codes.append(sgr(self.background, colours, background=True))
        return f"\x1b[{';'.join(codes)}m" if codes else ""


_PLAIN = Style()


@dataclass(frozen=True, slots=True)
class Styled:
    """Text in ``pieces``, each with its style. ``str()`` gives the plain text."""

    pieces: tuple[tuple[str, Style], ...]

    def __str__(self) -> str:
        return "".join(text for text, _ in self.pieces)

    def __len__(self) -> int:
        return sum(len(text) for text, _ in self.pieces)

    def __add__(self, text: object) -> Styled:
        return Styled(self.pieces + _pieces(text, _PLAIN))

    def __radd__(self, text: object) -> Styled:
        return Styled(_pieces(text, _PLAIN) + self.pieces)

    def join(self, parts: Any) -> Styled:
        """The parts, strings or styled text, with this text between them."""
        pieces: tuple[tuple[str, Style], ...] = ()
        for number, part in enumerate(parts):
            pieces += (self.pieces if number else ()) + _pieces(part, _PLAIN)
        return Styled(pieces)

    def render(self, colours: int) -> str:
        """The text for a terminal with so many colours; 0 gives the plain text."""
        if not colours:
            return str(self)
        return "".join(_with_sgr(text, style.sequence(colours)) for text, style in self.pieces)


@dataclass(frozen=True, slots=True)
class Hanging:
    """A line whose continuation is indented where it is longer than the window.

    What somebody else has written can then never stand at the left edge, where it would look like a line
    of another person or of the service.

    Attributes:
        line: the text, styled or not.
        indent: columns of the indentation.
    """

    line: object
    indent: int = 2

    def __str__(self) -> str:
        return str(self.line)


def hanging(line: object, indent: int = 2) -> object:
    """Indent the continuation of somebody's words: ``write(hanging(f"{user} says: {text}"))``."""
    return line if isinstance(line, Hanging) else Hanging(line, indent)


def style(markup: LiteralString, /, **values: object) -> Styled:
    r"""Text in colour, for ``client.write`` and the like.

    Args:
        markup: text and tags: ``[red]``, ``[bright_red on blue]``, ``[#ff8800 bold]``, ``[208]``,
            ``[bold]`` (and dim, italic, underline, blink, reverse, strike), ``[/]`` for the end of the
            latest tag. ``\[`` is a bracket. With values, ``{name}`` is a value, formatted as by
            ``str.format``, and ``{{`` a brace; without values, braces mean nothing.
        **values: inserted as they are; a value may itself be styled.

    Raises:
        MarkupError: a tag has no meaning, or ``[/]`` has no tag to end.
        KeyError: a value is missing.
    """
    pieces: list[tuple[str, Style]] = []
    stack = [_PLAIN]
    end = 0
    for tag in _TAG.finditer(markup):
        pieces.extend(_with_values(markup[end : tag.start()], stack[-1], values))
        end = tag.end()
        if tag[1] is None:
            pieces.append(("[", stack[-1]))
        elif tag[1] != "/":
            stack.append(_style_of(tag[1]).over(stack[-1]))
        elif len(stack) > 1:
            stack.pop()
        else:
            raise MarkupError(markup, "[/] ends nothing")
    pieces.extend(_with_values(markup[end:], stack[-1], values))
    return Styled(tuple(pieces))


def _style_of(tag: str) -> Style:
    style = _PLAIN
    is_background = False
    for word in tag.split():
        colour = parse(word)
        if word in _ATTRIBUTES:
            style = replace(style, attributes=style.attributes | {word})
        elif word == "on":
            is_background = True
        elif colour is None:
            raise MarkupError(f"[{tag}]", f"{word!r} is neither a colour nor an attribute")
        elif is_background:
            style = replace(style, background=colour)
        else:
            style = replace(style, colour=colour)
    return style


def _with_values(text: str, style: Style, values: dict[str, object]) -> Iterator[tuple[str, Style]]:
    """The pieces of markup between two tags, with values inserted."""
    if not values:
        if text:
            yield text, style
        return
    for literal, field, spec, conversion in _formatter.parse(text):
        if literal:
            yield literal, style
        if field is None:
            continue
        value = _formatter.get_field(field, (), values)[0]
        if isinstance(value, Styled):
            yield from _pieces(value, style)
        else:
            value = _formatter.convert_field(value, conversion)
            yield _formatter.format_field(value, spec or ""), style


def _pieces(part: object, below: Style) -> tuple[tuple[str, Style], ...]:
    if isinstance(part, Styled):
        return tuple((text, style.over(below)) for text, style in part.pieces)
    return ((str(part), below),)


def _with_sgr(text: str, sequence: str) -> str:
    return f"{sequence}{text}{_RESET}" if sequence and text else text
