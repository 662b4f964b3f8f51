"""Find lines in JSON texts that people edit by hand: of a key, of a duplicate key, of a mistake.

msgspec decodes without keeping positions, so this is used only once something is known to be wrong.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

Path = tuple[str, ...]
"""The keys and indices, as texts, that lead to a value from the outermost object."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,\n]|[^\s{}\[\]:,"]+', re.DOTALL)
_DEPTH_MAX = 1000
_OFFSET = re.compile(r"\(byte (\d+)\)")
_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]]+)|\[(?P<item>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\d+)\]"""
)


def has_duplicate_keys(text: bytes, document: dict[str, Any]) -> bool:
    """Whether an object in a text has a key more than once; a decoder keeps the last of them.

    A text of our own, without its layout, is what encoding the document gives. Only others, which
    may write a number or character in another way, have to be scanned.

    Raises:
        RecursionError: the document is nested too deep.
    """
    if msgspec.json.format(text, indent=-1) == msgspec.json.encode(document):
        return False
    return duplicate_key(text) is not None


def duplicate_key(text: bytes) -> tuple[str, int, int] | None:
    """The first key that its object has already: the key, its line, and the line of the first."""
    lines: dict[Path, int] = {}
    for path, line in _members(text):
        if path in lines:
            return path[-1], line, lines[path]
        lines[path] = line
    return None


def line_of(text: bytes, name: str, path: str = "") -> int:
    """The line, from 1, of a value: as deep as the path can be followed; 0 if it is not there.

    Args:
        text: JSON.
        name: the key in the outermost object.
        path: inside its value, as in ``FieldValueError.path``: ``['sword'].level[2]``.
    """
    steps = (
        match["name"] or str(ast.literal_eval(match["item"])) for match in _STEP.finditer(path)
    )
    wanted = (name, *steps)
    deepest, line = 0, 0
    for found_path, found_line in _members(text):
        if len(found_path) > deepest and found_path == wanted[: len(found_path)]:
            deepest, line = len(found_path), found_line
    return line


def line_of_error(text: bytes, error: Exception) -> int:
    """The line, from 1, that a decoder's error is about."""
    if isinstance(error, RecursionError):
        return text.count(b"\n", 0, _deepest(text)) + 1
    offset = _OFFSET.search(str(error))
    if offset is not None:
        position = int(offset[1])
        if "trailing comma" in str(error):  # the offset is of what comes after it
            position = text.rfind(b",", 0, position)
        return text.count(b"\n", 0, position) + 1
    for match in _TOKEN.finditer(text):  # a string or number that cannot be decoded by itself
        if match[0] not in b"{}[]:,\n":
            try:
                msgspec.json.decode(match[0])
            except (msgspec.DecodeError, UnicodeDecodeError):
                return text.count(b"\n", 0, match.start()) + 1
    return text.count(b"\n") + 1  # it was cut off


def _deepest(text: bytes) -> int:
    """Where the innermost container begins; or that at ``_DEPTH_MAX``, for which no decoder is deep enough."""
    depth, deepest, position = 0, 0, 0
    for match in _TOKEN.finditer(text):
        depth += (match[0] in b"{[") - (match[0] in b"}]")
        if depth > deepest:
            deepest, position = depth, match.start()
            if depth == _DEPTH_MAX:
                break
    return position


def _members(text: bytes) -> Iterator[tuple[Path, int]]:
    """Every member of an object and element of an array, with its line; the text is valid JSON."""
    path: list[str] = []  # one step for each container that is open
    is_object: list[bool] = []
    expects_key, line = False, 1
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == b"\n":
            line += 1
        elif token in b"}]":
            path.pop()
            is_object.pop()
            expects_key = False
        elif token == b",":
            expects_key = is_object[-1]
            if not expects_key:
                path[-1] = str(int(path[-1]) + 1)
        elif expects_key:
            path[-1] = json.loads(token)
            expects_key = False
            yield tuple(path), line
        elif token != b":":
            if is_object and not is_object[-1]:
                yield tuple(path), line
            if token in b"{[":
                expects_key = token == b"{"
                path.append("" if expects_key else "0")
                is_object.append(expects_key)
