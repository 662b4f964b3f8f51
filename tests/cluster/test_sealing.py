"""Sealing: who has no key can neither read nor forge, nor put anything elsewhere or back."""

from __future__ import annotations

import base64
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from cletus.cluster.sealing import AesSeal, NoSeal, key_of
from cletus.errors import SealBroken, SettingError

KEY = bytes(range(32))


@given(data=st.binary(max_size=200), name=st.text(max_size=20).filter(str.isprintable))
def test_who_has_the_key_opens_it(data: bytes, name: str) -> None:
    """Any process, any number of times; it is 41 bytes longer."""
    sealed = AesSeal(KEY).seal(name, data)
    other = AesSeal(KEY)
    assert other.unseal(name, sealed) == other.unseal(name, sealed) == data
    assert len(sealed) == len(data) + 41


def test_the_format_is_as_written() -> None:
    """By the standards alone."""
    sealed = AesSeal(KEY).seal("a name", b"data")
    version, incarnation, counter, rest = sealed[:1], sealed[1:17], sealed[17:25], sealed[25:]
    assert version == b"\x01"
    assert counter == bytes(7) + b"\x01"
    key = HKDF(SHA256(), 32, incarnation, b"cletus cluster seal").derive(KEY)
    assert AESGCM(key).decrypt(bytes(4) + counter, rest, sealed[:25] + b"a name") == b"data"


def test_no_two_have_the_same_nonce_and_key() -> None:
    """A thousand of one process, and those of two processes."""
    seals = [AesSeal(KEY) for _ in range(2)]
    heads = {seal.seal("n", b"same")[:25] for seal in seals for _ in range(1000)}
    assert len(heads) == 2000


@given(position=st.integers(0, 44), flip=st.integers(1, 255))
def test_a_byte_that_was_changed_breaks_it(position: int, flip: int) -> None:
    sealed = bytearray(AesSeal(KEY).seal("name", b"data"))
    sealed[position] ^= flip
    with pytest.raises(SealBroken, match="name: not sealed with our cluster_key"):
        AesSeal(KEY).unseal("name", bytes(sealed))


@given(data=st.binary(max_size=100))
def test_whatever_a_stranger_sends_is_refused(data: bytes) -> None:
    with pytest.raises(SealBroken):
        AesSeal(KEY).unseal("name", data)


def test_another_key_or_name_is_refused() -> None:
    sealed = AesSeal(KEY).seal("name", b"data")
    with pytest.raises(SealBroken):
        AesSeal(os.urandom(32)).unseal("name", sealed)
    with pytest.raises(SealBroken):
        AesSeal(KEY).unseal("other", sealed)


def test_what_is_to_come_once_comes_once() -> None:
    """And not after what was sealed later, whether or not that was its first time; each name and process apart."""
    ann, bob, reader = AesSeal(KEY), AesSeal(KEY), AesSeal(KEY)
    first, second, third = (ann.seal("n", data) for data in (b"1", b"2", b"3"))
    assert reader.unseal("n", first, once=True) == b"1"
    assert reader.unseal("n", third, once=True) == b"3"
    for late in (first, second, third):
        with pytest.raises(SealBroken):
            reader.unseal("n", late, once=True)
    assert reader.unseal("n", second) == b"2"
    assert reader.unseal("n", bob.seal("n", b"4"), once=True) == b"4"
    assert reader.unseal("m", ann.seal("m", b"5"), once=True) == b"5"


def test_a_forged_counter_blocks_nobody() -> None:
    """It is believed only when it was opened."""
    ann, reader = AesSeal(KEY), AesSeal(KEY)
    sealed = ann.seal("n", b"1")
    forged = sealed[:17] + b"\xff" * 8 + sealed[25:]
    with pytest.raises(SealBroken):
        reader.unseal("n", forged, once=True)
    assert reader.unseal("n", sealed, once=True) == b"1"


def test_what_is_remembered_of_others_is_bounded() -> None:
    """Also of those who are none: who has no key takes no room."""
    reader = AesSeal(KEY)
    friend = AesSeal(KEY)
    assert reader.unseal("n", friend.seal("n", b"1"), once=True) == b"1"
    for _ in range(1500):
        with pytest.raises(SealBroken):
            reader.unseal("n", b"\x01" + os.urandom(44), once=True)
    for _ in range(1100):
        reader.unseal("n", AesSeal(KEY).seal("n", b""), once=True)
        reader.unseal("n", friend.seal("n", b"2"), once=True)
    assert reader.remembered == (1000, 1000)


def test_hidden_names_are_the_same_for_all_who_have_the_key() -> None:
    ann, bob = AesSeal(KEY), AesSeal(KEY)
    assert ann.hide("user/ann") == bob.hide("user/ann") != ann.hide("user/bob")
    assert "ann" not in ann.hide("user/ann")
    assert ann.hide("user/ann") != AesSeal(bytes(32)).hide("user/ann")


def test_without_a_key_all_is_as_it_is() -> None:
    seal = NoSeal()
    assert seal.unseal("n", seal.seal("n", b"data"), once=True) == b"data"
    assert seal.hide("name") == "name"


def test_the_key_is_32_bytes_in_base64() -> None:
    assert key_of(base64.b64encode(KEY).decode()) == KEY


@pytest.mark.parametrize(
    "text", ["", "x", "ä", base64.b64encode(bytes(31)).decode(), "A" * 44 + "!"]
)
def test_another_key_is_an_error_that_says_how_to_create_one(text: str) -> None:
    with pytest.raises(SettingError, match="create one by: python3 -c") as caught:
        key_of(text)
    assert not text or f"'{text}'" not in str(caught.value)
