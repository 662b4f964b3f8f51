"""Splits bytes into lines.

A line ends with whatever clients are known to send (telnet notes, section 0, rule 2): CR LF, LF, CR
NUL, or a bare CR. A CR ends the line at once, without waiting for the byte after it: a LF or NUL that
follows is skipped, also if it comes in a later chunk.

Backspace and DEL stay in the line. They erase a character, and only the decoded text shows where
characters begin, so ``text.clean`` applies them.
"""

from __future__ import annotations

import re

_CR = 13
_LF = 10


class CutLine(bytes):
    """A line that was longer than ``line_max``: its first ``line_max`` bytes."""

    __slots__ = ()


class LineBuffer:
    """Collects what arrives until a line is complete.

    Args:
        line_max: the longest line that is taken, in bytes without its end. A longer line is cut, and
            comes as a ``CutLine``. 0 means no limit.
    """

    __slots__ = ("_after_cr", "_max", "_partial")

    def __init__(self, line_max: int) -> None:
        self._max = line_max
        self._partial = bytearray()
        self._after_cr = False

    def receive(self, data: bytes) -> list[bytes]:
        """The lines that these bytes complete, in order and without their ends."""
        if self._after_cr and data:
            self._after_cr = False
            if data[0] in b"\n\0":
                data = data[1:]
        if not data:
            return []
        if b"\0" in data:
            data = data.replace(b"\r\0", b"\r\n")
        lines = data.splitlines()  # of bytes: ends at CR LF, LF and CR, and at nothing else
        last = data[-1]
        if last == _CR:
            self._after_cr = True
        partial = b"" if last in (_LF, _CR) else lines.pop()
        if self._partial and lines:
            lines[0] = self._completed(lines[0])
        if partial:
            self._keep(partial)
        return lines if self._max == 0 or len(data) <= self._max else self._cut(lines)

    def erase(self) -> None:
        """Forget the line that is not complete yet (telnet's EL)."""
        self._partial.clear()

    def _keep(self, piece: bytes) -> None:
        """Add to the partial line. One byte over the limit is kept, to show that it was exceeded."""
        if self._max:
            piece = piece[: self._max + 1 - len(self._partial)]
        self._partial += piece

    def _completed(self, piece: bytes) -> bytes:
        self._keep(piece)
        line = bytes(self._partial)
        self._partial.clear()
        return CutLine(line[: self._max]) if 0 < self._max < len(line) else line

    def _cut(self, lines: list[bytes]) -> list[bytes]:
        limit = self._max
        return [line if len(line) <= limit else CutLine(line[:limit]) for line in lines]


# An HTTP request at the telnet port comes from a browser or a scanner. Its first line is refused, since
# its headers would be shown to others as if a person had typed them.
_REQUEST = re.compile(rb"[A-Z]{3,8} \S{1,4096} HTTP/\d(?:\.\d)?")

REFUSAL = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    b"Content-Length: 47\r\n\r\nThis port speaks telnet. Use a telnet client.\r\n"
)


def redirection(url: str) -> bytes:
    """The answer to an HTTP request on the telnet port of a service that has a page at this URL."""
    body = f"The page of this service is at {url}\r\n"
    return (
        f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {url}\r\nContent-Type: text/plain\r\n"
        f"Cache-Control: no-store\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode("ascii")


def is_request(line: bytes) -> bool:
    """Whether this is the first line of an HTTP request (RFC 9112, section 3)."""
    return _REQUEST.fullmatch(line) is not None
