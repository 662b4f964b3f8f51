"""Splits bytes into lines.

A line ends with whatever clients are known to send (telnet notes, section 0, rule 2): CR LF, LF, CR
NUL, a bare CR, or LF CR. The first byte of an end ends the line at once, without waiting for the byte
after it: the second is skipped when it comes, also in a later chunk.

Backspace and DEL stay in the line. They erase a character, and only the decoded text shows where
characters begin, so ``text.clean`` applies them.
"""

from __future__ import annotations

import re

from cletus.protocol.plain_state import PlainState

_LF, _CR = 10, 13
_END = re.compile(rb"\r[\n\0]?|\n\r?")

_SECOND = {b"\r": b"\n\0", b"\n": b"\r"}
"""What may follow the byte that has ended a line, as the second byte of the same end."""


class CutLine(bytes):
    """A line that was longer than ``line_max``: its first ``line_max`` bytes."""

    __slots__ = ()


class LineBuffer(PlainState):
    """Collects what arrives until a line is complete.

    Args:
        line_max: the longest line that is taken, in bytes without its end. A longer line is cut, and
            comes as a ``CutLine``. 0 means no limit.

    Attributes:
        partial: what has come of the line that is not complete, for reading.
    """

    __slots__ = ("_max", "_skipped", "partial")
    STATE = ("_skipped", "partial")

    def __init__(self, line_max: int) -> None:
        self._max = line_max
        self.partial = bytearray()
        self._skipped = b""  # bytes of which one, if it is next, belongs to the end before it

    def receive(self, data: bytes) -> list[bytes]:
        """The lines that these bytes complete, in order and without their ends."""
        if self._skipped and data:
            if data[0] in self._skipped:
                data = data[1:]
            self._skipped = b""
        if not data:
            return []
        lines = data.splitlines()  # of bytes: ends at CR LF, LF and CR, and at nothing else
        last = data[-1]
        # LF CR leaves an empty line. That there is none is seen faster than that there is no LF CR.
        if len(lines) > 1 and (b"\0" in data or (not all(lines) and b"\n\r" in data)):
            ends = _END.findall(data)
            data = _END.sub(b"\n", data)
            lines, last = data.splitlines(), data[-1]
            self._skipped = _SECOND.get(ends[-1], b"") if last == _LF else b""
        elif last == _CR or (last == _LF and data[-2:] != b"\r\n"):
            self._skipped = _SECOND[data[-1:]]
        partial = b"" if last in (_LF, _CR) else lines.pop()
        if self.partial and lines:
            lines[0] = self._completed(lines[0])
        if partial:
            self._keep(partial)
        return lines if self._max == 0 or len(data) <= self._max else self._cut(lines)

    def erase(self) -> None:
        """Forget the line that is not complete yet (telnet's EL)."""
        self.partial.clear()

    def take(self) -> bytes:
        """Take out what has come of a line that is not complete."""
        partial = bytes(self.partial)
        self.partial.clear()
        return partial

    def _keep(self, piece: bytes) -> None:
        """Add to the partial line. One byte over the limit is kept, to show that it was exceeded."""
        if self._max:
            piece = piece[: self._max + 1 - len(self.partial)]
        self.partial += piece

    def _completed(self, piece: bytes) -> bytes:
        self._keep(piece)
        line = bytes(self.partial)
        self.partial.clear()
        return CutLine(line[: self._max]) if 0 < self._max < len(line) else line

    def _cut(self, lines: list[bytes]) -> list[bytes]:
        limit = self._max
        if max(set(map(len, lines)), default=0) <= limit:  # thousands of lines have few lengths
            return lines
        return [line if len(line) <= limit else CutLine(line[:limit]) for line in lines]


# An HTTP request at the telnet port comes from a browser or a scanner. Its first line is refused, since
# its headers would be shown to others as if a person had typed them.
_REQUEST = re.compile(rb"[A-Z]{3,8} \S{1,4096} HTTP/\d(?:\.\d)?")

_TAKES_HTML = re.compile(rb"\naccept:[^\r\n]*\btext/html\b", re.IGNORECASE)


def answer_to_http(request: bytes, page: str) -> bytes:
    """The answer to an HTTP request on the telnet port.

    A browser, which says that it takes HTML, is sent to the page. Other programs are told that they are
    wrong here: most follow a redirect, and would take the page for what they have asked for.

    Args:
        request: as much of it as has come.
        page: the URL of the service's page; "" if it has none.
    """
    status, fields, body = "400 Bad Request", "", "This port speaks telnet. Use a telnet client"
    if page and _TAKES_HTML.search(request):
        status, fields = (
            "307 Temporary Redirect",
            f"Location: {page}\r\nCache-Control: no-store\r\n",
        )
    body += f", or open {page} in a browser.\r\n" if page else ".\r\n"
    return (
        f"HTTP/1.1 {status}\r\n{fields}Content-Type: text/plain\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode("ascii")


def is_request(line: bytes) -> bool:
    """Whether this is the first line of an HTTP request (RFC 9112, section 3)."""
    return _REQUEST.fullmatch(line) is not None
