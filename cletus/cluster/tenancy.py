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
        clock: of the service.
        lease: seconds after which a silent primary is succeeded.
        fenced: is called once, when another process is the primary.
        reclaimed: is called with the new epoch when the engine had lost its memory.

    Attributes:
        epoch: of this primary; 0 before.
        state: where it stands.
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
        self.epoch = 0
        self.state = State.IDLE
        self.was_free = False

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

    def claim_anew(self) -> Deferred[int]:
        """The engine has lost its memory: claim anew.

        Returns:
            Fires with the epoch, after ``reclaimed``; with 0 if another process is the primary.
        """
        answer: Deferred[int] = Deferred()
        self._claims.append(answer)
        if len(self._claims) == 1:
            self.log.warn("The engine of the cluster has lost its memory: claiming anew")
            self._ask(self._bus.claim(self._lease, after=self.epoch), self._claimed_anew)
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
        self._ask(self._bus.lease(), self._looked)

    def _looked(self, lease: Lease) -> None:
        if self.state is not State.STANDBY:
            return
        self._looks = self._looks + 1 if lease is Lease.NONE else 0
        if lease is Lease.FREE or self._looks >= LOOKS:
            self._looks = 0
            self.was_free = lease is Lease.FREE
            self._ask(self._bus.claim(self._lease), self._claimed)
        else:
            self._next = self._clock.callLater(LOOK, self._look)

    def _claimed(self, epoch: int) -> None:
        if self.state is not State.STANDBY:
            if epoch:  # it was stopped meanwhile
                self._ask(self._bus.release(epoch), lambda _epoch: None)
        elif not epoch:
            self._next = self._clock.callLater(LOOK, self._look)
        else:
            self.epoch, self.state = epoch, State.PRIMARY
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
        self._ask(self._bus.renew(self.epoch, self._lease), self._renewed)

    def _renewed(self, epoch: int) -> None:
        self.check(epoch)
        self._renew_later()

    def _claimed_anew(self, epoch: int) -> None:
        claims, self._claims = self._claims, []
        if self.state is State.PRIMARY:
            if epoch:
                self.epoch = epoch
                self._reclaimed(epoch)
            else:
                self._end()
        for answer in claims:
            answer.callback(epoch)

    def _end(self) -> None:
        self.stop()
        self.log.warn("Another process is the primary now")
        self._fenced()

    def _ask(self, answer: Deferred[Any], then: Callable[[Any], None]) -> None:
        answer.addCallback(then).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(BusClosed):
            self.log.failure("The lease cannot be looked after", failure)
