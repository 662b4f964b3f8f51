"""Staying signed in: tokens that a person's program keeps, in place of their password."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

from cletus.client.client import Client
from cletus.contrib.addresses import host_of
from cletus.storage import Field

#: How long a token is good for. Each login replaces it, so those who come within this time stay signed in.
LIFETIME = timedelta(days=30)

#: Devices that one account can stay signed in on; the oldest gives way.
TOKENS_MAX = 10

#: Characters of the name of a device that are kept.
DEVICE_MAX = 60


class TokensMixin:
    """Lets a user log in by a token. Only its digest is kept: it has 192 random bits, so it needs no salt.

    A token ends when it is used, after ``LIFETIME``, and with the password that it was issued under.

    Attributes:
        login_tokens: digest of a token to its facts: ``device``, ``issued`` and ``expires`` (ISO 8601),
            and ``password``, a digest of the password's hash.
    """

    password: Any
    login_tokens: Field[dict[str, dict[str, str]]] = Field(dict, secret=True)

    def issue_token(self, now: datetime, device: str = "") -> str:
        """Make a token; the caller saves.

        Args:
            now: the current time.
            device: what its owner knows the device by.

        Returns:
            The token, of 32 characters; it is not kept.
        """
        token = secrets.token_urlsafe(24)
        kept = {
            digest: facts for digest, facts in self.login_tokens.items() if self._holds(facts, now)
        }
        facts = {
            "device": device[:DEVICE_MAX],
            "issued": now.isoformat(),
            "expires": (now + LIFETIME).isoformat(),
            "password": _digest(self.password or ""),
        }
        kept[_digest(token)] = facts
        self.login_tokens = dict(list(kept.items())[-TOKENS_MAX:])
        return token

    def has_token(self, token: str, now: datetime) -> bool:
        """Whether somebody who shows this token may log in as this user."""
        facts = self.login_tokens.get(_digest(token))
        return facts is not None and self._holds(facts, now)

    def revoke_token(self, token: str) -> None:
        """This token is good for nothing from now on; the caller saves."""
        digest = _digest(token)
        self.login_tokens = {
            key: facts for key, facts in self.login_tokens.items() if key != digest
        }

    def _holds(self, facts: dict[str, str], now: datetime) -> bool:
        # One that ends later was issued while the machine's clock was ahead, by more than a day.
        latest = (now + LIFETIME + timedelta(days=1)).isoformat()
        is_current = now.isoformat() < facts.get("expires", "") <= latest
        return is_current and facts.get("password") == _digest(self.password or "")


def is_private(client: Client) -> bool:
    """Whether nobody can listen on the way to a client: it came over TLS, or from this machine."""
    if client.terminal.relayed:
        return False
    if client.terminal.tls:
        return True
    host = host_of(client.address)
    try:
        address = ip_address(host)
    except ValueError:
        return host.startswith("/")  # the path of a Unix socket
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
