"""Passwords: stored as argon2id hashes, hashed in a thread so that nobody else waits."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from twisted.internet.defer import Deferred, DeferredSemaphore

from cletus.storage import Field

#: OWASP password storage cheat sheet: argon2id with 19 MiB, two passes, one lane.
HASHER = PasswordHasher(memory_cost=19456, time_cost=2, parallelism=1)

#: Hashes at once, all services of this process together: each takes 19 MiB and a core.
HASHES_AT_ONCE = 2


@cache
def _turnstile() -> DeferredSemaphore:
    return DeferredSemaphore(HASHES_AT_ONCE)


class PasswordMixin:
    """Gives a store a password. Only its hash is ever kept."""

    service: ClassVar[Any]
    password: Field[str | None] = Field(type=str)

    def set_password(self, password: str) -> Deferred[None]:
        """Replace the password; fires when its hash is in the field. Saving is the caller's.

        Args:
            password: in clear; it is not kept.
        """

        def keep(hashed: str) -> None:
            self.password = hashed

        return self._in_turn(HASHER.hash, password).addCallback(keep)

    def check_password(self, password: str) -> Deferred[bool]:
        """Whether this is the password; fires with the answer.

        Someone without a password has none that fits. It takes as long as for all others, so that
        the time tells nobody who has one.
        """
        return self._in_turn(_fits, self.password, password)

    def _in_turn(self, call: Any, *args: Any) -> Deferred[Any]:
        turnstile: Deferred[Any] = _turnstile().run(self.service.in_thread, call, *args)
        return turnstile


@cache
def _nobody() -> str:
    return HASHER.hash("nobody has this password")


def _fits(hashed: str | None, password: str) -> bool:
    try:
        HASHER.verify(hashed or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return hashed is not None
