"""Text to bytes and back, in the character set of one terminal.

All clients with the same character set share one ``Encoder``, so that a broadcast makes the bytes
once for each character set, and not once for each client.
"""

from __future__ import annotations

import codecs
import encodings
import pkgutil
import unicodedata
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


NEAREST = "cletus.nearest"
"""The name of the error handler that replaces characters by the nearest ASCII."""

# What Unicode does not take apart (NFKD) into something with ASCII in it.
_LOOKALIKES = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u2032\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u2022\u00b7\u2219\u25cf\u2605\u2606", "*"),
        **dict.fromkeys("\u2500\u2501\u2504\u2508\u2550", "-"),
        **dict.fromkeys("\u2502\u2503\u2506\u250a\u2551", "|"),
        **dict.fromkeys(map(chr, range(0x250C, 0x2550)), "+"),
        **dict.fromkeys(map(chr, range(0x2552, 0x2570)), "+"),
        **dict.fromkeys("\u2588\u2593\u2592\u2591\u25a0", "#"),
        "\u2039": "<",
        "\u203a": ">",
        "\u2190": "<-",
        "\u2192": "->",
        "\u00d7": "x",
        "\u00f7": "/",
        "\u20ac": "EUR",
        "\u00a3": "GBP",
        "\u00a9": "(c)",
        "\u00ae": "(R)",
        "\u00df": "ss",
        "\u00e6": "ae",
        "\u00c6": "AE",
        "\u00f8": "o",
        "\u00d8": "O",
        "\u0153": "oe",
        "\u0152": "OE",
        "\u0142": "l",
        "\u0141": "L",
        "\u00f0": "d",
        "\u00d0": "D",
        "\u00fe": "th",
        "\u00de": "Th",
        "\u0111": "d",
        "\u0110": "D",
        "\u0131": "i",
    }
)  # fmt: skip - a table


def _nearest(error: UnicodeError) -> tuple[str, int]:
    """For ``str.encode``: e for \u0119, ... for an ellipsis, and ? for what is like nothing in ASCII."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_in_ascii, error.object[error.start : error.end])), error.end


def _in_ascii(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Mn", "Me", "Cf"):  # marks on the character before, and what is invisible
        return ""
    parts = unicodedata.normalize("NFKD", char.translate(_LOOKALIKES)).translate(_LOOKALIKES)
    return "".join(part for part in parts if part.isascii()) or "?"


codecs.register_error(NEAREST, _nearest)


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
        r"""The bytes for this text. Never raises: what the character set lacks becomes the nearest ASCII.

        A line ends in ``\n``; ``\r\n`` is accepted as well.
        """
        if not self.network:
            return text.encode(self.charset, NEAREST)
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\r\0")
        data = text.replace("\n", "\r\n").encode(self.charset, NEAREST)
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
    if charset == UTF_8:  # nearly everybody's, and asked for each who connects
        return _shared(UTF_8)
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
