"""A clock for tests on which each call is made at the time that it is due."""

from __future__ import annotations

from twisted.internet.task import Clock


class StepClock(Clock):
    """Twisted's ``Clock``, advanced from one call to the next.

    ``Clock.advance(3600)`` sets the time first, and then makes all calls that are due: each of them
    sees the end of the hour, and what repeats every minute happens once, or sixty times at once.
    Here each call sees the time at which it was due, as with a reactor.
    """

    def advance(self, amount: float) -> None:
        """Let so many seconds pass; 0 makes the calls that are due now.

        Calls that are scheduled meanwhile are made as well, if they are due by then.
        """
        end = self.rightNow + amount
        while self.calls and self.calls[0].getTime() <= end:
            self.rightNow = max(self.rightNow, self.calls[0].getTime())
            super().advance(0)
        self.rightNow = max(self.rightNow, end)
