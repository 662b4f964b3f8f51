"""What a person has typed and nobody has taken yet: a queue with a rate.

Lines are handed out one after another: the next one waits while the code is busy with the one
before, and while the person types faster than ``line_rate``. Reading from the connection pauses as
long as anything waits, so that the queue stays as short as what came in one read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from cletus.client.conversation import Conversation, current
from cletus.client.dialogue import Dialogue
from cletus.errors import DialogueError, Disconnected
from cletus.logs.context import hidden_line
from cletus.meters import Gauge
from cletus.reactor.clock import Clock

if TYPE_CHECKING:
    from cletus.client.client import Client


class Bucket:
    """A token bucket: ``burst`` at once, refilled at ``rate`` a second; if one is 0, there is no limit."""

    __slots__ = ("_burst", "_rate", "_then", "_tokens")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate if burst else 0.0
        self._burst = float(burst)
        self._tokens = self._burst
        self._then = now

    def take(self, now: float) -> float:
        """Take one token: 0.0 if there was one, else the seconds until there will be."""
        if not self._rate:
            return 0.0
        self._tokens = min(self._burst, self._tokens + (now - self._then) * self._rate)
        self._then = now
        # A hair less than one is one: a timer set for the exact instant may find 0.9999999.
        if self._tokens >= 1.0 - 1e-6:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate


class Inbox:
    """The lines of one client.

    Args:
        clock: for the rate.
        ready: whether somebody can take a line now.
        deliver: takes one line.
        pause: called when reading from the connection must stop, and with ``False`` when it may go on.
        after: called when what could be handed out has been handed out.
        peak: the most lines that have ever waited, of all inboxes that share it.
        rate: lines a second in the long run; 0 means no limit.
        burst: lines at once; 0 means no limit, whatever the rate is.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        ready: Callable[[], bool],
        deliver: Callable[[str], None],
        pause: Callable[[bool], None],
        after: Callable[[], None] = lambda: None,
        peak: Gauge | None = None,
        rate: float,
        burst: int,
    ) -> None:
        self._clock = clock
        self._ready = ready
        self._deliver = deliver
        self._pause = pause
        self._after = after
        self._peak = peak
        self._bucket = Bucket(rate, burst, clock.seconds())
        self._lines: deque[str] = deque()
        self._timer: Any = None
        self._paused = False
        self._pumping = False
        self._closed = False
        self._burst = burst

    def __len__(self) -> int:
        return len(self._lines)

    def put(self, line: str) -> None:
        """A line has been typed."""
        self._lines.append(line)
        self.pump()
        if self._lines and self._peak is not None:
            self._peak.raise_to(len(self._lines))

    def pump(self) -> None:
        """Hand out what can be handed out now. Called whenever somebody may have become ready."""
        if self._pumping or self._timer is not None:
            return
        self._pumping = True
        try:
            while self._lines and self._ready() and self._may_go():
                self._deliver(self._lines.popleft())
        finally:
            self._pumping = False
        self._tell(bool(self._lines) and not self._closed)
        self._after()

    def close(self) -> None:
        """The connection is gone: no rate any more, but no more than one burst of what waits."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._burst and len(self._lines) > self._burst:
            self._lines.pop()
        self.pump()

    def clear(self) -> None:
        """Forget what waits."""
        self._lines.clear()

    def _may_go(self) -> bool:
        if self._closed:
            return True
        wait = self._bucket.take(self._clock.seconds())
        if wait:
            self._timer = self._clock.callLater(wait, self._go_on)
        return not wait

    def _go_on(self) -> None:
        self._timer = None
        self.pump()

    def _tell(self, paused: bool) -> None:
        if paused != self._paused:
            self._paused = paused
            self._pause(paused)


class Questions:
    """Those that have no answer yet.

    Args:
        client: who is asked.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: deque[Deferred[str]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def ask(self) -> Deferred[str]:
        """One more; the Deferred fires with its answer.

        The conversation whose code is running is noted as waiting for it, if it is with this person:
        a reload can start that again.
        """
        answer: Deferred[str] = Deferred(self._withdraw)
        self._waiting.append(answer)
        conversation = current()
        if conversation is not None and conversation.client is self._client:
            conversation.asking = answer
            answer.addBoth(_answered, conversation)
        return answer

    def answer(self, line: str) -> None:
        """Answer the first of them."""
        self._waiting.popleft().callback(line)

    def abandon(self) -> None:
        """Nobody will answer any more."""
        while self._waiting:
            self._waiting.popleft().errback(left(self._client))

    def _withdraw(self, answer: Deferred[str]) -> None:
        """A cancelled question takes no line."""
        if answer in self._waiting:
            self._waiting.remove(answer)


def left(client: Client) -> Disconnected:
    """What somebody who waits for an answer is told."""
    return Disconnected(f"{client!r} left before answering")


def _answered(result: Any, conversation: Conversation) -> Any:
    conversation.asking = None
    conversation.hidden = hidden_line()
    return result


class Dialogues:
    """Those that are under way.

    Args:
        client: whose.

    Attributes:
        under_way: the one in front last. A reload replaces them here.
    """

    __slots__ = ("_client", "under_way")

    def __init__(self, client: Client) -> None:
        self._client = client
        self.under_way: list[Dialogue] = []

    def __len__(self) -> int:
        return len(self.under_way)

    @property
    def front(self) -> Dialogue:
        """The one that has the lines; there must be one."""
        return self.under_way[-1]

    @property
    def is_any_busy(self) -> bool:
        """Whether one of them, in front or not, is still at work."""
        return any(one.is_busy for one in self.under_way)

    def begin(self, dialogue: Dialogue) -> Deferred[Any]:
        """Begin one, in front of those that are under way; fires with what it gives to ``done()``.

        Raises:
            DialogueError: it has no step, or was begun already; nothing has changed then.
        """
        result: Deferred[Any] = Deferred()
        if self.under_way:
            self.front.cover()
        self.under_way.append(dialogue)
        try:
            dialogue.start(self._client, result)
        except DialogueError:
            self.under_way.pop()
            raise
        return result

    def ended(self, dialogue: Dialogue) -> None:
        """It takes no more lines. After a reload, an older self of it may be the one that ends."""
        self.under_way[:] = [one for one in self.under_way if vars(one) is not vars(dialogue)]
        if self.under_way:
            # Its code may be about to go on by itself; at the end of the turn that is known.
            self._client.service.turn.at_end(self.front.uncover)

    def is_in_front(self, dialogue: Dialogue) -> bool:
        """Whether this one, or an older self of it, has the lines."""
        return bool(self.under_way) and vars(self.front) is vars(dialogue)

    def stop(self) -> None:
        """End them all, from the front."""
        while self.under_way:
            self.under_way.pop().stop()
