"""The file that stored data is moved in: what it looks like, and what is told of one that is wrong."""

from __future__ import annotations

import io
import json

import pytest

from cletus.errors import NotTransferable
from cletus.storage.interfaces import Document
from cletus.storage.tools import dump_format as transfer
from cletus.storage.tools.dump_format import FORMAT, VERSION, Entry, Header, document_line, entries

HEADER = b'{"format":"cletus.store","version":1,"cletus":"0.1","time":"","name":"talker"}\n'


def read(*lines: bytes) -> list[Entry | NotTransferable]:
    return list(entries(io.BytesIO(b"".join(lines))))


def test_the_first_line_says_what_the_file_is() -> None:
    """For people and for later versions."""
    header = Header(format=FORMAT, version=VERSION, cletus="0.1", name="talker")
    assert transfer.header_line(header) == HEADER


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            '{\n  "_version": 2,\n  "name": "Bö"\n}\n'.encode(),
            '"version":2,"data":{"_version":2,"name":"Bö"}'.encode(),
        ),
        (b'{"a":1}', rb'"version":0,"text":"{\"a\":1}"'),
        (b"no json", b'"version":null,"text":"no json"'),
        (b"", b'"version":null,"text":""'),
        (b"\xff\xfe", b'"version":null,"base64":"//4="'),
        (
            b'{\n  "a": 1.10e5,\n  "a": 12345678901234567890123\n}\n',
            b'"version":null,"data":{"a":1.10e5,"a":12345678901234567890123}',
        ),
        (b'{\n  "_version": -1\n}\n', b'"version":null,"data":{"_version":-1}'),
    ],
)
def test_a_document_comes_back_byte_for_byte(data: bytes, line: bytes) -> None:
    """However it was laid out, and whether or not it is JSON, or text at all."""
    written = document_line(Document("user", "bob", data))
    assert written == b'{"store":"user","key":"bob",%b}\n' % line
    assert read(HEADER, written, b'{"end":1}\n') == [Entry(2, Document("user", "bob", data))]


def test_blank_lines_do_not_matter() -> None:
    """An editor may have left one at the end."""
    assert read(HEADER, b"\n", b'{"end":0}\n', b"  \n") == []


@pytest.mark.parametrize(
    ("lines", "line", "reason"),
    [
        ((), 1, 'begins with no "cletus.store"'),
        ((b"\x1f\x8b\x08",), 1, 'begins with no "cletus.store"'),
        ((b'{"format":"other","version":1}\n',), 1, 'begins with no "cletus.store"'),
        (
            (b'{"format":"cletus.store","version":2,"cletus":"9.9"}\n',),
            1,
            "version 2 of the format",
        ),
        ((HEADER,), 0, "it was cut off"),
        ((HEADER, b'{"end":1}\n'), 2, "there should be 1 documents before it, and there are 0"),
        ((HEADER, b'{"end":0}\n', b'{"end":0}\n'), 3, "there is more after the end"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(
    lines: tuple[bytes, ...], line: int, reason: str
) -> None:
    """With the line, where there is one."""
    with pytest.raises(NotTransferable, match=reason) as caught:
        read(*lines)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"store":"user","data":{}}', "needs a store and a key"),
        (b'{"store":"user","key":"bob"}', 'needs one of "data", "text" and "base64"'),
        (b'{"store":"user","key":"bob","data":{},"text":""}', "needs one of"),
        (b'{"store":"user","key":"bob","data":{},"extra":1}', "unknown field `extra`"),
        (b'{"store":"user","key":"bob","base64":"%"}', "Invalid base64"),
        (b'{"store":"user","key":"bob","version":3,"data":{}}', "version 3 is not what the doc"),
        (b'{"store":"user","key":"b\xff","data":{}}', "utf-8"),
        (b'{"store":' + b"[" * 100_000, "Expected `str | null`"),
    ],
)
def test_a_line_that_makes_no_sense_does_not_hide_the_others(line: bytes, reason: str) -> None:
    """It is told with its number, and reading goes on."""
    good = b'{"store":"user","key":"amy","data":{}}\n'
    wrong, found = read(HEADER, line + b"\n", good, b'{"end":2}\n')
    assert isinstance(wrong, NotTransferable)
    assert wrong.line == 2
    assert reason.lower() in wrong.reason.lower()  # msgspec 0.23 says "UTF-8"
    assert found == Entry(3, Document("user", "amy", b"{}\n"))


def test_a_line_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the way out, and on the way in."""
    monkeypatch.setattr(transfer, "LINE_MAX", 100)
    with pytest.raises(NotTransferable, match="user 'bob' has more than 100 bytes"):
        document_line(Document("user", "bob", b"x" * 100))
    with pytest.raises(NotTransferable, match="line 2: it has more than 100 bytes"):
        read(HEADER, json.dumps({"store": "x" * 100}).encode())


def test_a_name_that_is_no_text_cannot_be_moved() -> None:
    """Files may have such names; they are told, not mangled."""
    with pytest.raises(NotTransferable, match="not UTF-8"):
        document_line(Document("user", "b\udcff", b"{}"))
