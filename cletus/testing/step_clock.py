"""A clock for tests on which everything happens at its own time."""

from __future__ import annotations

from twisted.internet.task import Clock


class StepClock(Clock):
    """Twisted's ``Clock``, advanced from call to call.

    ``Clock.advance(3600)`` first sets the time and then makes all calls of that hour, each of which
    takes it to be an hour later; so what repeats itself every minute is called once or in one heap.
    Here each call sees the time that it was due at, as it would with a reactor.
    """

    def advance(self, amount: float) -> None:
        """Let so many seconds pass; 0 does what is due now.

        Calls that are asked for meanwhile are made, too, if they are due by then.
        """
        end = self.rightNow + amount
        while self.calls and self.calls[0].getTime() <= end:
            self.rightNow = max(self.rightNow, self.calls[0].getTime())
            super().advance(0)
        self.rightNow = max(self.rightNow, end)
