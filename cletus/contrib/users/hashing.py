"""Hash passwords in threads, a few at a time, with a fair and bounded queue.

A hash takes tens of milliseconds and 19 MiB on purpose. It is computed in threads of its own, so
that nobody waits for another person's login, and no login for calls of the application; at most
``AT_ONCE`` run at a time, so that logins leave cores to others; and at most ``WAITING_MAX`` of each
urgency are queued, so that a flood of logins takes no memory. Users at a known address come first,
registrations last.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any, Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from twisted.internet.defer import Deferred

from cletus.contrib.addresses import customer_of
from cletus.errors import PasswordsBusy
from cletus.reactor.threads import Pool
from cletus.text import gettext as _

#: OWASP password storage cheat sheet: argon2id with 19 MiB, two passes, one lane.
HASHER = PasswordHasher(memory_cost=19456, time_cost=2, parallelism=1)

#: Hashes at once, in all services of this process together: each takes 19 MiB and a core, and one
#: core is left to the reactor.
AT_ONCE = min(4, max(1, (os.cpu_count() or 1) - 1))

HASHES = Pool("hashes", AT_ONCE)
"""The threads that hash passwords."""

#: Hashes of one urgency that may wait, at some 30 ms each. Our choice.
WAITING_MAX = 100

BUSY = _("Many people are logging in. Try again in a moment.")


class HasThreads(Protocol):
    """The part of a service that hashing uses."""

    def run_in_thread(
        self, call: Callable[..., Any], *args: Any, pool: Pool | None = None
    ) -> Deferred[Any]:
        """Call a function in a thread of this pool."""


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


class Urgency(IntEnum):
    """Whose hash comes first. Within each, the origins take turns."""

    KNOWN = 0  #: somebody at an address where their account has logged in before
    LOGIN = 1  #: any other login
    NEW = 2  #: a new password, such as of a registration


@contextmanager
def queued_as(urgency: Urgency, origin: str) -> Iterator[None]:
    """Hashes that are asked for inside wait in this queue. Await their Deferreds outside.

    Args:
        urgency: whose hash it is.
        origin: as ``addresses.origin_of`` returns it. All of an IPv6 /48 have one turn.
    """
    token = _place.set((urgency, customer_of(origin)))
    try:
        yield
    finally:
        _place.reset(token)


_place: ContextVar[tuple[Urgency, str]] = ContextVar(
    "cletus.contrib.users.hashing", default=(Urgency.NEW, "")
)


@dataclass(slots=True)
class _Job:
    """A hash that waits, and the Deferred of its result."""

    start: Callable[[], Deferred[Any]]
    answer: Deferred[Any]


class FairQueue:
    """Runs jobs, ``at_once`` at a time. More urgent ones come first, and origins take turns.

    So a flood from a few addresses, however many connections it has, delays others by one job at most.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: dict[Urgency, dict[str, deque[_Job]]] = {level: {} for level in Urgency}

    def run(
        self, urgency: Urgency, origin: str, start: Callable[[], Deferred[Any]]
    ) -> Deferred[Any]:
        """Start a job when its turn comes.

        Cancelling the Deferred gives up the answer, not the turn: a hash that has begun runs to its end.

        Raises:
            PasswordsBusy: through the Deferred: too many jobs of its urgency are waiting, and as many of
                this origin as of any other.
        """
        job = _Job(start, Deferred(lambda _: None))
        if self._free:
            self._begin(job)
            return job.answer
        lines = self._waiting[urgency]
        if sum(map(len, lines.values())) >= WAITING_MAX:
            # The origin with the most jobs gives one up for somebody who has fewer.
            most = max(lines.values(), key=len, default=deque())
            if len(most) <= len(lines.get(origin, ())) + 1:
                job.answer.errback(PasswordsBusy(BUSY))
                return job.answer
            self._refuse(most.pop())
        lines.setdefault(origin, deque()).append(job)
        return job.answer

    def _begin(self, job: _Job) -> None:
        self._free -= 1
        job.start().addBoth(self._ended, job)

    def _ended(self, result: Any, job: _Job) -> None:
        self._free += 1
        following = self._next()
        if following is not None:
            self._begin(following)
        if not job.answer.called:
            job.answer.callback(result)

    def _next(self) -> _Job | None:
        for lines in self._waiting.values():  # in the order of urgency
            for origin in list(lines):
                line = lines.pop(origin)
                job = line.popleft() if line else None
                if line:
                    lines[origin] = line  # now the last of the origins
                if job is not None:
                    return job
        return None

    def _refuse(self, job: _Job) -> None:
        if not job.answer.called:
            job.answer.errback(PasswordsBusy(BUSY))


def _in_turn(service: HasThreads, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
    urgency, origin = _place.get()
    return _queue().run(urgency, origin, lambda: service.run_in_thread(call, *args, pool=HASHES))


@cache
def _queue() -> FairQueue:
    return FairQueue(AT_ONCE)


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
