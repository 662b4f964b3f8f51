"""Hash passwords in threads, a few at a time, with a bounded queue.

A hash takes tens of milliseconds and 19 MiB on purpose. It is computed in one of the reactor's
threads, so that nobody waits for another person's login; at most ``AT_ONCE`` run at a time, so that
logins leave threads and cores to others; and at most ``WAITING_MAX`` are queued, so that a flood of
logins takes no memory.
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

#: Hashes at once, in all services of this process together: each takes 19 MiB and a core, and one
#: core is left to the reactor.
AT_ONCE = min(4, max(1, (os.cpu_count() or 1) - 1))

#: Hashes in the queue, at some 30 ms each. Our choice.
WAITING_MAX = 100


class HasThreads(Protocol):
    """The part of a service that hashing uses."""

    def run_in_thread(self, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Call a function in a thread."""


def hash_password(service: HasThreads, password: str) -> Deferred[str]:
    """The hash of a new password.

    Raises:
        PasswordsBusy: through the Deferred: the queue is full.
    """
    return _in_turn(service, HASHER.hash, password)


def verify(service: HasThreads, hashed: str | None, password: str) -> Deferred[bool]:
    """Whether a password matches a hash.

    ``None`` (no such account, or one without a password) takes as long as any hash, so the time does
    not tell which accounts exist.

    Raises:
        PasswordsBusy: through the Deferred: the queue is full.
    """
    return _in_turn(service, _matches, hashed, password)


def is_outdated(hashed: str) -> bool:
    """Whether a hash was made with other parameters than the current ones."""
    try:
        return HASHER.check_needs_rehash(hashed)
    except InvalidHashError:
        return True


def _in_turn(service: HasThreads, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
    """Call it in a thread when its turn comes.

    Cancelling the Deferred gives up the answer, not the turn: a hash that has begun runs to its end.
    """
    answer: Deferred[Any] = Deferred()
    semaphore = _semaphore()
    if not semaphore.tokens and len(semaphore.waiting) >= WAITING_MAX:
        answer.errback(PasswordsBusy("Many people are logging in. Try again in a moment."))
        return answer

    def fire(result: Any) -> None:
        if not answer.called:
            answer.callback(result)

    semaphore.run(service.run_in_thread, call, *args).addBoth(fire)
    return answer


@cache
def _semaphore() -> DeferredSemaphore:
    return DeferredSemaphore(AT_ONCE)


@cache
def _dummy_hash(_: PasswordHasher) -> str:
    """A hash with the current parameters, to spend the time that a real one takes."""
    return HASHER.hash("nobody has this password")


def _matches(hashed: str | None, password: str) -> bool:
    # Made once, and in every case: else the first unknown name would take longer than others.
    dummy = _dummy_hash(HASHER)
    try:
        HASHER.verify(dummy if hashed is None else hashed, password)
    except (VerificationError, InvalidHashError):
        return False
    return hashed is not None
