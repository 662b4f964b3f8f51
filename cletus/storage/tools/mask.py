"""Mask secrets in documents that are shown to people.

Fields with ``Field(secret=True)`` are secret. For data that no class declares (of another version of
the code, of a store that is gone) it is guessed: from a name such as ``password`` or ``api_token``, or
from a text that is the hash of a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cletus.errors import SECRET

if TYPE_CHECKING:
    from cletus.storage.store import Store

_LIKELY_NAME = re.compile(r"passw|passphrase|secret|token|api_?key|hash", re.IGNORECASE)
_HASH = re.compile(r"\$(argon2\w*|2[abxy]|scrypt|pbkdf2[\w-]*|[156y])\$")
"""How the hashes of passwords begin, in the modular crypt format."""


def masked(data: dict[str, Any], store_cls: type[Store] | None) -> tuple[dict[str, Any], list[str]]:
    """The data with ``***`` for what is secret, and the names of what that was.

    Args:
        data: of a document; it is left as it is.
        store_cls: the class that it is of, or ``None`` if the code has none.
    """
    fields: Mapping[str, Any] = {} if store_cls is None else store_cls.fields
    secret = {
        name
        for field_name, field in fields.items()
        if getattr(field, "secret", False)
        for name in (field_name, *getattr(field, "renamed_from", ()))
    }
    shown = {
        name: SECRET
        if value is not None and name in secret
        else _masked(name, value, declared=name in fields)
        for name, value in data.items()
    }
    return shown, [name for name in data if shown[name] != data[name]]


def _masked(name: str, value: Any, *, declared: bool) -> Any:
    if isinstance(value, str) and _HASH.match(value):
        return SECRET
    if isinstance(value, dict):
        return {key: _masked(key, part, declared=declared) for key, part in value.items()}
    if isinstance(value, list):
        return [_masked(name, part, declared=declared) for part in value]
    if not declared and isinstance(value, (str, int, float)) and _LIKELY_NAME.search(name):
        return SECRET
    return value
