"""The key by which people recognise this service: a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.conch.ssh.keys import Key

from cletus.errors import HostKeyError

NAME: Final = ".ssh_host_ed25519_key"
"""The file in the store folder. No store can have a name that begins with a dot."""

_SIZE_MAX: Final = 64 * 1024


def host_key(path: Path | None, *, create: bool) -> Any:
    """Read the host key.

    Args:
        path: of a private key in a format of OpenSSH's or PEM, without a passphrase; ``None`` for a key
            that lasts as long as the process.
        create: whether a file that does not exist is created, with an ed25519 key.

    Returns:
        conch's ``Key``.

    Raises:
        HostKeyError: it cannot be read or created, others can read it, or it is not a private key.
    """
    if path is None:
        return _key_of(_new_key(), "the SSH host key")
    try:
        if create:
            _create(path)
        data = _read(path)
    except OSError as error:
        raise HostKeyError(str(path), error.strerror or str(error)) from error
    return _key_of(data, str(path))


def _create(path: Path) -> None:
    """Create the file unless it exists. It never exists half written, nor readable for others."""
    if path.exists():
        return
    path.parent.mkdir(0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_new_key())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was faster, and its key is the key
            os.link(temporary, path)
    finally:
        temporary.unlink()


def _read(path: Path) -> bytes:
    """The bytes of the file.

    Raises:
        HostKeyError: others can read it.
        OSError: it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise HostKeyError(str(path), "it is not a file")
        if status.st_mode & 0o077:
            raise HostKeyError(
                str(path), f"others can read it; say chmod 600 {path}, or delete it for a new key"
            )
        return file.read(_SIZE_MAX)


def _new_key() -> bytes:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def _key_of(data: bytes, name: str) -> Any:
    try:
        key: Any = Key.fromString(data)
        is_public = key.isPublic()
    except Exception as error:  # conch raises what its parsers raise
        raise HostKeyError(name, "it is not a private key without a passphrase") from error
    if is_public:
        raise HostKeyError(name, "it is a public key; the private one is needed")
    return key
