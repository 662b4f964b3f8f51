"""What is in front of a person: the terminal, or the program that plays one.

Doors fill it in as they learn; applications read it, and may overrule it (``colours = 0`` for
somebody who wants none).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cletus.protocol.charset import UTF_8, Encoder

COLUMNS, ROWS = 80, 24
"""What is taken for the size of a window that nobody tells: that of the VT100."""

_LOOKS_MAX = 4096  # a bound for those who resize their window all day


@dataclass(frozen=True, slots=True, eq=False)  # compared by identity: that is what sharing means
class Look:
    """All that the bytes of a text depend on. Terminals of equal looks share one.

    Attributes:
        encoder: what text becomes bytes with.
        columns: how wide; 0 when nothing depends on it.
        colours: how many; 0 for none.
        wraps: whether lines are broken at ``columns``.
        screen_reader: whether what is shown is read aloud.
        plain: what of this look matters to text without colour.
    """

    encoder: Encoder
    columns: int
    colours: int
    wraps: bool
    screen_reader: bool
    plain: Look | None = None


@lru_cache(_LOOKS_MAX)
def _plain_look(encoder: Encoder, columns: int) -> Look:
    return Look(encoder, columns, 0, columns > 0, False)


@lru_cache(_LOOKS_MAX)
def _look(encoder: Encoder, columns: int, colours: int, wraps: bool, screen_reader: bool) -> Look:
    plain = _plain_look(encoder, columns if wraps else 0)
    return Look(encoder, columns, colours, wraps, screen_reader, plain)


class Terminal:
    """One person's terminal.

    Attributes:
        name: what it calls itself, ``"Mudlet 4.17"`` or ``"XTERM-256COLOR"``; empty if unknown.
        types: all names that it gave itself (telnet TERMINAL-TYPE), upper-case.
        columns: the width of its window in characters; 80 if unknown.
        rows: the height; 24 if unknown.
        encoder: what text becomes bytes with.
        colours: how many it shows: 0, 16, 256 or 16,777,216.
        screen_reader: whether what is shown is read aloud: then no colours and no drawn boxes.
        tls: whether the connection is encrypted.
        wrap: whether we break lines at ``columns``; otherwise the terminal does as it likes.
        character_mode: whether each key arrives by itself and we show what is typed.
        typed: in character mode, what has been typed of the line at hand; the door tells.
        look: all that the bytes of a text depend on.
    """

    __slots__ = (
        "character_mode",
        "colours",
        "columns",
        "encoder",
        "look",
        "name",
        "rows",
        "screen_reader",
        "tls",
        "typed",
        "types",
        "wrap",
    )  # fmt: skip - a list of names reads better on two lines

    name: str
    types: tuple[str, ...]
    columns: int
    rows: int
    encoder: Encoder
    colours: int
    screen_reader: bool
    tls: bool
    wrap: bool
    character_mode: bool
    typed: str
    look: Look

    def __init__(self, encoder: Encoder, *, tls: bool = False, character_mode: bool = False):
        started: dict[str, Any] = {
            "name": "",
            "types": (),
            "columns": COLUMNS,
            "rows": ROWS,
            "encoder": encoder,
            "colours": 0,
            "screen_reader": False,
            "tls": tls,
            "wrap": False,
            "character_mode": character_mode,
            "typed": "",
        }  # fmt: skip - a table
        for name, value in started.items():
            object.__setattr__(self, name, value)
        self._renew()

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name in _OF_THE_LOOK:
            self._renew()

    def __repr__(self) -> str:
        return f"<Terminal {self.name or 'unknown'} {self.columns}x{self.rows} {self.encoding}>"

    @property
    def encoding(self) -> str:
        """Python's name of the character set: ``"utf-8"``."""
        return self.encoder.charset

    @property
    def utf8(self) -> bool:
        """Whether every character there is can be sent."""
        return self.encoder.charset == UTF_8

    def _renew(self) -> None:
        colours = 0 if self.screen_reader else self.colours
        look = _look(self.encoder, self.columns, colours, self.wrap, self.screen_reader)
        object.__setattr__(self, "look", look)


_OF_THE_LOOK = frozenset({"encoder", "columns", "colours", "wrap", "screen_reader"})
