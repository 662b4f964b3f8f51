"""Being the primary: waiting for that, staying it, and noticing that another process is.

A standby claims when nobody has the lease. Once it is the primary, each answer of the engine to a fenced
command says which epoch is in force (see ``bus.py``):

    its own    it is the primary
    a later    another process is: this one ends at once, without a farewell and without saving
    an earlier the engine has lost its memory: it claims anew, and keeps all that it has
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.cluster.bus import Bus, Lease
from cletus.errors import BusClosed, ServiceStopped
from cletus.reactor.clock import Clock

#: The exit code of a process that another one has succeeded: BSD's ``EX_TEMPFAIL``, "try again".
SUCCEEDED: Final = 75

#: Seconds between two looks at the lease, and how many in a row must see none. They are counted in answers,
#: since an engine that was away may answer a standby before the primary, which has the state.
LOOK: Final = 0.1
LOOKS: Final = 5

#: Seconds between two renewals, at most: less than a standby's looks take, so that the primary of an engine
#: that has lost its memory claims before a standby does.
RENEW: Final = 0.3


class State(enum.Enum):
    """The states of a tenancy, in their order."""

    IDLE = "idle"
    STANDBY = "standby"
    PRIMARY = "primary"
    OVER = "over"


class Tenancy:
    """The claim of one process to be the primary.

    Args:
        bus: to the engine; open.
        clock: Twisted's reactor, or a ``Clock``.
        lease: seconds after which a silent primary is succeeded.
        fenced: is called once, when another process is the primary.
        reclaimed: is called with the new epoch when the engine had lost its memory.

    Attributes:
        epoch: of this primary; 0 before.
        state: where it stands.
        is_succeeded: whether another process is the primary now, as far as is known here.
        was_free: whether the primary before had left, when this one claimed.
    """

    log = Logger()

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        *,
        lease: float,
        fenced: Callable[[], None],
        reclaimed: Callable[[int], None],
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._lease = lease
        self._fenced = fenced
        self._reclaimed = reclaimed
        self._won: Deferred[int] | None = None
        self._looks = 0
        self._next: Any = None
        self._claims: list[Deferred[int]] = []
        self._held_until = 0.0  # by this process's clock: nobody else can claim before
        self._waiting: list[Callable[[], None]] = []
        self._is_leaving = False
        self.epoch = 0
        self.state = State.IDLE
        self.is_succeeded = self.was_free = False

    def wait(self) -> Deferred[int]:
        """Wait until this process is the primary; called once.

        Returns:
            Fires with the epoch; it stays the primary from then on. Fails with ``ServiceStopped``.
        """
        self.state = State.STANDBY
        self._won = Deferred()
        self._look()
        return self._won

    def check(self, epoch: int) -> bool:
        """Draw the consequences of an engine's answer to a fenced command.

        Args:
            epoch: the answer.

        Returns:
            Whether the command was carried out for this primary.
        """
        if self.state is not State.PRIMARY or epoch == self.epoch:
            return self.state is State.PRIMARY
        if epoch > self.epoch:
            self._end()
        else:
            self.claim_anew()
        return False

    def confirm(self) -> Deferred[bool]:
        """Ask the engine whether this process, which may have hung, is the primary; as ``check()`` answers."""
        asked_at = self._clock.seconds()
        return self._bus.renew(self.epoch, self._lease).addCallback(self._confirmed, asked_at)

    def permits(self, go_on: Callable[[], None]) -> bool:
        """Whether this process certainly is the primary, or has not been it yet.

        It cannot know that if the engine has not confirmed it for a whole lease, as after it has hung: another
        may be the primary by now. The next renewal tells.

        Args:
            go_on: called in a turn of its own when the engine has confirmed it.
        """
        if self.state is not State.PRIMARY:
            return not self.is_succeeded
        if self._is_leaving or self._clock.seconds() < self._held_until:
            return True
        self._waiting.append(go_on)
        return False

    def wait_no_more(self) -> None:
        """The service stops: whether the engine confirms it or not, it does what is left to do."""
        self._is_leaving = True
        self._go_on()

    def claim_anew(self, after: int = 0) -> Deferred[int]:
        """The engine has lost its memory, or others know of a later epoch: claim anew.

        Args:
            after: an epoch that was given before.

        Returns:
            Fires with the epoch, after ``reclaimed``; with 0 if another process is the primary.
        """
        answer: Deferred[int] = Deferred()
        self._claims.append(answer)
        if len(self._claims) == 1:
            self.log.warn("The engine of the cluster has lost its memory: claiming anew")
            after = max(after, self.epoch)
            asked_at = self._clock.seconds()
            claimed = self._bus.claim(self._lease, after=after, held=self.epoch)
            self._ask(claimed, lambda epoch: self._claimed_anew(epoch, asked_at))
        return answer

    def release(self) -> Deferred[None]:
        """Be the primary no longer: a standby may claim at once. Fires when the engine knows."""
        was_primary = self.state is State.PRIMARY
        self.stop()
        if not was_primary:
            return succeed(None)
        return self._bus.release(self.epoch).addCallback(lambda _epoch: None)

    def stop(self) -> None:
        """Neither claim nor renew from now on; the lease runs out."""
        self.state = State.OVER
        if self._next is not None:
            self._next.cancel()
            self._next = None
        won, self._won = self._won, None
        if won is not None:
            won.errback(ServiceStopped("the service was stopped while it stood by"))

    # -- standby ----------------------------------------------------------------------------

    def _look(self) -> None:
        self._next = None
        self._ask(self._bus.lease(self._lease), self._looked)

    def _looked(self, lease: Lease) -> None:
        if self.state is not State.STANDBY:
            return
        self._looks = self._looks + 1 if lease is Lease.NONE else 0
        if lease is Lease.FREE or self._looks >= LOOKS:
            self._looks = 0
            self.was_free = lease is Lease.FREE
            asked_at = self._clock.seconds()
            claimed = self._bus.claim(self._lease)
            self._ask(claimed, lambda epoch: self._claimed(epoch, asked_at))
        else:
            self._next = self._clock.callLater(LOOK, self._look)

    def _claimed(self, epoch: int, asked_at: float) -> None:
        if self.state is not State.STANDBY:
            if epoch:  # it was stopped meanwhile
                self._ask(self._bus.release(epoch), lambda _epoch: None)
        elif not epoch:
            self._next = self._clock.callLater(LOOK, self._look)
        else:
            self.epoch, self.state = epoch, State.PRIMARY
            self._holds_since(asked_at)
            self._renew_later()
            won, self._won = self._won, None
            if won is not None:
                won.callback(epoch)

    # -- primary ----------------------------------------------------------------------------

    def _renew_later(self) -> None:
        if self.state is State.PRIMARY:
            self._next = self._clock.callLater(min(RENEW, self._lease / 4), self._renew)

    def _renew(self) -> None:
        self._next = None
        self._ask(self.confirm(), lambda _is_primary: self._renew_later())

    def _confirmed(self, epoch: int, asked_at: float) -> bool:
        is_primary = self.check(epoch)
        if is_primary:
            self._holds_since(asked_at)
        return is_primary

    def _holds_since(self, asked_at: float) -> None:
        """The engine has given the lease, after this time."""
        self._held_until = max(self._held_until, asked_at + self._lease)
        if self._clock.seconds() < self._held_until:
            self._go_on()

    def _go_on(self) -> None:
        waiting, self._waiting = self._waiting, []
        for go_on in waiting:
            self._clock.callLater(0, go_on)

    def _claimed_anew(self, epoch: int, asked_at: float) -> None:
        claims, self._claims = self._claims, []
        if self.state is State.PRIMARY:
            if epoch:
                self.epoch = epoch
                self._holds_since(asked_at)
                self._reclaimed(epoch)
            else:
                self._end()
        for answer in claims:
            answer.callback(epoch)

    def _end(self) -> None:
        self.stop()
        self.is_succeeded = True
        self.log.warn("Another process is the primary now")
        self._fenced()

    def _ask(self, answer: Deferred[Any], then: Callable[[Any], None]) -> None:
        answer.addCallback(then).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(BusClosed):
            self.log.failure("The lease cannot be looked after", failure)
