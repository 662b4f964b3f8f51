"""What a person types: a queue of lines, and who reads them.

At each moment there is one reader. It is the first question that has no answer (``client.ask()``), else
the dialogue on top of the stack, else the service, which fires ``Receive``. The next line waits while its
reader is busy with the one before, and while the person types faster than ``line_rate``. When the
queue is full (``is_full``), nothing more is read from the connection, and the door does not take more out of
what it has read, until no line waits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from weakref import ref

from twisted.internet.defer import Deferred

from cletus.client.interfaces import (
    Host,
    Person,
    Reader,
    StackedReader,
    Transport,
    relayed,
)
from cletus.client.listener_task import ListenerTask, current_task
from cletus.client.output import Output
from cletus.errors import ConversationEnded, DialogueError, Disconnected
from cletus.logs.context import hidden_line, log_context, subject
from cletus.protocol.plain_state import PlainState
from cletus.protocol.text import TypedLine, typed_line

LINES_MAX: Final = 200
"""Lines that wait at most, if ``line_burst`` is 0. Our choice."""


class Bucket(PlainState):
    """A token bucket: ``burst`` at once, refilled at ``rate`` a second; if one is 0, there is no limit."""

    __slots__ = ("_burst", "_rate", "_then", "_tokens")
    STATE = ("_tokens",)

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate if burst else 0.0
        self._burst = float(burst)
        self._tokens = self._burst
        self._then = now

    def take(self, now: float) -> float:
        """Take a token: 0.0 if there was one, else the seconds until there will be one."""
        if not self._rate:
            return 0.0
        self.refill(now)
        # A timer set for the exact instant may find 0.9999999 tokens, and would be set again.
        if self._tokens >= 1.0 - 1e-6:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate

    def refill(self, now: float) -> None:
        """Add the tokens for the time since the last call."""
        self._tokens = min(self._burst, self._tokens + (now - self._then) * self._rate)
        self._then = now


class Question:
    """A ``client.ask()`` without an answer yet: a reader of one line.

    Args:
        withdraw: takes the question out of the queue; called before it is answered, and when its
            ``answer`` is cancelled.

    Attributes:
        answer: fires with the line.
    """

    __slots__ = ("_withdraw", "answer")
    is_busy: Final = False

    def __init__(self, withdraw: Callable[[Question], None]) -> None:
        self._withdraw = withdraw
        self.answer: Deferred[str] = Deferred(lambda _: withdraw(self))

    def take(self, line: str) -> None:
        """The line is the answer."""
        self._withdraw(self)  # first: the code that gets the answer may ask again
        self.answer.callback(line)


class ServiceReader:
    """Hands lines that nobody else waits for to the service, one at a time.

    Attributes:
        tasks: the ``async`` listeners that run for this client; lines wait until they have ended.
    """

    __slots__ = ("_client", "_host", "tasks")

    def __init__(self, client: Person, host: Host) -> None:
        self._client = client
        self._host = host
        self.tasks: list[ListenerTask] = []

    @property
    def is_busy(self) -> bool:
        """Whether a listener is still at work."""
        return bool(self.tasks)

    def take(self, line: str) -> None:
        """Have ``Receive`` fired."""
        self._host.received(self._client, line)


class Input:
    """The lines of one client and their readers.

    Args:
        client: the client.
        host: its service.
        transport: its connection; reading from it pauses when too many lines wait.
        output: knows whether what is typed now is hidden, and is told when code is at work.
        ended: called when nothing more is typed, all lines are handled and nobody is at work.

    Attributes:
        lines: those that wait, for reading.
        taken: how many lines its readers have been given.
        again_until: up to which of them a process before this one may have handled them, too.
        last_at: when the latest line came, or else when they connected, by the host's clock.
        dialogues: the ``Dialogue`` objects under way, the one on top last. A reload replaces them in
            this list. Dialogues know their client's class, so theirs is not known here.
    """

    def __init__(
        self,
        client: Person,
        host: Host,
        transport: Transport,
        output: Output,
        ended: Callable[[], None],
    ) -> None:
        settings, clock = host.settings, host.clock
        self._client = client
        self._host = host
        self._transport = transport
        self._output = output
        self._ended = ended
        self._clock = clock
        self.last_at = clock.seconds()
        self._bucket = Bucket(settings.line_rate, settings.line_burst, self.last_at)
        self._burst = settings.line_burst
        self._max = settings.input_max
        self.lines: list[str] = []  # a few; an empty deque would take 600 bytes of each client
        remote = relayed(transport)
        self.taken = 0 if remote is None else remote.lines_before
        self.again_until = 0
        self._handled = None if remote is None else remote.handled
        self._questions: list[Question] = []
        self.dialogues: list[Any] = []
        self._service = ServiceReader(client, host)
        self._last: Reader = self._service
        self._rate_timer: Any = None
        self._pumping = False  # pump() is on the stack: a reader must not start it once more
        self._held = False  # held() is on the stack
        self._paused = False  # the transport reads nothing
        self._over = False  # nothing more is typed
        self._closed = False  # the connection is gone

    # -- to another process ------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """The lines that wait, as plain data; see ``cletus.protocol.plain_state``."""
        self._bucket.refill(self._clock.seconds())
        return {
            "lines": list(map(str, self.lines)),
            "bucket": self._bucket.snapshot(),
            "idle": self._clock.seconds() - self.last_at,
            "over": self._over,
            "taken": self.taken,
            "again_until": self.again_until,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue with this state. ``pump()`` has to follow, when the readers are there."""
        self.lines.extend(state["lines"])
        self._bucket.restore(state["bucket"])
        self.taken = state.get("taken", 0)
        self.again_until = state.get("again_until", 0)
        self.last_at = self._clock.seconds() - state["idle"]

    @property
    def is_over(self) -> bool:
        """Whether nothing more is typed, though they still read."""
        return self._over

    @property
    def questions(self) -> int:
        """How many questions have no answer yet."""
        return len(self._questions)

    # -- the queue --------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be taken out of what was read, until ``resume_reading()``."""
        if not self.lines:
            return False
        return len(self.lines) >= (self._burst or LINES_MAX) or 0 < self._max < self.memory

    @property
    def memory(self) -> int:
        """Bytes of memory that the lines take that wait."""
        return sum(map(sys.getsizeof, self.lines)) if self.lines else 0

    def put(self, line: str) -> None:
        """A line has been typed."""
        self.last_at = self._clock.seconds()
        metrics = self._host.metrics
        metrics.lines.value += 1
        self.lines.append(line)
        self.pump()
        if self.lines:
            metrics.input_peak.raise_to(len(self.lines))

    def put_back(self, line: str) -> None:
        """A reader that has ended gives back its last line: the next reader gets it first."""
        self.lines.insert(0, typed_line(line))  # a hidden one is as it was typed
        self.taken -= 1

    def pump(self) -> None:
        """Give lines that wait to their readers, as far as these are ready and the rate allows.

        It is called whenever a reader may have become ready.
        """
        if self._pumping:
            return
        if self._rate_timer is not None:
            self._update_reading()
            return
        self._pumping = True
        try:
            while self.lines and not self._held:
                reader = self.reader
                if reader.is_busy or not self._rate_allows():
                    break
                self.taken += 1
                self._hand(self.lines.pop(0), reader)
        finally:
            self._pumping = False
        is_busy, echo = self.reader.is_busy, self._output.echo
        if is_busy or echo.is_undecided or echo.terminal_hides:  # else it would change nothing
            self._output.line_at_work(is_busy)
        if self._handled is not None and not is_busy:
            self._handled(self.taken)
        self._update_reading()
        if self._over:
            self._end_if_done()

    @property
    def reader(self) -> Reader:
        """Who gets the next line: the first question, else the top dialogue, else the last reader."""
        if self._questions:
            return self._questions[0]
        if self.dialogues:
            top: Reader = self.dialogues[-1]
            return top
        return self._last

    def end_at(self, reader: Reader) -> None:
        """Give lines that no question or dialogue waits for to this reader, in place of the service."""
        self._last = reader

    @property
    def is_free(self) -> bool:
        """Whether the next line is for the service, which fires ``Receive``."""
        return self.reader is self._service

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody gets a line inside.

        A reload ends an ``async`` listener and starts its successor: what was typed ahead is for the
        successor, and must not reach other listeners in between.
        """
        self._held = True
        try:
            yield
        finally:
            self._held = False
            self.pump()

    def hold(self) -> None:
        """Nobody gets a line from now on: another process goes on."""
        self._held = True

    def clear(self) -> None:
        """Throw away what waits."""
        self.lines.clear()

    def end(self) -> None:
        """Nothing more is typed: what waits is handled, as fast as the rate allows."""
        self._over = True
        self.pump()

    def close(self) -> None:
        """The connection is gone: handle what waits without a rate, but no more than one burst."""
        self._over = self._closed = True
        if self._rate_timer is not None:
            self._rate_timer.cancel()
            self._rate_timer = None
        while self._burst and len(self.lines) > self._burst:
            self.lines.pop()
        self.pump()

    def break_off(self) -> None:
        """They have left long ago, and code is still at work on their lines: end it."""
        self.clear()
        for task in self.tasks:
            task.dismiss()
        self._service.tasks.clear()
        self.stop_dialogues()
        self._end_if_done()

    # -- questions --------------------------------------------------------------------------

    def refusal(self, reason: str = "") -> BaseException | None:
        """Why a question cannot be asked; ``None`` if it can.

        After they have left, only lines that still wait can answer. A task is told that once. If it
        goes on asking, what it gets passes ``except Exception``: it would ask for ever.

        Args:
            reason: that they have left, in words; by default those of a question.
        """
        task = self._present_task()
        if task is not None and task.is_over:
            return ConversationEnded()
        if (self._client.connected and not self._over) or self.lines:
            return None
        if task is not None:
            task.is_over = True
        return Disconnected(reason) if reason else self.no_answer()

    def ask(self) -> Deferred[str]:
        """Add a question; the Deferred fires with the line that answers it.

        The listener task whose code is running is noted as waiting for the answer, if it is a task
        of this client: a reload can start such a task again.
        """
        question = Question(self._withdraw)
        self._questions.append(question)
        task = self._present_task()
        if task is not None:
            task.asking = question.answer
            question.answer.addBoth(_answered, task)
        return question.answer

    def _present_task(self) -> ListenerTask | None:
        task = current_task()
        return task if task is not None and task.client is self._client else None

    def no_answer(self) -> Disconnected:
        """The error of a question that nobody will answer any more."""
        return Disconnected(f"{self._client!r} left before answering")

    # -- dialogues --------------------------------------------------------------------------

    def start_dialogue(
        self, dialogue: StackedReader, result: Deferred[Any] | None = None
    ) -> Deferred[Any]:
        """Put a dialogue on top of those under way; fires with what it gives to ``done()``.

        Args:
            dialogue: a new one.
            result: fires with that; by default a new Deferred.

        Raises:
            DialogueError: it cannot be started; nothing has changed then.
        """
        result = Deferred() if result is None else result
        if self.dialogues:
            self.dialogues[-1].suspend()
        self.dialogues.append(dialogue)
        try:
            dialogue.start(self._client, result)
        except DialogueError:
            self.dialogues.pop()
            raise
        return result

    def task_awaits(self, dialogue: StackedReader) -> None:
        """The task whose code is running is about to wait for the end of this dialogue."""
        task = self._present_task()
        if task is not None:
            task.dialogue = ref(dialogue)

    def end_dialogue(self, dialogue: StackedReader) -> None:
        """It takes no more lines."""
        # By their attributes: after a reload, the old self of a dialogue may be the one that ends.
        self.dialogues[:] = [other for other in self.dialogues if vars(other) is not vars(dialogue)]
        if self.dialogues:
            # Its own code may be about to continue it; by the end of the turn that is known.
            self._host.turn.at_end(self.dialogues[-1].resume)

    def is_top(self, dialogue: StackedReader) -> bool:
        """Whether this dialogue, or an old self of it, is on top of the stack."""
        return bool(self.dialogues) and vars(self.dialogues[-1]) is vars(dialogue)

    def stop_dialogues(self) -> None:
        """End them all, from the top."""
        while self.dialogues:
            self.dialogues.pop().stop()

    # -- async listeners --------------------------------------------------------------------

    @property
    def tasks(self) -> tuple[ListenerTask, ...]:
        """The ``async`` listeners that run for this client."""
        return tuple(self._service.tasks)

    def task_started(self, task: ListenerTask) -> None:
        """Lines wait until it ends or asks for one."""
        self._service.tasks.append(task)

    def task_ended(self, task: ListenerTask) -> None:
        """The next line can go to listeners again."""
        if task in self._service.tasks:
            self._service.tasks.remove(task)
        self.pump()

    # -- inside -----------------------------------------------------------------------------

    def _hand(self, line: str, reader: Reader) -> None:
        if self._output.open_line is not None:
            self._output.line_taken()
        if isinstance(line, TypedLine):
            line = line.typed if self._output.echo.is_hidden else str(line)
        if self._output.echo.is_hidden:
            with log_context(self._client, hidden=line):
                reader.take(line)
            return
        before = subject.set(self._client)  # as log_context does, which would cost more
        try:
            reader.take(line)
        finally:
            subject.reset(before)

    def _rate_allows(self) -> bool:
        """Whether a line may be handed out now; if not, a timer pumps when one may."""
        if self._closed:
            return True
        wait = self._bucket.take(self._clock.seconds())
        if wait:
            self._rate_timer = self._clock.callLater(wait, self._rate_timer_fired)
        return not wait

    def _rate_timer_fired(self) -> None:
        self._rate_timer = None
        self.pump()

    def _update_reading(self) -> None:
        """Read on until too many lines wait, and then not until none does.

        Of a connection that is not read nobody hears that it is gone, so some may be typed ahead.
        """
        paused = bool(self.lines) and not self._over and (self._paused or self.is_full)
        if paused is self._paused:
            return
        self._paused = paused
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _withdraw(self, question: Question) -> None:
        if question in self._questions:
            self._questions.remove(question)

    def _end_if_done(self) -> None:
        if self.lines:
            return
        while self._questions:  # nobody is there to answer them
            self._questions.pop(0).answer.errback(self.no_answer())
        if not (self._last.is_busy or any(other.is_busy for other in self.dialogues)):
            self._ended()


def _answered(result: Any, task: ListenerTask) -> Any:
    task.asking = None
    task.hidden = hidden_line()
    return result
