"""Public keys on an account: who holds the private one logs in by SSH without a password.

They are checked without any library for SSH, so that an account works wherever it is loaded.
"""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from binascii import Error
from hashlib import sha256
from typing import Any, Final

from cletus.client.dialogue import Dialogue, step
from cletus.contrib.saving import save_for
from cletus.contrib.users.confirm_password import QUESTION, confirm_password
from cletus.errors import Refused
from cletus.logs.audit import audit
from cletus.storage import Field
from cletus.text import gettext as _

KEYS_MAX: Final = 10
"""Keys of one account. Our choice."""

COMMENT_MAX: Final = 40
"""Characters of the comment behind a key that are kept."""

RSA_BITS_MIN: Final = 2048

#: The types of keys that are taken, and how many strings and numbers a key of that type has.
_PARTS: Final = {
    "ssh-ed25519": 2,
    "sk-ssh-ed25519@openssh.com": 3,
    "ecdsa-sha2-nistp256": 3,
    "ecdsa-sha2-nistp384": 3,
    "ecdsa-sha2-nistp521": 3,
    "sk-ecdsa-sha2-nistp256@openssh.com": 4,
    "ssh-rsa": 3,
}

_SIZE_MAX: Final = 2200  # bytes: RSA with 16,384 bits

_HOW: Final = _("Say add and the line of your public key: add ssh-ed25519 AAAA... me@home")


class KeysMixin:
    """Gives a user SSH keys.

    Attributes:
        ssh_keys: public keys, each as OpenSSH writes it: type, key in base64, comment.
    """

    ssh_keys: Field[list[str]] = Field(list)

    def has_ssh_key(self, key: str) -> bool:
        """Whether this key is one of theirs; its comment does not matter."""
        return _without_comment(key) in map(_without_comment, self.ssh_keys)


class AddKey(Dialogue):
    """Asks the user of its client for their password, and adds a key to their account.

    A key opens the account for as long as it is there, so it is not added at a terminal that somebody else
    has found. Its result is whether the key was added.

    Attributes:
        ssh_key: as ``check_key`` returns it.
    """

    ssh_key: Field[str] = Field("")

    def begin(self) -> Any:
        """Say which key it is."""
        self.client.write(_("To add {fingerprint}:", fingerprint=fingerprint(self.ssh_key)))
        return self.ask_password

    @step(QUESTION, hidden=True)
    async def ask_password(self, line: str) -> Any:
        """Their password."""
        client, user = self.client, self.client.user
        if user is None or not await confirm_password(client, line, _("The key was not added.")):
            return self.done(False)
        client.write(*_add(user, self.ssh_key))
        return self.done(await save_for(user, user))


def edit_keys(user: Any, text: str) -> list[str]:
    """What a command ``keys`` does: list a user's keys, add one, or remove one.

    Who is connected and has a password is asked for it before a key is added (``AddKey``).

    Args:
        user: with ``KeysMixin``; the caller saves them.
        text: empty; ``add`` and a key; or ``remove`` and a number.

    Returns:
        lines for the user; none if they are asked for their password.

    Raises:
        Refused: it is not a key that can be used, or there is no such key.
    """
    action, _space, rest = text.strip().partition(" ")
    if action == "add":
        key = check_key(rest)
        _check_room(user, key)
        client = getattr(user, "client", None)
        if client is None or user.password is None:
            return _add(user, key)
        client.start_dialogue(AddKey(ssh_key=key))
        return []
    if action == "remove":
        if not rest.strip().isascii() or not rest.strip().isdigit():
            raise Refused(_("Say remove and the number of the key: remove 1"))
        number = int(rest.strip()[:4])
        if not 1 <= number <= len(user.ssh_keys):
            raise Refused(_("There is no key of that number."))
        key = user.ssh_keys.pop(number - 1)
        audit("SSH key removed", user.key, outcome=fingerprint(key))
        return [_("Removed {fingerprint}.", fingerprint=fingerprint(key))]
    if action:
        raise Refused(_("{how}\nOr remove and its number: remove 1", how=_HOW))
    if not user.ssh_keys:
        return [_("You have no SSH keys."), _HOW]
    return [f"{number}. {_shown(key)}" for number, key in enumerate(user.ssh_keys, 1)]


def _check_room(user: Any, key: str) -> None:
    if user.has_ssh_key(key):
        raise Refused(_("You have that key already."))
    if len(user.ssh_keys) >= KEYS_MAX:
        raise Refused(
            _("You can have at most {keys_max} keys. Remove one first.", keys_max=KEYS_MAX)
        )


def _add(user: Any, key: str) -> list[str]:
    _check_room(user, key)
    user.ssh_keys.append(key)
    audit("SSH key added", user.key, outcome=fingerprint(key))
    return [
        _(
            "Added {fingerprint}. With it you log in by SSH without your password.",
            fingerprint=fingerprint(key),
        )
    ]


def check_key(text: str) -> str:
    """Check a public key that somebody has typed, and return it as it is kept.

    Args:
        text: a line as in ``~/.ssh/id_ed25519.pub``.

    Raises:
        Refused: with the reason.
    """
    name, encoded, *comment = [*text.split(None, 2), "", ""][:3]
    if "PRIVATE" in text:
        raise Refused(_("That is a private key! Keep it to yourself; the public one ends in .pub."))
    if name not in _PARTS:
        known = ", ".join(name for name in _PARTS if "@" not in name)
        raise Refused(
            _(
                "That is not a public key that can be used. Known types: {known}.\n{how}",
                known=known,
                how=_HOW,
            )
        )
    try:
        blob = b64decode(encoded, validate=True)
    except (Error, ValueError):
        raise Refused(_("That key is damaged. Is it all on one line?")) from None
    parts = _strings(blob)
    if len(blob) > _SIZE_MAX or len(parts) != _PARTS[name] or parts[0] != name.encode():
        raise Refused(_("That key is damaged. Is it all on one line?"))
    if name == "ssh-rsa" and int.from_bytes(parts[2]).bit_length() < RSA_BITS_MIN:
        raise Refused(
            _("That RSA key is too short: it needs {rsa_bits_min} bits.", rsa_bits_min=RSA_BITS_MIN)
        )
    kept = f"{name} {b64encode(blob).decode()}"
    return f"{kept} {comment[0][:COMMENT_MAX]}".strip() if comment else kept


def fingerprint(key: str) -> str:
    """The fingerprint of a key, as ``ssh-keygen -l`` shows it: ``SHA256:...``."""
    blob = b64decode(key.split()[1])
    return f"SHA256:{b64encode(sha256(blob).digest()).decode().rstrip('=')}"


def _strings(blob: bytes) -> list[bytes]:
    """The strings and numbers of a key (RFC 4251, section 5); none if it is cut or has more."""
    parts = []
    while blob:
        (size,) = struct.unpack(">L", blob[:4]) if len(blob) >= 4 else (len(blob),)
        if len(blob) < 4 + size:
            return []
        parts.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    return parts


def _without_comment(key: str) -> tuple[str, ...]:
    return tuple(key.split()[:2])


def _shown(key: str) -> str:
    name, _type, *comment = key.split(None, 2)
    return " ".join((name, fingerprint(key), *comment))
