"""Text to telnet bytes and back."""

from __future__ import annotations

import codecs
import encodings
from contextlib import suppress
from encodings.aliases import aliases

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.protocol.charset import Encoder, decode, telnet_encoder


@pytest.mark.parametrize(
    ("charset", "text", "data"),
    [
        ("utf-8", "hello\n", b"hello\r\n"),
        ("utf-8", "", b""),
        ("utf-8", "a\nb\n\n", b"a\r\nb\r\n\r\n"),
        ("utf-8", "a\r\nb", b"a\r\nb"),
        ("utf-8", "50%\r99%\n", b"50%\r\x0099%\r\n"),
        ("utf-8", "héllo ☕", "héllo ☕".encode()),
        ("utf-8", "\ud800!", b"?!"),
        ("latin-1", "ÿ", b"\xff\xff"),
        ("latin-1", "é☕", b"\xe9?"),
        ("cp437", "\xa0", b"\xff\xff"),
        ("ascii", "é", b"e"),
    ],
)
def test_what_goes_out(charset: str, text: str, data: bytes) -> None:
    """Line ends are CR LF, a byte 255 is doubled, and what the character set lacks becomes ASCII."""
    assert telnet_encoder(charset).encode(text) == data


def test_a_wire_that_is_not_telnet_takes_the_bytes_as_they_are() -> None:
    assert Encoder("latin-1", network=False).encode("ÿ\r\n\n") == b"\xff\r\n\n"


@pytest.mark.parametrize("spelling", ["utf-8", "UTF8", "utf_8", "U8"])
def test_encoders_are_shared(spelling: str) -> None:
    """One character set has one encoder, so that a broadcast can group by it."""
    assert telnet_encoder(spelling) is telnet_encoder()
    assert len({telnet_encoder(spelling), telnet_encoder()}) == 1
    assert telnet_encoder("latin-1") is not telnet_encoder()


@pytest.mark.parametrize("charset", ["no-such", "utf-16", "utf-7", "idna", "punycode", "base64"])
def test_what_telnet_cannot_carry_is_refused(charset: str) -> None:
    """A character set in which ASCII is not ASCII would break line ends and commands."""
    with pytest.raises(LookupError):
        telnet_encoder(charset)


def test_every_character_set_that_python_has_a_name_for_is_found() -> None:
    """By any of its names, such as windows-1252 and KOI8-U."""
    spellings = (
        *aliases,
        *aliases.values(),
        "windows-1252",
        "ISO-8859-15",
        "KOI8-U",
        "ISO_8859-1:1987",
    )
    for spelling in spellings:
        try:
            name = codecs.lookup(spelling).name
            carried = "".join(map(chr, range(128))).encode(name) == bytes(range(128))
        except (LookupError, UnicodeError):
            carried = False
        if carried:
            assert telnet_encoder(spelling).charset == name


@pytest.mark.parametrize("name", ["made-up-{}", "utf{}8", "latin{}1", "a.b.{}"])
def test_made_up_names_leave_nothing_behind(name: str) -> None:
    """Python remembers every spelling that it was ever asked for; peers must not be able to add to it."""
    telnet_encoder("utf-8"), telnet_encoder("latin-1")
    before = len(encodings._cache)  # type: ignore[attr-defined]  # the very thing that would grow
    for number in range(50):
        with suppress(LookupError):
            telnet_encoder(name.format("-" * number))
        with suppress(LookupError):
            telnet_encoder(name.format(number))
    assert len(encodings._cache) <= before + 1  # type: ignore[attr-defined]  # as above


def test_a_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(LookupError, match="unknown character set"):
        telnet_encoder("utf" + "-" * 8000 + "8")


@given(st.text(), st.sampled_from(["utf-8", "latin-1", "cp437", "ascii", "cp1252"]))
def test_no_text_can_become_a_telnet_command(text: str, charset: str) -> None:
    """In any text, every byte 255 is doubled, and every CR is followed by LF or NUL."""
    data = telnet_encoder(charset).encode(text)
    assert b"\xff" not in data.replace(b"\xff\xff", b"")
    assert b"\r" not in data.replace(b"\r\n", b"").replace(b"\r\0", b"")
    assert b"\n" not in data.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"hello", "hello"),
        (b"", ""),
        ("héllo ☕ wörld".encode(), "héllo ☕ wörld"),
        (b"h\xe9llo", "héllo"),
        (b"\x93quoted\x94 for 5 \x80", "“quoted” for 5 €"),
        (b"\x81", "\ufffd"),
        (b"\xff", "ÿ"),
        (b"\xc0\xaf overlong", "À¯ overlong"),
        (b"\xed\xa0\x80", "í\xa0€"),
    ],
)
def test_a_client_that_has_not_named_its_character_set(line: bytes, text: str) -> None:
    """A line that is valid UTF-8 is UTF-8; any other line is cp1252 as a whole."""
    assert decode(line) == text


def test_a_client_that_has_named_its_character_set() -> None:
    assert decode(b"h\xe9llo", "utf-8", negotiated=True) == "h\ufffdllo"
    assert decode(b"h\x82llo", "cp437", negotiated=True) == "héllo"


@pytest.mark.parametrize("size", range(1, 8))
def test_a_line_cut_inside_a_character_is_still_utf_8(size: int) -> None:
    """The cut costs one character, and does not make the whole line cp1252."""
    whole = "é☕𝄞".encode()
    assert "é☕𝄞".startswith(decode(whole[:size], cut=True))


def test_a_cut_line_that_was_never_utf_8_is_cp1252() -> None:
    assert decode(b"caf\xe9 au lait", cut=True) == "café au lait"


@given(st.binary(), st.booleans(), st.booleans())
def test_no_bytes_raise(line: bytes, negotiated: bool, cut: bool) -> None:
    decode(line, negotiated=negotiated, cut=cut)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("Łódź, \u201cZażółć\u201d \u2014 gęślą\u2026", b'Lodz, "Zazolc" - gesla...'),
        ("\u250c\u2500\u2500\u2510 \u2502 \u2022 \u2192 \ufb01", b"+--+ | * -> fi"),
        ("\u2615 \u4e16", b"? ?"),
        ("e\u0301", b"e"),
    ],
)
def test_outside_unicode_the_nearest_ascii_is_sent(text: str, data: bytes) -> None:
    assert telnet_encoder("ascii").encode(text) == data
