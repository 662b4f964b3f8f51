"""By which a page that comes back is recognised at another gateway of a cluster."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

_DOMAIN: Final = b"cletus ticket of a page\0"


def ticket_of(secret: str) -> bytes:
    """The ticket of a session: a digest of its secret, from which nobody can learn that.

    It is not the digest by which a door finds its own sessions.

    Args:
        secret: random, of at least 128 bits, so that it needs no slow hash.
    """
    return hashlib.sha256(_DOMAIN + secret.encode()).digest()


@dataclass(frozen=True, slots=True)
class Ticket:
    """That of one session of a page.

    Attributes:
        digest: of its secret.
        former: of the secret that it came with, if it was at another gateway before.
    """

    digest: bytes
    former: bytes = b""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A page that was at another gateway is known, and waited for.

    Attributes:
        lines: how many of the lines that it has sent there have come.
        lost: whether something that was sent to it could not be kept.
    """

    lines: int
    lost: bool
