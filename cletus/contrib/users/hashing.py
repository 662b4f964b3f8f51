"""Hashing passwords: in threads, a few at a time, with no more waiting than can be served.

A hash is meant to take long, and takes 19 MiB. It is made in one of the reactor's threads, so that
nobody waits for somebody else's login; ``AT_ONCE`` are made at a time, so that logins leave threads
and cores to others; and past ``WAITING_MAX`` nothing is queued, so that a flood of logins costs a
refusal each and no memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from twisted.internet.defer import Deferred, DeferredSemaphore

from cletus.errors import PasswordsBusy

#: OWASP password storage cheat sheet: argon2id with 19 MiB, two passes, one lane.
HASHER = PasswordHasher(memory_cost=19456, time_cost=2, parallelism=1)

#: Hashes at once, all services of this process together: each takes 19 MiB and a core, and one core
#: is left to the reactor.
AT_ONCE = min(4, max(1, (os.cpu_count() or 1) - 1))

#: Hashes that may wait for their turn, at some 30 ms each. Our choice.
WAITING_MAX = 100


class HasThreads(Protocol):
    """What is needed of a service."""

    def run_in_thread(self, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Call this in a thread."""


def hash_password(service: HasThreads, password: str) -> Deferred[str]:
    """The hash that is kept of a password.

    Raises:
        PasswordsBusy: through the Deferred: too many wait already.
    """
    return _in_turn(service, HASHER.hash, password)


def verify(service: HasThreads, hashed: str | None, password: str) -> Deferred[bool]:
    """Whether a password is the one of this hash.

    It takes as long for somebody who has no password (``None``) as for all others, so that the time
    does not tell who has one, nor which names there are.

    Raises:
        PasswordsBusy: through the Deferred: too many wait already.
    """
    return _in_turn(service, _fits, hashed, password)


def is_outdated(hashed: str) -> bool:
    """Whether a hash was made with other parameters than those of today."""
    try:
        return HASHER.check_needs_rehash(hashed)
    except InvalidHashError:
        return True


def _in_turn(service: HasThreads, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
    """Call it when it is its turn. Whoever stops waiting does not shorten anybody's turn."""
    answer: Deferred[Any] = Deferred()
    turnstile = _turnstile()
    if not turnstile.tokens and len(turnstile.waiting) >= WAITING_MAX:
        answer.errback(PasswordsBusy("Many people are logging in just now. Try again shortly."))
        return answer

    def tell(result: Any) -> None:
        if not answer.called:
            answer.callback(result)

    turnstile.run(service.run_in_thread, call, *args).addBoth(tell)
    return answer


@cache
def _turnstile() -> DeferredSemaphore:
    return DeferredSemaphore(AT_ONCE)


@cache
def _nobody(_: PasswordHasher) -> str:
    """A hash by today's parameters which nobody's password fits."""
    return HASHER.hash("nobody has this password")


def _fits(hashed: str | None, password: str) -> bool:
    nobody = _nobody(
        HASHER
    )  # also for those with a password: it is made once, and shows in no time
    try:
        HASHER.verify(nobody if hashed is None else hashed, password)
    except (VerificationError, InvalidHashError):
        return False
    return hashed is not None
