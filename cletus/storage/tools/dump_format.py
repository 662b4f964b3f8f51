"""The format of exported data: JSON Lines, which every tool for JSON reads.

    {"format":"cletus.store","version":1,"cletus":"0.3.0","time":"2025-11-23T16:20:00Z","name":"talker"}
    {"store":"user","key":"bob","version":2,"data":{"_version":2,"name":"Bob","score":5}}
    {"end":1}

The first line says what this is, the last how many documents there are, so that a file that was cut
off is noticed. In between each line is one document. ``data`` is what it says, without the spaces
that make it readable; nothing else in it is touched, so laid out again it is the document byte for
byte. A document with another layout, or that is not JSON at all, is in ``text`` instead, and a document that
is not text in ``base64``. ``version`` is the version that the document states, or null if it cannot be
read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec

from cletus.errors import CorruptStore, NotTransferable
from cletus.storage import document
from cletus.storage.interfaces import Document

FORMAT = "cletus.store"
VERSION = 1

LINE_MAX = 256 * 1024 * 1024
"""Bytes in a line at the most: far more than anybody's document, and what a machine can hold. It is
here so that a file of something else, without a line break, does not fill the memory."""

_WORDS_MAX = 80
"""Characters of an unknown file that a message may quote."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line.

    Attributes:
        format: always ``cletus.store``.
        version: of the format.
        cletus: the version of Cletus that wrote the file.
        time: when, in UTC, as ISO 8601.
        name: of the service.
    """

    format: str
    version: int
    cletus: str = ""
    time: str = ""
    name: str = ""


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Any other line: a document, or the end."""

    store: str | None = None
    key: str | None = None
    version: int | msgspec.UnsetType | None = msgspec.UNSET
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    text: str | None = None
    base64: bytes | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One document of a file, and its line, from 1."""

    line: int
    document: Document


def header_line(header: Header) -> bytes:
    """The first line of a file."""
    return msgspec.json.encode(header) + b"\n"


def document_line(entry: Document) -> bytes:
    """The line of one document.

    Raises:
        NotTransferable: it is longer than ``LINE_MAX``, or its key is not text.
    """
    try:
        name = msgspec.json.encode(
            {"store": entry.store, "key": entry.key, "version": version_in(entry)}
        )
    except UnicodeEncodeError:
        raise NotTransferable(
            f"{entry.store} {entry.key!r}: the name of the file is not UTF-8"
        ) from None
    line = b"%b,%b}\n" % (name[:-1], _content(entry.data))
    if len(line) > LINE_MAX:
        raise NotTransferable(f"{entry.store} {entry.key!r} has more than {LINE_MAX} bytes")
    return line


def end_line(count: int) -> bytes:
    """The last line of a file with so many documents."""
    return b'{"end":%d}\n' % count


def version_in(entry: Document) -> int | None:
    """The version that a document states; ``None`` if it cannot be read."""
    try:
        return document.stated_version(entry.data, entry.store, entry.key)
    except CorruptStore:
        return None


def _content(data: bytes) -> bytes:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return b'"base64":%b' % msgspec.json.encode(data)
    try:
        compact = msgspec.json.format(data, indent=-1)
        if laid_out(compact) == data:
            return b'"data":%b' % compact
    except (msgspec.DecodeError, RecursionError):
        pass  # it is not JSON
    return b'"text":%b' % msgspec.json.encode(text)


def laid_out(compact: bytes) -> bytes:
    """JSON as a document of ours has it: by ``document.encode``."""
    return msgspec.json.format(compact, indent=2) + b"\n"


def entries(file: BinaryIO) -> Iterator[Entry | NotTransferable]:
    """The documents of a file, in order, and an error for each line that is none.

    Raises:
        NotTransferable: the file as a whole makes no sense: it is something else, of a later version,
            or was cut off.
    """
    lines = _lines(file)
    _, first = next(lines, (0, b""))
    _check_header(first)
    count, ended = 0, 0
    for number, line in lines:
        if ended:
            raise NotTransferable("there is more after the end", number)
        try:
            entry = _parse(number, line)
        except NotTransferable as error:
            count += 1
            yield error
            continue
        if isinstance(entry, int):
            _check_end(entry, count, number)
            ended = number
            continue
        count += 1
        yield entry
    if not ended:
        reason = (
            f'it was cut off: its last line, {{"end": ...}}, is missing after {count} documents'
        )
        raise NotTransferable(reason)


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Each line that is not blank, with its number."""
    number = 0
    while line := file.readline(LINE_MAX + 1):
        number += 1
        if len(line) > LINE_MAX:
            raise NotTransferable(f"it has more than {LINE_MAX} bytes", number)
        if line.strip():
            yield number, line


def _check_header(line: bytes) -> None:
    try:
        header = msgspec.json.decode(line, type=Header)
    except (msgspec.DecodeError, RecursionError):  # a ValidationError is one
        header = None
    if header is None or header.format != FORMAT:
        raise NotTransferable(f'this is not a file of stored data: it begins with no "{FORMAT}"', 1)
    if header.version != VERSION:
        reason = (
            f"it is of version {header.version} of the format, written by Cletus "
            f"{header.cletus[:_WORDS_MAX]!r}; this one reads version {VERSION}"
        )
        raise NotTransferable(reason, 1)


def _check_end(expected: int, count: int, number: int) -> None:
    if expected != count:
        reason = f"there should be {expected} documents before it, and there are {count}"
        raise NotTransferable(reason, number)


def _parse(number: int, line: bytes) -> Entry | int:
    """A document, or the number that the last line says."""
    try:
        parsed = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise NotTransferable(str(error), number) from error
    if parsed.end is not None and parsed.store is None and parsed.key is None:
        return parsed.end
    if parsed.store is None or parsed.key is None:
        raise NotTransferable("a document needs a store and a key", number)
    entry = Document(parsed.store, parsed.key, _data_of(parsed, number))
    claimed = parsed.version
    if claimed is not msgspec.UNSET and claimed != version_in(entry):
        reason = f'version {claimed} is not what the document says ("{document.VERSION}")'
        raise NotTransferable(reason, number)
    return Entry(number, entry)


def _data_of(parsed: Any, number: int) -> bytes:
    given = [content for content in (parsed.data, parsed.text, parsed.base64) if _is_given(content)]
    if len(given) != 1:
        raise NotTransferable('a document needs one of "data", "text" and "base64"', number)
    if parsed.text is not None:
        text: str = parsed.text
        return text.encode()
    if parsed.base64 is not None:
        return bytes(parsed.base64)
    return laid_out(bytes(parsed.data))


def _is_given(content: object) -> bool:
    return content is not None and content is not msgspec.UNSET
