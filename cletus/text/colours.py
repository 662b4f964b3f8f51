"""Colours of terminals: their names, and the nearest colour in each of the three palettes.

ECMA-48 has eight colours, every terminal has bright versions of them, xterm has 256 colours, and many
terminals have 24 bits. A colour that a terminal lacks is shown as the nearest that it has.
"""

from __future__ import annotations

import re
from functools import lru_cache

NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")

RGB = tuple[int, int, int]

# xterm's default values of the first sixteen.
_SIXTEEN: tuple[RGB, ...] = (
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
)  # fmt: skip - a table
_STEPS = (0, 95, 135, 175, 215, 255)
_CUBE = tuple((r, g, b) for r in _STEPS for g in _STEPS for b in _STEPS)
_GREYS = tuple((8 + 10 * step,) * 3 for step in range(24))
_PALETTE: tuple[RGB, ...] = (*_SIXTEEN, *_CUBE, *_GREYS)

_HEX = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE)

Colour = int | RGB
"""A number of the 256-colour palette, or red, green and blue."""


def parse(word: str) -> Colour | None:
    """The colour that a word names, or ``None``.

    Args:
        word: ``red``, ``bright_red``, ``grey``, a number of the palette (``208``) or ``#ff8800``.
    """
    bright = word.startswith("bright_")
    name = word.removeprefix("bright_")
    if name in NAMES:
        return NAMES.index(name) + 8 * bright
    if word in ("grey", "gray"):
        return 8
    if word.isascii() and word.isdigit() and int(word[:4]) < 256:
        return int(word[:4])
    if _HEX.fullmatch(word):
        return int(word[1:3], 16), int(word[3:5], 16), int(word[5:7], 16)
    return None


@lru_cache(1024)
def sgr(colour: Colour, colours: int, *, background: bool = False) -> str:
    """The parameters of ECMA-48's SGR that show a colour, or the nearest one.

    Args:
        colour: the colour to show.
        colours: how many the terminal has, at least 16.
        background: whether it is the colour behind the text.
    """
    shift = 10 if background else 0
    if isinstance(colour, tuple) and colours > 256:
        return f"{38 + shift};2;{colour[0]};{colour[1]};{colour[2]}"
    number = colour if isinstance(colour, int) else _nearest(colour, 256)
    if number >= 16 and colours < 256:
        number = _nearest(_PALETTE[number], 16)
    if number < 16:
        return str((30 if number < 8 else 82) + number + shift)
    return f"{38 + shift};5;{number}"


def _nearest(rgb: RGB, colours: int) -> int:
    # The first sixteen of 256 are left out: people redefine those.
    candidates = range(16, 256) if colours == 256 else range(16)
    return min(candidates, key=lambda number: _distance(rgb, _PALETTE[number]))


def _distance(first: RGB, second: RGB) -> int:
    """Weighted as eyes are: most sensitive to green, least to blue."""
    red, green, blue = (a - b for a, b in zip(first, second, strict=True))
    return 3 * red * red + 6 * green * green + blue * blue
