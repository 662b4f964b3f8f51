"""Text to bytes and back, in the character set of one terminal.

All clients with the same character set share one ``Encoder``, so that a broadcast makes the bytes
once for each character set, and not once for each client.
"""

from __future__ import annotations

import codecs
import encodings
import pkgutil
from dataclasses import dataclass
from encodings.aliases import aliases
from functools import cache

UTF_8 = "utf-8"

# The most likely character set of an eight-bit terminal that does not name one: latin-1, but with
# printable characters (quotation marks, the euro sign) where latin-1 has control characters.
FALLBACK = "cp1252"

#: Length of a character set's name (RFC 2978, section 2.3).
_NAME_MAX = 40

_ASCII = "".join(map(chr, range(128)))


@dataclass(frozen=True, slots=True, eq=False)  # compared by identity, since encoders are shared
class Encoder:
    """Turns text into the bytes that are sent.

    Args:
        charset: Python's name of the codec.
        network: true for telnet, where a line ends in CR LF, a bare CR is CR NUL (RFC 854) and the
            data byte 255 is doubled; false where bytes are sent as they are.
    """

    charset: str
    network: bool = True

    def encode(self, text: str) -> bytes:
        r"""The bytes for this text. Never raises: what the character set lacks becomes ``?``.

        A line ends in ``\n``; ``\r\n`` is accepted as well.
        """
        if not self.network:
            return text.encode(self.charset, "replace")
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\r\0")
        data = text.replace("\n", "\r\n").encode(self.charset, "replace")
        return data.replace(b"\xff", b"\xff\xff")


@cache
def _shared(charset: str) -> Encoder:
    return Encoder(charset)


def telnet_encoder(charset: str = UTF_8) -> Encoder:
    """The shared telnet encoder of a character set, however its name is spelt.

    Args:
        charset: one of those that come with Python.

    Raises:
        LookupError: the character set is unknown, or telnet cannot carry it, because ASCII in it is
            not ASCII (UTF-16).
    """
    name = codecs.lookup(_known(charset)).name
    if _encoded(_ASCII, name) != _ASCII.encode("ascii"):
        raise LookupError(f"{charset} cannot be spoken over telnet")
    return _shared(name)


def _known(charset: str) -> str:
    """The spelling in which Python is asked for a character set: one for each character set.

    Python remembers every spelling that it was ever asked for, known or not, for as long as the
    process lives. If it were asked for the spellings of peers, a peer who makes up names could fill
    the memory.
    """
    name = encodings.normalize_encoding(charset[: _NAME_MAX + 1]).lower()
    name = aliases.get(name) or aliases.get(name.replace(".", "_")) or name
    if len(charset) > _NAME_MAX or name not in _modules():
        raise LookupError(f"unknown character set: {charset[:_NAME_MAX]!r}")
    return name


@cache
def _modules() -> frozenset[str]:
    """The names of Python's character sets, each of which is a module. Reads one folder, once."""
    return frozenset(module.name for module in pkgutil.iter_modules(encodings.__path__))


def _encoded(text: str, name: str) -> bytes | None:
    try:
        return text.encode(name)
    except UnicodeError:  # such as idna's, which takes host names only
        return None


def decode(
    line: bytes, charset: str = UTF_8, *, negotiated: bool = False, cut: bool = False
) -> str:
    """The text of one line. Never raises for a known character set.

    Args:
        line: a whole line; no character of the character sets in use spans two lines.
        charset: Python's name of the codec.
        negotiated: whether the client has said that it sends this character set. If so, invalid bytes
            become U+FFFD. If not, a line with invalid bytes is read as cp1252 (telnet notes,
            section 4).
        cut: whether the line was cut at its limit. A character at the end that is then incomplete is
            left out.
    """
    try:
        if cut and charset == UTF_8:
            return codecs.utf_8_decode(line, "strict", False)[0]  # false: the end is not the end
        return line.decode(charset)
    except UnicodeDecodeError:
        return line.decode(charset if negotiated else FALLBACK, "replace")
