"""Divides the time of the reactor among those who send: by address, and by connection within an address.

What a peer sends is handled in slices: after ``SLICE`` the rest waits for a later turn. The time that it
takes is charged to two allowances: that of the address, which grows with the rate, and that of the
connection, which grows with its part of the rate (all connections of an address have equal parts). A
connection may go on while either has something left. So the connections of an address together do not
exceed its rate, one whose neighbours are idle may use all of it, and one that has used little does not
wait for its neighbours.

Addresses that wait are served in turn, and so are the connections of each. Nobody is charged for the
application's own code.

Time is measured as it passes, and not as CPU time, although the reactor does nothing but compute here: to
ask for CPU time is a system call, which on a busy machine can take longer than a slice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IReactorCore
from twisted.logger import Logger

from cletus.meters import Counter
from cletus.reactor.clock import ServiceClock

SLICE: Final = 0.002
"""Seconds for which one connection may hold the reactor."""

TURN: Final = 0.01
"""Seconds that all slices may take in one turn of the reactor; what is left waits for the next."""

BURST: Final = 0.1
"""Seconds that an address may use at once."""

_WAIT_MIN: Final = 0.001  # seconds until those who have used up their time are looked at again
_ADDRESSES_MIN: Final = 64  # addresses that are remembered before old ones are looked for
_LOG_INTERVAL: Final = 60.0

_log = Logger()


class Slice:
    """The time that a connection has now.

    Args:
        meter: the time, from any start.
        address: whose time it is.

    Attributes:
        begun: when the slice began, by the meter.
        excused: seconds that nobody is charged for.
    """

    __slots__ = ("_end", "_meter", "address", "begun", "excused")

    def __init__(self, meter: Callable[[], float], address: object = None) -> None:
        self.address = address
        self._meter = meter
        self.begun = meter()
        self._end = self.begun + SLICE
        self.excused = 0.0

    @property
    def is_over(self) -> bool:
        """Whether what is left has to wait for a later turn."""
        return self._meter() >= self._end

    def excuse(self, code: Callable[..., object], *args: object) -> None:
        """Call code of the application: it takes time of the slice, but nobody is charged for it."""
        begun = self._meter()
        try:
            code(*args)
        finally:
            self.excused += self._meter() - begun


class _Allowance:
    """Seconds that may be used: they grow with the time that passes, and can be overdrawn.

    Attributes:
        left: what may be used, as it was when ``refill()`` was called last; a debt is negative.
    """

    __slots__ = ("_at", "left")

    def __init__(self, left: float, now: float) -> None:
        self.left = left
        self._at = now

    def refill(self, now: float, rate: float, burst: float) -> float:
        """Add what has grown since the last time. Returns what is left."""
        # A clock that is set back, as in tests, takes nothing away.
        self.left = min(burst, self.left + max(0.0, now - self._at) * rate)
        self._at = now
        return self.left


class _Address:
    """The connections of one address, and those of them that wait, in order."""

    __slots__ = ("allowance", "connections", "host", "waiting")

    def __init__(self, host: str, now: float) -> None:
        self.host = host
        self.allowance = _Allowance(BURST, now)
        self.connections = 0
        self.waiting: dict[Share, None] = {}


class Share:
    """The share of one connection; ``Shares.join()`` makes it.

    Args:
        shares: the shares of the service.
        address: those of its address.
        work: handles what is there until the slice is over; returns whether it was interrupted by that.
        allowance: of the connection.
        is_counted: whether it counts as a connection of its address.

    Attributes:
        is_working: whether its work is being done at the moment.
        has_left: whether the connection is gone.
        turn: the number of the turn in which it has had its slice.
    """

    __slots__ = (
        "_shares",
        "address",
        "allowance",
        "has_left",
        "is_counted",
        "is_working",
        "turn",
        "work",
    )

    def __init__(
        self,
        shares: Shares,
        address: _Address,
        work: Callable[[Slice], bool],
        allowance: _Allowance,
        *,
        is_counted: bool = True,
    ) -> None:
        self._shares = shares
        self.is_counted = is_counted
        self.address = address
        self.allowance = allowance
        self.work = work
        self.is_working = False
        self.has_left = False
        self.turn = 0

    def run(self) -> bool:
        """There is work: a slice of it is done now, if the shares allow it, and the rest later.

        Returns:
            whether a slice was done now.
        """
        return self._shares.run(self)

    def move(self, host: str) -> None:
        """The connection has turned out to come from another address, as a proxy says."""
        self._shares.move(self, host)

    def leave(self) -> None:
        """The connection is gone: nothing more is done for it."""
        self._shares.leave(self)


class Shares:
    """The shares of all connections of a service.

    Args:
        clock: the reactor of the service.
        rate: returns the seconds that an address may use in one second; 0 means no limit.
        throttled: counts the times that a connection has had to wait because its time was used up.
        meter: the time that work takes, from any start. By default the system's; and with a ``Clock`` in
            place of a reactor, the clock's, so that in tests nothing takes any time.
    """

    def __init__(
        self,
        clock: ServiceClock,
        rate: Callable[[], float],
        throttled: Counter,
        meter: Callable[[], float] | None = None,
    ) -> None:
        self._clock = clock
        self._rate = rate
        self._throttled = throttled
        self._meter = meter
        self._addresses: dict[object, _Address] = {}
        self._addresses_max = _ADDRESSES_MIN
        self._waiting: dict[_Address, None] = {}  # those with connections that wait, in order
        self._present: Slice | None = None
        self._used = 0.0  # seconds of this turn
        self._turn = 0
        self._timer: Any = None
        self._due = 0.0
        self._logged_at = -_LOG_INTERVAL

    def join(self, host: str, work: Callable[[Slice], bool], within: Share | None = None) -> Share:
        """The share of a new connection.

        Args:
            host: its address, as addresses are counted; "" if it has none, and shares with nobody.
            work: handles what is there until the slice is over; returns whether it was interrupted by
                that. What interrupts it otherwise is followed by another ``run()``.
            within: the share of the same connection's lower layer, such as TLS. They have one allowance.
        """
        if within is not None:
            return Share(self, within.address, work, within.allowance, is_counted=False)
        now = self._clock.seconds()
        return Share(self, self._enter(host, now), work, _Allowance(SLICE, now))

    def move(self, share: Share, host: str) -> None:
        """As ``Share.move``."""
        if host == share.address.host:
            return
        was_waiting = share in share.address.waiting
        self.leave(share)
        share.has_left = False
        share.address = self._enter(host, self._clock.seconds())
        share.is_counted = True  # also one within another, whose address has changed alone
        if was_waiting:
            self._queue(share)

    def leave(self, share: Share) -> None:
        """As ``Share.leave``."""
        share.has_left = True
        share.address.waiting.pop(share, None)
        share.address.connections -= share.is_counted

    def run(self, share: Share) -> bool:
        """As ``Share.run``."""
        address = share.address
        if share.is_working or share.has_left or (address.waiting and share in address.waiting):
            return False
        present = self._present
        # Nearly always there is something left, whatever would have to be added to it.
        has_time = address.allowance.left > 0 or not self._wait_of(share)
        if present is None and self._used < TURN and has_time:
            self._serve(share)
            return True
        if present is not None and present.address is address:
            share.is_working = True  # TLS has decrypted something for it
            try:
                is_interrupted = share.work(present)
            finally:
                share.is_working = False
            if is_interrupted:
                self._queue(share)
            return True
        self._queue(share)
        return False

    # -- inside -----------------------------------------------------------------------------

    def _enter(self, host: str, now: float) -> _Address:
        key = host or object()
        address = self._addresses.get(key)
        if address is None:
            if len(self._addresses) >= self._addresses_max:
                self._forget_old(now)
            address = self._addresses[key] = _Address(host, now)
        address.connections += 1
        return address

    def _forget_old(self, now: float) -> None:
        """Forget addresses without connections, unless they owe something."""
        rate = self._rate()
        self._addresses = {
            key: address
            for key, address in self._addresses.items()
            if address.connections or address.allowance.refill(now, rate or 1.0, BURST) < BURST
        }
        self._addresses_max = max(_ADDRESSES_MIN, 2 * len(self._addresses))

    def _wait_of(self, share: Share) -> float:
        """Seconds until it may use some time; 0.0 if that is now."""
        rate = self._rate()
        if not rate:
            return 0.0
        now, address = self._clock.seconds(), share.address
        whole = address.allowance.refill(now, rate, BURST)
        part_rate = rate / max(1, address.connections)
        part = share.allowance.refill(now, part_rate, SLICE)
        if whole > 0 or part > 0:
            return 0.0
        return max(_WAIT_MIN, min(-whole / rate, -part / part_rate))

    def _serve(self, share: Share) -> None:
        if self._meter is None:
            reactor = self._clock.reactor
            self._meter = time.perf_counter if IReactorCore.providedBy(reactor) else reactor.seconds
        current = self._present = Slice(self._meter, share.address)
        is_interrupted = False
        share.is_working = True
        try:
            is_interrupted = share.work(current)
        finally:
            share.is_working = False
            self._present = None
            spent = self._meter() - current.begun - current.excused
            share.address.allowance.left -= spent
            share.allowance.left -= spent
            self._used += spent
            if is_interrupted:
                self._queue(share)
            elif self._used >= TURN:
                self._schedule(0.0)

    def _queue(self, share: Share) -> None:
        if share.has_left:
            return
        if self._wait_of(share):
            self._throttled.value += 1
            self._log_wait(share.address.host)
        share.address.waiting[share] = None
        self._waiting[share.address] = None
        self._schedule(0.0)

    def _schedule(self, delay: float) -> None:
        due = self._clock.seconds() + delay
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = self._clock.callLater(delay, self._serve_waiting)

    def _serve_waiting(self) -> None:
        """Give those who wait a slice each, an address after another, as far as there is time in this turn."""
        self._timer = None
        self._used = 0.0
        self._turn += 1
        wait, unserved = float("inf"), 0  # addresses in a row
        while unserved < len(self._waiting) and self._used < TURN:
            address = next(iter(self._waiting))
            del self._waiting[address]
            seconds = self._serve_next(address)
            if seconds is None:
                wait, unserved = float("inf"), 0
            else:
                wait, unserved = min(wait, seconds), unserved + 1
            if address.waiting:
                self._waiting[address] = None  # behind the others
        if self._waiting:
            self._schedule(wait if unserved >= len(self._waiting) else 0.0)
        self._used = 0.0  # for those who are not there yet

    def _serve_next(self, address: _Address) -> float | None:
        """Serve the first connection of an address that may go on.

        Returns:
            ``None``; or if nobody was served, seconds until somebody can be.
        """
        wait = float("inf")
        for share in tuple(address.waiting):
            if share.turn == self._turn:
                return 0.0  # it has had its slice, and so have those behind it
            seconds = self._wait_of(share)
            if not seconds:
                del address.waiting[share]
                share.turn = self._turn
                self._serve(share)
                return None
            wait = min(wait, seconds)
        return wait

    def _log_wait(self, host: str) -> None:
        now = self._clock.seconds()
        if now - self._logged_at >= _LOG_INTERVAL:
            self._logged_at = now
            _log.info(
                "{host} has used up its stranger_cpu, and waits", host=host or "a local socket"
            )
