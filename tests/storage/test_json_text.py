"""``cletus/storage/json_text.py``: lines and duplicate keys of texts that people have edited."""

from __future__ import annotations

import msgspec
import pytest

from cletus.storage.json_text import duplicate_key, has_duplicate_keys, line_of, line_of_error


def test_the_line_of_a_field() -> None:
    """Of the outermost object alone: a field may have one of the same name inside."""
    text = b'{\n  "b": {"a": 1},\n  "a": 2,\n  "d": [\n\n],  "c" : 3\n}'
    assert [line_of(text, name) for name in "abcx"] == [3, 2, 6, 0]
    assert line_of(b'{\n  "a": {\n    "c": 1\n  },\n  "c": 3}', "c") == 5
    assert line_of(b'{"x": 1, "a": 2}', "a") == 1


@pytest.mark.parametrize(
    ("path", "line"),
    [("", 2), ("['sword']", 3), ("['sword'].level", 4), ("['sword'].sizes[1]", 7), ("['no']", 2)],
)
def test_the_line_inside_of_a_value(path: str, line: int) -> None:
    """As deep as the path leads."""
    text = b"""{
 "gear": {
  "sword": {
   "level": 1,
   "sizes": [
    1,
    {}
   ]
  }
 }
}"""
    assert line_of(text, "gear", path) == line


@pytest.mark.parametrize(
    ("text", "duplicate"),
    [
        (b'{"a": 1, "a": 2}', ("a", 1, 1)),
        (b'{"a": 1,\n "b": {"a" : 1,\n\n "a": 1}}', ("a", 4, 2)),
        (b'{"a": [{"b": 1}, {"b": 1,\n"b": 2}]}', ("b", 2, 1)),
        (b'{"\\u0061": 1, "a": 2}', ("a", 1, 1)),
        (b'{"a": 1, "b": [{"a": 1}, {"a": 1}], "c": {}}', None),
        (b'{"a" :1,"a":2}', ("a", 1, 1)),
        (b'{"a"\n\t:1,"a":2}', ("a", 2, 1)),
        (b'{"b": {"a" :1,"a":2}}', ("a", 1, 1)),
        (b'{"a": "smile :)", "b": {"c": 1}}', None),
        (b'{"a": "x\\u0022:", "a" :1, "b": 1e3}', ("a", 1, 1)),
        (b'{"a": 1e3, "b": "\\u0061"}', None),
        (b'{"a": "\\"b\\": 1, \\"b\\": 2", "c": []}', None),
    ],
)
def test_duplicate_keys_are_seen(text: bytes, duplicate: tuple[str, int, int] | None) -> None:
    """In whichever object; a text in quotes that looks like a key is not one."""
    assert has_duplicate_keys(text, msgspec.json.decode(text)) is (duplicate is not None)
    assert duplicate_key(text) == duplicate


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b'{\n"a": 1,\n}', 2),
        (b'{\n"a": 1,\n"b": "\\ud83d",\n"c": 2}', 3),
        (b'{\n"a": "\xe9",\n"c": 2}', 2),
        (b'{\n"a": 1e400,\n"c": 2}', 2),
        (b'{\n"a": 1,\n"c": [2,\n\n', 5),
        (b'{\n"a": NaN\n}', 2),
        (b"", 1),
        (b'{"a":\n' + b"[" * 100_000 + b"\n" + b"]" * 100_000, 2),
    ],
)
def test_the_line_of_an_error(text: bytes, line: int) -> None:
    """Also of errors for which the decoder tells no position."""
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError, RecursionError)) as caught:
        msgspec.json.decode(text)
    assert line_of_error(text, caught.value) == line


def test_a_text_that_is_nested_without_end_is_not_read_to_its_end() -> None:
    """A damaged file of a megabyte held everybody up for two seconds."""
    assert line_of_error(b"[\n" * 3000, RecursionError()) == 1000
    assert line_of_error(b"[\n" * 30 + b"\n" * 9, RecursionError()) == 30
