"""Throttle password guessing: each failed login makes the next try wait longer.

Failures are counted for each address and for each account, and forgotten with time. An attacker
cannot lock a user out. One address slows down only itself. Many addresses that guess at one account
make the next try from elsewhere wait, ``ACCOUNT.longest`` seconds at most; but not from an address
where the account has logged in before: there, only failures of that account and address count.

Tries from one address are checked one after another, so more connections do not allow more guesses.
A try that would wait longer than ``WAIT_MAX`` is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from twisted.logger import Logger

from cletus.meters import Counter, Meters
from cletus.storage import Field, Store, TempStoreMixin


@dataclass(frozen=True, slots=True)
class Backoff:
    """How failures become a delay.

    Attributes:
        free: failures without a delay.
        longest: the delay doubles with each further failure, up to this many seconds.
        forgive: seconds after which one failure is forgotten.
    """

    free: int
    longest: float
    forgive: float

    def delay(self, failures: float) -> float:
        """Seconds to wait after this many failures."""
        over = failures - self.free
        return 0.0 if over <= 0 else min(self.longest, 2.0 ** (min(over, 30.0) - 1))

    @property
    def most(self) -> float:
        """Failures after which the delay no longer grows; more are not counted."""
        over = 1
        while 2.0 ** (over - 1) < self.longest:
            over += 1
        return float(self.free + over)


#: Our choices. One address: five failures without delay, then 1, 2, 4 ... 60 seconds.
ADDRESS = Backoff(free=5, longest=60.0, forgive=60.0)

#: One account, from addresses that it has not logged in from: ten without delay, then 1 ... 30 seconds.
ACCOUNT = Backoff(free=10, longest=30.0, forgive=60.0)

#: One account from an address that it has logged in from before.
FAMILIAR = Backoff(free=5, longest=30.0, forgive=60.0)

#: Longest wait in seconds; a try that would wait longer is refused.
WAIT_MAX = 60.0

#: Addresses and accounts that are remembered; beyond that, those with the fewest failures are forgotten.
ENTRIES_MAX = 10_000

log = Logger()


class BaseThrottle(TempStoreMixin, Store):
    """The failures that are remembered. There is one object, which survives reloads.

    Attributes:
        failures: name of the counter -> (failures, when that was counted, when the last accepted try is
            due).
    """

    abstract = True

    failures: Field[dict[str, tuple[float, float, float]]] = Field(dict, session=True)

    def try_login(self, account: str, origin: str, *, familiar: bool) -> float:
        """Ask to check a password. The try counts as a failure until ``forgive`` is called.

        Args:
            account: the key of the account, which need not exist.
            origin: as ``addresses.origin_of`` returns it.
            familiar: whether the account has logged in from there before.

        Returns:
            Seconds to wait before the check. If negative, the try is refused, and possible again after that
            many seconds.
        """
        if familiar:
            return self._next(_pair(account, origin), FAMILIAR, in_line=True)
        due = self._next(_address(origin), ADDRESS, in_line=True)
        if due < 0:
            return due
        if (
            due > 0
        ):  # this address is slowed down already: it must not slow down the account for others
            failures = self._now_failed(_account(account), ACCOUNT)
            return max(due, ACCOUNT.delay(failures + 1.0))
        return self._next(_account(account), ACCOUNT, in_line=False)

    def forgive(self, account: str, origin: str, *, familiar: bool) -> None:
        """The try was not a failure."""
        pair = (_pair(account, origin),)
        for name in pair if familiar else (_address(origin), _account(account)):
            failures, since, due = self.failures.get(name, (0.0, 0.0, 0.0))
            if failures <= 1.0:
                self.failures.pop(name, None)
            else:
                self.failures[name] = (failures - 1.0, since, due)

    def take(self, action: str, origin: str, per_hour: int) -> bool:
        """Whether an action that is limited per hour is possible now; if so, it is counted.

        Args:
            action: a word for it, such as ``"account"``.
            origin: as ``addresses.origin_of`` returns it.
            per_hour: the limit; 0 means no limit.
        """
        if not per_hour:
            return True
        backoff = Backoff(free=per_hour, longest=0.0, forgive=3600.0 / per_hour)
        name = f"{action} from {origin}"
        if self._now_failed(name, backoff) > per_hour - 1:
            return False
        self._count(name, backoff)
        return True

    def prune(self) -> None:
        """Forget old failures, and those past ``ENTRIES_MAX``."""
        now = self._now()
        longest = max(ADDRESS.forgive * ADDRESS.most, 3600.0)
        kept = {
            name: (failures, since, due)
            for name, (failures, since, due) in self.failures.items()
            if max(since + longest, due) > now
        }
        if len(kept) > ENTRIES_MAX:
            most = sorted(kept, key=lambda name: kept[name][0], reverse=True)
            kept = {name: kept[name] for name in most[: ENTRIES_MAX // 2]}
        self.failures = kept

    # -- inside -----------------------------------------------------------------------------

    def _next(self, name: str, backoff: Backoff, *, in_line: bool) -> float:
        """Count a try and return the seconds until it is due; negative if that is too long."""
        now = self._now()
        before = self._now_failed(name, backoff)
        delay = backoff.delay(before + 1.0)
        due = now + delay
        if in_line and delay:
            due = max(now, self.failures.get(name, (0.0, 0.0, 0.0))[2]) + delay
        if due - now > WAIT_MAX:
            self._throttled.add()
            return now - due
        failures = self._count(name, backoff, due)
        if due > now:
            self._throttled.add()
        if delay > backoff.delay(before):
            log.warn(
                "{failures} failed logins for {name}: the next one waits {delay:g} s",
                failures=int(failures),
                name=name,
                delay=delay,
            )
        return due - now

    @property
    def _throttled(self) -> Counter:
        meters: Meters = self.service.metrics
        return meters.counter(
            "cletus_users_logins_throttled", "Logins that were delayed or refused."
        )

    def _now(self) -> float:
        return float(self.service.clock.seconds())

    def _now_failed(self, name: str, backoff: Backoff) -> float:
        failures, since, _ = self.failures.get(name, (0.0, 0.0, 0.0))
        return max(0.0, failures - (self._now() - since) / backoff.forgive)

    def _count(self, name: str, backoff: Backoff, due: float = 0.0) -> float:
        if len(self.failures) >= ENTRIES_MAX and name not in self.failures:
            self.prune()
        failures = min(self._now_failed(name, backoff) + 1.0, backoff.most)
        self.failures[name] = (failures, self._now(), due)
        return failures


def _address(origin: str) -> str:
    return f"address {origin}"


def _account(account: str) -> str:
    return f"account {account!r}"


def _pair(account: str, origin: str) -> str:
    return f"account {account!r} from {origin}"
