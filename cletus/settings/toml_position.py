"""Where something stands in a TOML file. ``tomllib`` gives positions of syntax errors only."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

_KEY = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_HEADER = re.compile(rf"\s*\[\[?\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*\]")
_PAIR = re.compile(rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*=")
_QUOTES = re.compile(r'"""|' + "'''")


def position_of(text: str, *keys: str) -> str:
    """The position of a key, for an error message about its value.

    Args:
        text: of the file, which is TOML.
        keys: the key, and before it the keys of the tables that it is in.

    Returns:
        ``line 3, column 5``; of the innermost table if the key itself is not found, and empty if nothing is.
    """
    best, position = 0, ""
    for path, line, column in _keys(text):
        depth = len(path)
        if path == keys[:depth] and depth > best:
            best, position = depth, f"line {line}, column {column}"
    return position


def _keys(text: str) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """All keys of tables and values with their lines and columns, from 1."""
    table: tuple[str, ...] = ()
    is_in_text = False
    for number, line in enumerate(text.splitlines(), 1):
        was_in_text = is_in_text
        is_in_text ^= len(_QUOTES.findall(line)) % 2 == 1
        if was_in_text:
            continue
        header = _HEADER.match(line)
        if header is not None:
            table = _parts(header[1])
            yield table, number, header.start(1) + 1
            continue
        pair = _PAIR.match(line)
        if pair is None:
            continue
        path = (*table, *_parts(pair[1]))
        yield path, number, pair.start(1) + 1
        for inner in re.finditer(rf"[{{,]\s*({_KEY})\s*=", line[pair.end() :]):  # an inline table
            yield (*path, *_parts(inner[1])), number, pair.end() + inner.start(1) + 1


def _parts(dotted: str) -> tuple[str, ...]:
    """The keys of ``a."b c"``."""
    try:
        value: Any = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    parts: list[str] = []
    while isinstance(value, dict):
        (key, value) = next(iter(value.items()))
        parts.append(key)
    return tuple(parts)
