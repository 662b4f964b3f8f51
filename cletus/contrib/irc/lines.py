"""Text between people here and people on IRC: without colours and control characters, in lines that fit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from wcwidth import iter_graphemes

from cletus.protocol.text import clean
from cletus.text import Text

#: Bytes of a line of IRC, its CR and LF not counted (RFC 2812, section 2.3).
LINE_MAX: Final = 510

#: Bytes of the longest user and host that servers put before a line, with ``!`` and ``@``: ``!~user@host``.
_USER_AND_HOST: Final = 1 + 11 + 1 + 63

#: Bytes of a nickname that are shown.
NICKNAME_MAX: Final = 30

# Colours by number and by hexadecimal digits, bold, reset, monospace, reverse, italic, strike, underline:
# https://modern.ircdocs.horse/formatting
_FORMATTING = re.compile(
    "\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?"
    "|\x04(?:[0-9a-fA-F]{6}(?:,[0-9a-fA-F]{6})?)?"
    "|[\x02\x0f\x11\x16\x1d\x1e\x1f]"
)

# What RFC 2812 does not allow in parameters; a peer could otherwise have us send a command.
_LINE_ENDS = re.compile("[\r\n\0]+")


def decoded(line: bytes) -> str:
    """A line of IRC as text: UTF-8, or else Windows-1252, which old clients send."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def plain(text: str) -> str:
    """What somebody on IRC has written, as people here may see it; a text is ours."""
    if isinstance(text, Text):
        return text
    return clean(_FORMATTING.sub("", text)).strip()


def shown_nickname(nickname: str) -> str:
    """A nickname as it is shown here: without spaces, not too long."""
    return "".join(plain(nickname).split())[:NICKNAME_MAX]


def folded(name: str) -> str:
    r"""A nickname or channel as servers compare it: ``{}|^`` are the small letters of ``[]\~`` (RFC 1459)."""
    return name.lower().translate(_SMALL_LETTERS)


_SMALL_LETTERS = str.maketrans("[]\\~", "{}|^")


def text_bytes_max(nickname: str, target: str) -> int:
    """Bytes of text that fit in a message, which servers send on with our nickname, user and host."""
    return LINE_MAX - len(f":{nickname} PRIVMSG {target} :".encode()) - _USER_AND_HOST


def messages(prefix: str, text: str, size: int) -> Iterator[str]:
    """A text as messages of at most so many bytes, each with the prefix.

    They are split at spaces if they can be, else between characters, never inside of one.

    Args:
        prefix: says who speaks; it is repeated, so that nobody can speak for others by a long line.
        text: may have several lines.
        size: bytes of a message.
    """
    room = size - len(prefix.encode())
    for line in _LINE_ENDS.split(text):
        rest = line.strip()
        while rest:
            piece = _beginning(rest, room)
            yield prefix + piece.rstrip()
            rest = rest[len(piece) :].lstrip()


def _beginning(text: str, size: int) -> str:
    """What of a text fits into so many bytes; at least one character."""
    if len(text.encode()) <= size:
        return text
    piece, length = "", 0
    for character in iter_graphemes(text):
        length += len(character.encode())
        if length > size:
            break
        piece += character
    words = piece.rpartition(" ")[0]
    # A word that is longer than half of a line is split: else a lone "a" could stand before it.
    return words if len(words) > len(piece) // 2 else piece or text[0]
