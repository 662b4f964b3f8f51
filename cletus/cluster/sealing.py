"""What crosses the bus is sealed: without the key it can be neither read nor forged.

Each process has a key of its own, which HKDF (RFC 5869) derives from ``cluster_key`` and the process's
incarnation, 16 random bytes. A message is sealed by AES-256-GCM; its nonce is a counter, so that no two
messages of a process have the same. The name of its key in the engine is authenticated with it, so
that it is refused under another.

    version (1 byte), incarnation (16), counter (8, big-endian), ciphertext with its tag
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections import OrderedDict
from typing import Final, Protocol, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cletus.errors import SealBroken, SettingError

KEY_SIZE: Final = 32
_VERSION: Final = b"\x01"
_INCARNATION: Final = 16
_COUNTER: Final = 8
_HEAD: Final = len(_VERSION) + _INCARNATION + _COUNTER
_TAG: Final = 16

#: How many other processes' keys are kept, and how many of their counters. Our choice: more than a cluster has.
_OTHERS: Final = 1000

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def key_of(text: str) -> bytes:
    """The key that the setting ``cluster_key`` has in base64.

    Raises:
        SettingError: it is not 32 bytes in base64.
    """
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_SIZE:
        command = f"python3 -c 'import base64, os; print(base64.b64encode(os.urandom({KEY_SIZE})).decode())'"
        raise SettingError(
            "cluster_key", f"is not {KEY_SIZE} bytes in base64; create one by: {command}"
        )
    return key


class Seal(Protocol):
    """Seals what one process sends, and opens what others have sealed."""

    def seal(self, name: str, data: bytes) -> bytes:
        """Seal data for the key of this name."""

    def unseal(self, name: str, data: bytes, *, once: bool = False) -> bytes:
        """The data.

        Args:
            name: of the key that it was found under.
            data: as ``seal()`` has returned it.
            once: refuse what this process has sealed before another message that was opened ``once``.

        Raises:
            SealBroken: it was sealed with another key or for another name, was changed, or was put back.
        """

    def hide(self, name: str) -> str:
        """A name that tells nothing, the same for each process that has the key."""


class AesSeal:
    """With a key. It fulfils ``Seal``.

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._incarnation = os.urandom(_INCARNATION)
        self._cipher = self._cipher_of(self._incarnation)
        self._names = _derived(key, b"", b"cletus cluster names")
        self._counter = 0
        self._others: OrderedDict[bytes, AESGCM] = OrderedDict()
        self._last: OrderedDict[tuple[str, bytes], int] = OrderedDict()

    @property
    def remembered(self) -> tuple[int, int]:
        """How many keys, and how many counters, of other processes are remembered."""
        return len(self._others), len(self._last)

    def seal(self, name: str, data: bytes) -> bytes:
        """As in ``Seal``."""
        self._counter += 1
        counter = self._counter.to_bytes(_COUNTER, "big")
        head = _VERSION + self._incarnation + counter
        return head + self._cipher.encrypt(_nonce(counter), data, head + name.encode())

    def unseal(self, name: str, data: bytes, *, once: bool = False) -> bytes:
        """As in ``Seal``."""
        if len(data) < _HEAD + _TAG or not data.startswith(_VERSION):
            raise SealBroken(name)
        head = data[:_HEAD]
        incarnation, counter = head[1 : 1 + _INCARNATION], head[-_COUNTER:]
        number, sender = int.from_bytes(counter, "big"), (name, incarnation)
        if once and number <= self._last.get(sender, 0):
            raise SealBroken(name)
        try:
            cipher = self._others.get(incarnation) or self._cipher_of(incarnation)
            opened = cipher.decrypt(_nonce(counter), data[_HEAD:], head + name.encode())
        except InvalidTag:
            raise SealBroken(name) from None
        _remember(
            self._others, incarnation, cipher
        )  # only now: a forger's would drive out the others
        if once:
            _remember(self._last, sender, number)
        return opened

    def hide(self, name: str) -> str:
        """As in ``Seal``."""
        digest = hmac.digest(self._names, name.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:18]).decode()

    def _cipher_of(self, incarnation: bytes) -> AESGCM:
        return AESGCM(_derived(self._key, incarnation, b"cletus cluster seal"))


class NoSeal:
    """Without a key, for an engine on the same machine. It fulfils ``Seal``."""

    def seal(self, name: str, data: bytes) -> bytes:
        """The data as it is."""
        return data

    def unseal(self, name: str, data: bytes, *, once: bool = False) -> bytes:
        """The data as it is."""
        return data

    def hide(self, name: str) -> str:
        """The name as it is."""
        return name


def _derived(key: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=salt, info=purpose).derive(key)


def _nonce(counter: bytes) -> bytes:
    return bytes(12 - _COUNTER) + counter


def _remember(values: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Set a value; those that were used longest ago are forgotten."""
    values[key] = value
    values.move_to_end(key)
    while len(values) > _OTHERS:
        values.popitem(last=False)
