"""Throttle password guessing: each failed login makes the next try wait longer.

Failures are counted for each address and for each account, and forgotten with time. An attacker
cannot lock a user out. One address slows down only itself. Many addresses that guess at one account
make the next try from elsewhere wait, ``ACCOUNT.longest`` seconds at most, and each network waits in a
line of its own. None of that holds for an address where the account has logged in before: there, only
failures at such accounts from that address count, and tries are checked once a second.

Tries from one address are checked one after another, so more connections do not allow more guesses.
A try that would wait longer than ``WAIT_MAX`` is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from twisted.logger import Logger

from cletus.contrib.addresses import customer_of, prefix_of
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

#: An IPv6 /48, which may be one customer's: twenty failures without delay.
NETWORK = Backoff(free=20, longest=60.0, forgive=60.0)

#: So many times what an IPv6 /64 may do in an hour, all of a /48 may do together.
CUSTOMER_SHARES = 4

#: One account, from addresses that it has not logged in from: ten without delay, then 1 ... 30 seconds.
ACCOUNT = Backoff(free=10, longest=30.0, forgive=60.0)

#: One account from one network: an IPv4 /24 or an IPv6 /48.
PREFIX = Backoff(free=10, longest=30.0, forgive=60.0)

#: One account from an address that it has logged in from before. A neighbour who guesses there cannot be
#: told from the owner. One check a second lets the owner in soon, and is few guesses against a password
#: that is not on the list of common ones.
FAMILIAR = Backoff(free=5, longest=1.0, forgive=60.0)

#: All accounts together that have logged in from an address before: trying one password with each of them
#: is slow, too.
FAMILIAR_ADDRESS = Backoff(free=20, longest=1.0, forgive=30.0)

#: Tries of one counter that may be checked at the same time without counting as failures: a household or
#: a company that logs in after a restart.
PENDING_FREE = 20

#: Longest wait in seconds; a try that would wait longer is refused.
WAIT_MAX = 60.0

#: Addresses and accounts that are remembered; beyond that, those with the fewest failures are forgotten.
ENTRIES_MAX = 10_000

log = Logger()


@dataclass(frozen=True, slots=True)
class _Counter:
    """A name under which failures are counted.

    Attributes:
        name: also what the log calls it.
        backoff: the delays.
        in_line: whether its tries are checked one after another.
    """

    name: str
    backoff: Backoff
    in_line: bool = True


class BaseThrottle(TempStoreMixin, Store):
    """The failures that are remembered. There is one object, which survives reloads.

    Attributes:
        failures: name of the counter -> (failures, when that was counted, when the last accepted try is
            due).
    """

    abstract = True

    failures: Field[dict[str, tuple[float, float, float]]] = Field(dict, session=True)
    #: Tries of each counter that are being checked. They are no failures yet.
    pending: Field[dict[str, int]] = Field(dict, session=True)

    def try_login(self, account: str, origin: str, *, familiar: bool) -> float:
        """Ask to check a password. Report the outcome with ``succeeded`` or ``failed``.

        Args:
            account: the key of the account, which need not exist.
            origin: as ``addresses.origin_of`` returns it.
            familiar: whether the account has logged in from there before.

        Returns:
            Seconds to wait before the check. If negative, the try is refused, and possible again after that
            many seconds; it has no outcome.
        """
        counters = _counters(account, origin, familiar=familiar)
        wait, slowed = 0.0, False
        for counter in counters:
            if slowed and not counter.in_line:
                # This address is slowed down already: it must not slow down the account for others.
                failures = self._now_failed(counter.name, counter.backoff)
                wait = max(wait, counter.backoff.delay(failures + 1.0))
                continue
            due = self._next(counter)
            if due < 0:
                return due
            wait, slowed = max(wait, due), slowed or due > 0
        for counter in counters:
            self.pending[counter.name] = self.pending.get(counter.name, 0) + 1
        return wait

    def succeeded(self, account: str, origin: str, *, familiar: bool) -> None:
        """The password was right, or it was not checked after all."""
        for counter in _counters(account, origin, familiar=familiar):
            self._end_pending(counter.name)

    def failed(self, account: str, origin: str, *, familiar: bool) -> None:
        """The password was wrong, or the person who typed it did not wait for the answer."""
        slowed = False
        for counter in _counters(account, origin, familiar=familiar):
            self._end_pending(counter.name)
            before = self._now_failed(counter.name, counter.backoff)
            if slowed and not counter.in_line:
                continue
            slowed = slowed or counter.backoff.delay(before + 1.0) > 0
            self._count_failure(counter, before)

    def leave_line(self, account: str, origin: str, *, familiar: bool) -> None:
        """Somebody has gone who was waiting: those behind them move up."""
        for counter in _counters(account, origin, familiar=familiar):
            failures, since, due = self.failures.get(counter.name, (0.0, 0.0, 0.0))
            if counter.in_line and due > self._now():
                delay = counter.backoff.delay(self._now_failed(counter.name, counter.backoff) + 1.0)
                self.failures[counter.name] = (failures, since, due - delay)

    def take(self, action: str, origin: str, per_hour: int) -> bool:
        """Whether an action that is limited per hour is possible now; if so, it is counted.

        Args:
            action: a word for it, such as ``"account"``.
            origin: as ``addresses.origin_of`` returns it.
            per_hour: the limit, of which an IPv6 /48 has four times as much; 0 means no limit.
        """
        if not per_hour:
            return True
        limits = {customer_of(origin): per_hour * CUSTOMER_SHARES, origin: per_hour}
        counters = [
            (f"{action} from {place}", Backoff(free=limit, longest=0.0, forgive=3600.0 / limit))
            for place, limit in limits.items()
        ]
        if any(self._now_failed(name, by) > by.free - 1 for name, by in counters):
            return False
        for name, by in counters:
            self._remember(name, by, self._now_failed(name, by) + 1.0)
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

    def _next(self, counter: _Counter) -> float:
        """Seconds until a try is due; negative if it is refused because that is too long."""
        now, backoff = self._now(), counter.backoff
        failures = self._now_failed(counter.name, backoff)
        # Tries without an outcome count as failures where there have been failures already, or where
        # there are more of them than people who share an address make.
        free = 0 if backoff.delay(failures + 1.0) else PENDING_FREE
        crowd = max(0, self.pending.get(counter.name, 0) - free)
        delay = backoff.delay(failures + crowd + 1.0)
        due = now + delay
        if counter.in_line and delay:
            due = max(now, self.failures.get(counter.name, (0.0, 0.0, 0.0))[2]) + delay
        if due > now:
            self._throttled.add()
        if due - now > WAIT_MAX:
            return now - due
        if counter.in_line and delay:
            self._remember(counter.name, backoff, failures, due)
        return due - now

    def _count_failure(self, counter: _Counter, before: float) -> None:
        failures = min(before + 1.0, counter.backoff.most)
        self._remember(counter.name, counter.backoff, failures)
        delay = counter.backoff.delay(failures + 1.0)
        if delay > counter.backoff.delay(before + 1.0):
            log.warn(
                "{failures} failed logins for {name}: the next one waits {delay:g} s",
                failures=int(failures),
                name=counter.name,
                delay=delay,
            )

    def _end_pending(self, name: str) -> None:
        left = self.pending.get(name, 0) - 1
        if left > 0:
            self.pending[name] = left
        else:
            self.pending.pop(name, None)

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

    def _remember(
        self, name: str, backoff: Backoff, failures: float, due: float | None = None
    ) -> None:
        if len(self.failures) >= ENTRIES_MAX and name not in self.failures:
            self.prune()
        if due is None:
            due = self.failures.get(name, (0.0, 0.0, 0.0))[2]
        self.failures[name] = (min(failures, backoff.most), self._now(), due)


def _counters(account: str, origin: str, *, familiar: bool) -> tuple[_Counter, ...]:
    """The counters of a try. A try from a known address of the account has counters of its own."""
    if familiar:
        return (
            _Counter(f"account {account!r} from {origin}", FAMILIAR),
            _Counter(f"known accounts of address {origin}", FAMILIAR_ADDRESS),
        )
    customer = customer_of(origin)
    network = () if customer == origin else (_Counter(f"network {customer}", NETWORK),)
    return (
        _Counter(f"address {origin}", ADDRESS),
        *network,
        _Counter(f"account {account!r} from {prefix_of(origin)}", PREFIX),
        _Counter(f"account {account!r}", ACCOUNT, in_line=False),
    )
