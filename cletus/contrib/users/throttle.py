"""Making guessing slow: the more failed logins, the longer the next one waits.

Failures are counted for each address and for each account, and forgotten with time. What an attacker
cannot do is lock somebody out. One address alone slows nobody but itself down. Many addresses that
guess at one account make the next try for it from elsewhere wait, ``ACCOUNT.longest`` seconds at most;
but not from an address where the account has logged in before: there only its own failures count.

Tries of one address go one after another, so more connections do not make for more guesses. Someone
who would wait longer than ``PATIENCE`` is turned away.
"""

from __future__ import annotations

from dataclasses import dataclass

from twisted.logger import Logger

from cletus.meters import Counter, Meters
from cletus.storage import Field, Store, TempStoreMixin


@dataclass(frozen=True, slots=True)
class Pace:
    """How failures turn into a delay.

    Attributes:
        free: failures without any.
        longest: seconds that the delay grows to, doubling with each further failure.
        forgive: seconds after which one failure is forgotten.
    """

    free: int
    longest: float
    forgive: float

    def delay(self, failures: float) -> float:
        """Seconds to wait with so many failures."""
        over = failures - self.free
        return 0.0 if over <= 0 else min(self.longest, 2.0 ** (min(over, 30.0) - 1))

    @property
    def most(self) -> float:
        """Failures past which the delay would not grow: more are not counted."""
        over = 1
        while 2.0 ** (over - 1) < self.longest:
            over += 1
        return float(self.free + over)


#: Our choices. One address: five mistakes for free, then 1, 2, 4 ... 60 seconds.
ADDRESS = Pace(free=5, longest=60.0, forgive=60.0)

#: One account, from addresses that it has not logged in from: ten for free, then 1 ... 30 seconds.
ACCOUNT = Pace(free=10, longest=30.0, forgive=60.0)

#: One account from an address that it has logged in from before.
FAMILIAR = Pace(free=5, longest=30.0, forgive=60.0)

#: Seconds that somebody is made to wait at the most; past that they are told to come later.
PATIENCE = 60.0

#: Addresses and accounts remembered; past it, those with the fewest failures are forgotten.
REMEMBERED = 10_000

log = Logger()


class BaseThrottle(TempStoreMixin, Store):
    """The failures that are remembered; one object, which survives reloads and ends with the service.

    Attributes:
        failures: what is counted -> (failures, when they were that many, when the last of the tries
            that were let through is due).
    """

    abstract = True

    failures: Field[dict[str, tuple[float, float, float]]] = Field(dict, session=True)

    def try_login(self, account: str, origin: str, *, familiar: bool) -> float:
        """Somebody wants their password checked. It counts as a failure until ``forgive``.

        Args:
            account: the key of the account, there or not.
            origin: where they come from (``addresses.origin_of``).
            familiar: whether the account has logged in from there before.

        Returns:
            seconds to wait before the check; a negative number for how long to stay away instead.
        """
        if familiar:
            return self._next(_pair(account, origin), FAMILIAR, in_line=True)
        due = self._next(_address(origin), ADDRESS, in_line=True)
        if due < 0:
            return due
        if due > 0:  # it is slow already: it shall not make others slow who have that account
            failures = self._now_failed(_account(account), ACCOUNT)
            return max(due, ACCOUNT.delay(failures + 1.0))
        return self._next(_account(account), ACCOUNT, in_line=False)

    def forgive(self, account: str, origin: str, *, familiar: bool) -> None:
        """That try was no failure after all."""
        for what in (
            (_pair(account, origin),) if familiar else (_address(origin), _account(account))
        ):
            failures, since, due = self.failures.get(what, (0.0, 0.0, 0.0))
            if failures <= 1.0:
                self.failures.pop(what, None)
            else:
                self.failures[what] = (failures - 1.0, since, due)

    def take(self, what: str, origin: str, per_hour: int) -> bool:
        """Whether something that may be done so often in an hour may be done now; it is counted.

        Args:
            what: a word for it, such as ``"account"``.
            origin: who does it.
            per_hour: how often; 0 means no limit.
        """
        if not per_hour:
            return True
        pace = Pace(free=per_hour, longest=0.0, forgive=3600.0 / per_hour)
        name = f"{what} from {origin}"
        if self._now_failed(name, pace) > per_hour - 1:
            return False
        self._count(name, pace)
        return True

    def prune(self) -> None:
        """Forget what was long ago, and what is too much to remember."""
        now = self._now()
        longest = max(ADDRESS.forgive * ADDRESS.most, 3600.0)
        kept = {
            what: one for what, one in self.failures.items() if max(one[1] + longest, one[2]) > now
        }
        if len(kept) > REMEMBERED:
            most = sorted(kept, key=lambda what: kept[what][0], reverse=True)
            kept = {what: kept[what] for what in most[: REMEMBERED // 2]}
        self.failures = kept

    # -- inside -----------------------------------------------------------------------------

    def _next(self, what: str, pace: Pace, *, in_line: bool) -> float:
        """Count a try and give the seconds until it is due; negative if that is too long."""
        now = self._now()
        before = self._now_failed(what, pace)
        delay = pace.delay(before + 1.0)
        due = now + delay
        if in_line and delay:
            due = max(now, self.failures.get(what, (0.0, 0.0, 0.0))[2]) + delay
        if due - now > PATIENCE:
            self._throttled.add()
            return now - due
        failures = self._count(what, pace, due)
        if due > now:
            self._throttled.add()
        if delay > pace.delay(before):
            log.warn(
                "{failures} failed logins for {what}: the next wait {delay:g} s",
                failures=int(failures),
                what=what,
                delay=delay,
            )
        return due - now

    @property
    def _throttled(self) -> Counter:
        meters: Meters = self.service.metrics
        return meters.counter(
            "cletus_users_logins_throttled", "Logins that had to wait, or were turned away."
        )

    def _now(self) -> float:
        return float(self.service.clock.seconds())

    def _now_failed(self, what: str, pace: Pace) -> float:
        failures, since, _ = self.failures.get(what, (0.0, 0.0, 0.0))
        return max(0.0, failures - (self._now() - since) / pace.forgive)

    def _count(self, what: str, pace: Pace, due: float = 0.0) -> float:
        if len(self.failures) >= REMEMBERED and what not in self.failures:
            self.prune()
        failures = min(self._now_failed(what, pace) + 1.0, pace.most)
        self.failures[what] = (failures, self._now(), due)
        return failures


def _address(origin: str) -> str:
    return f"address {origin}"


def _account(account: str) -> str:
    return f"account {account!r}"


def _pair(account: str, origin: str) -> str:
    return f"account {account!r} from {origin}"
