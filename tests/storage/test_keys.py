"""What can be a key, and what becomes of it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cletus.errors import InvalidKey
from cletus.storage.keys import MAX_BYTES, normalise


@pytest.mark.parametrize(
    ("key", "normal"),
    [
        ("bob", "bob"),
        ("BOB", "bob"),
        ("Bob_the-2nd", "bob_the-2nd"),
        ("ÅSA", "åsa"),
        ("A\u030asa", "åsa"),
        ("Ὀδυσσεύς", "ὀδυσσεύσ"),
        ("Straße", "strasse"),
        ("STRASSE", "strasse"),
        ("İstanbul", "istanbul"),
        ("I\u0307x", "ix"),
        ("\u017fam", "sam"),
        ("\uab70", "\uab70"),
        ("\u13a0", "\uab70"),
        ("太郎", "太郎"),
        ("٣", "٣"),
        ("-", "-"),
        ("CON", "con"),
    ],
)
def test_a_key_is_lower_case_and_composed(key: str, normal: str) -> None:
    """Letters of any script are letters; one name has one form."""
    assert normalise(key) == normal


@pytest.mark.parametrize(
    "key",
    [
        *(
            "",
            " ",
            "a b",
            "a/b",
            "../x",
            ".",
            "a.json",
            "a\0",
            "a\n",
            "\n",
            "a\\b",
            "½",
            "²",
            "a\u200b",
        ),
        *("\u3164", "e\u20dd", "🙂", "a" * 121, "é" * 61, "\ud800"),
    ],
)
def test_what_cannot_be_a_key_is_refused(key: str) -> None:
    """The error names the key."""
    with pytest.raises(InvalidKey, match="cannot be a key: ") as caught:
        normalise(key)
    assert caught.value.key == key


@pytest.mark.parametrize("key", [None, 5, b"bob", ["bob"]])
def test_a_key_is_a_text(key: object) -> None:
    """Anything else is refused, and nothing is converted."""
    with pytest.raises(InvalidKey, match="a key is a str, not"):
        normalise(key)  # type: ignore[arg-type]  # that is what is tested


def test_an_invalid_key_is_a_value_error() -> None:
    """Code that knows nothing of Cletus may catch what Python raises for a bad value."""
    with pytest.raises(ValueError, match="empty"):
        normalise("")


@settings(deadline=None)
@given(st.text() | st.from_regex(r"\w{1,130}"))
@example("ΑΣ")
@example("ǅ")
def test_a_key_is_refused_or_stable(key: str) -> None:
    """What is accepted is one name for good: lower, composed, short, and fit for a file name."""
    try:
        normal = normalise(key)
    except InvalidKey:
        return
    assert normalise(normal) == normal == normal.lower() == unicodedata.normalize("NFC", normal)
    assert 0 < len(normal.encode()) <= MAX_BYTES
    assert not set(normal) & set("/\\.\0 \n")
    plain = key.replace("\u0130", "i")  # its lower case is two characters; a key has one
    assert normalise(plain.upper().lower()) == normalise(normal.upper().lower())


def test_keys_are_one_where_file_systems_fold_case() -> None:
    """No two keys are two files here and one file on APFS, NTFS or exFAT."""
    keys: dict[str, str] = {}
    for number in range(0x110000):
        try:
            key = normalise(chr(number))
        except InvalidKey:
            continue
        folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", key).casefold())
        assert keys.setdefault(folded, key) == key
