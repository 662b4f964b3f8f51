"""Text to bytes and back, in the character set of one terminal.

An ``Encoder`` is shared by all who have the same character set, so that a broadcast groups its
receivers by ``client.encoder`` and makes the bytes once for each.
"""

from __future__ import annotations

import codecs
import encodings
import pkgutil
from dataclasses import dataclass
from encodings.aliases import aliases
from functools import cache

UTF_8 = "utf-8"

# What an eight-bit terminal that never said so is most likely to speak: latin-1, with printable
# characters (quotation marks, the euro sign) where latin-1 has control characters.
FALLBACK = "cp1252"

#: Letters of a character set's name (RFC 2978, section 2.3).
_NAME_MAX = 40

_ASCII = "".join(map(chr, range(128)))


@dataclass(frozen=True, slots=True, eq=False)  # compared by identity: that is what sharing means
class Encoder:
    """How text is put on one kind of wire.

    Args:
        charset: Python's name of the codec.
        network: true for telnet, whose line end is CR LF, whose bare CR is CR NUL (RFC 854) and
            whose data byte 255 is sent twice; false for wires that take bytes as they are.
    """

    charset: str
    network: bool = True

    def encode(self, text: str) -> bytes:
        r"""The bytes for this text; what the character set lacks becomes ``?``. Never raises.

        A line end in the text is ``\n``; ``\r\n`` is taken for one, too.
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
    """The one telnet encoder of this character set, whatever spelling of its name is used.

    Args:
        charset: one of those that come with Python.

    Raises:
        LookupError: there is no such character set, or it does not contain ASCII as ASCII (UTF-16),
            so that telnet cannot carry it.
    """
    name = codecs.lookup(_known(charset)).name
    if _encoded(_ASCII, name) != _ASCII.encode("ascii"):
        raise LookupError(f"{charset} cannot be spoken over telnet")
    return _shared(name)


def _known(charset: str) -> str:
    """The one spelling in which Python is asked for a character set.

    It keeps every spelling that it was ever asked for, known or not, for as long as the process lives:
    to ask it for what peers say would give their memory to whoever makes up names.
    """
    name = encodings.normalize_encoding(charset[: _NAME_MAX + 1]).lower()
    name = aliases.get(name) or aliases.get(name.replace(".", "_")) or name
    if len(charset) > _NAME_MAX or name not in _modules():
        raise LookupError(f"no character set is called {charset[:_NAME_MAX]!r}")
    return name


@cache
def _modules() -> frozenset[str]:
    """Python's character sets, each a module. Listing them reads one folder, once."""
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
        negotiated: the client said that this is what it sends. What is invalid is then U+FFFD;
            of a client that never said, a line that is invalid is taken for cp1252 instead
            (telnet notes, section 4).
        cut: the line was cut at its limit, so that a character at its end may be incomplete; it is
            left out.
    """
    try:
        if cut and charset == UTF_8:
            return codecs.utf_8_decode(line, "strict", False)[0]  # false: the end is not the end
        return line.decode(charset)
    except UnicodeDecodeError:
        return line.decode(charset if negotiated else FALLBACK, "replace")
