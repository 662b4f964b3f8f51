"""A bus in memory, for tests: it loses answers, repeats, delays and forgets as a real engine may.

``MemoryEngine`` is the engine, ``MemoryBus`` the connection of one process to it. Nothing happens before
the clock is advanced, so a test decides what happens between two steps.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger

from cletus.cluster.bus import (
    ENTRY_MAX,
    FREE,
    LEASES_MAX,
    REQUESTS,
    STREAM_MAX,
    TELLS,
    Entry,
    Lease,
    Node,
    frames_for,
)
from cletus.errors import BusClosed, BusFull, EntryTooLarge
from cletus.reactor.clock import Clock

_COMMAND = 100  # what a command counts for in the backlog, besides its data
_WIDTH = 20  # digits of a cursor, so that cursors compare as the numbers do


@dataclass(slots=True)
class _Memory:
    """All that an engine remembers, and may forget."""

    epoch: int = 0
    claimant: tuple[int, int] = (0, 0)
    holder: int = 0  # epoch of the lease; -1: it was released
    expires: float = 0.0
    numbers: dict[int, int] = field(default_factory=dict)  # last command of each bus
    streams: dict[str, list[Entry]] = field(default_factory=dict)
    last: int = 0  # number of the last entry
    acks: dict[str, bytes] = field(default_factory=dict)
    nodes: dict[str, tuple[float, bytes]] = field(default_factory=dict)
    session: dict[str, bytes] = field(default_factory=dict)
    code: bytes = b""


@dataclass(slots=True)
class _Command:
    number: int
    run: Callable[[int], Any]
    size: int
    answer: Deferred[Any]


@dataclass(slots=True)
class _Reading:
    receive: Callable[[Sequence[Entry]], None]
    cursor: str = ""


class MemoryEngine:
    """An engine that several buses of one process share.

    Args:
        clock: tells the time; in tests a ``Clock``.

    Attributes:
        delay: seconds that a command, and a delivery, is on its way.
        is_running: while it is false, commands wait. ``start()`` sets it again.
        ahead: seconds by which its own clock is ahead.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.delay = 0.0
        self.is_running = True
        self.ahead = 0.0
        self._memory = _Memory()
        self._buses: list[MemoryBus] = []

    def seconds(self) -> float:
        """The time by its own clock."""
        return self.clock.seconds() + self.ahead

    def connect(self, bus: MemoryBus) -> int:
        """Add a bus; returns its identifier."""
        self._buses.append(bus)
        return len(self._buses)

    # -- faults -----------------------------------------------------------------------------

    def stop(self) -> None:
        """Answer nobody until ``start()``, like a process that was stopped or killed."""
        self.is_running = False

    def start(self) -> None:
        """Go on. All repeat what was not answered."""
        self.is_running = True
        for bus in self._buses:
            bus.mend()

    def forget(self) -> None:
        """Lose everything."""
        self._memory = _Memory()

    def snapshot(self) -> object:
        """What is remembered now, for ``restore()``."""
        return copy.deepcopy(self._memory)

    def restore(self, snapshot: object) -> None:
        """Go back to that, as an engine that was started from an old copy."""
        assert isinstance(snapshot, _Memory)  # noqa: S101 - as it is typed; it is opaque to others
        self._memory = copy.deepcopy(snapshot)

    def drop(self, stream: str, count: int = 1) -> None:
        """Lose the last entries of a stream, read or not."""
        entries = self._memory.streams.get(stream, [])
        del entries[max(0, len(entries) - count) :]

    def repeat(self, stream: str) -> None:
        """Append the last entry of a stream once more."""
        entries = self._memory.streams.get(stream)
        if entries:
            self.append(stream, entries[-1].data)

    # -- what buses call --------------------------------------------------------------------

    @property
    def memory(self) -> _Memory:
        """What is remembered."""
        return self._memory

    def is_repeated(self, bus: int, number: int) -> bool:
        """Whether this bus's command was carried out already; else it is from now on."""
        if number <= self._memory.numbers.get(bus, 0):
            return True
        self._memory.numbers[bus] = number
        return False

    def append(self, stream: str, data: bytes) -> None:
        """Append an entry, and have it delivered."""
        memory = self._memory
        memory.last += 1
        # As in Valkey, whose cursors begin with the time: they rise also after everything was forgotten.
        cursor = f"{int(self.seconds() * 1000):0{_WIDTH}}-{memory.last:0{_WIDTH}}"
        entries = memory.streams.setdefault(stream, [])
        entries.append(Entry(cursor, data))
        del entries[:-STREAM_MAX]
        for bus in self._buses:
            bus.awake()

    def trim(self, stream: str, cursor: str) -> None:
        """Remove the entries up to this one."""
        entries = self._memory.streams.get(stream, [])
        if entries and cursor <= entries[-1].cursor:
            entries[:] = [entry for entry in entries if entry.cursor > cursor]

    def after(self, stream: str, cursor: str) -> list[Entry]:
        """The entries after this one; all if the stream is older than it."""
        entries = self._memory.streams.get(stream, [])
        if entries and entries[-1].cursor < cursor:
            return list(entries)
        return [entry for entry in entries if entry.cursor > cursor]


class MemoryBus:
    """The connection of one process to a ``MemoryEngine``. It fulfils ``Bus``.

    Args:
        engine: which several buses share.
        backlog: maximum bytes that wait for it.
    """

    log = Logger()

    def __init__(self, engine: MemoryEngine, *, backlog: int = 64 * 1024 * 1024) -> None:
        self._engine = engine
        self._clock = engine.clock
        self._backlog = backlog
        self._identifier = engine.connect(self)
        self._number = 0
        self._queue: deque[_Command] = deque()
        self._readings: dict[str, _Reading] = {}
        self._is_open = self._is_closed = self._is_cut = self._is_running = self._is_awake = False
        self._loses_answers = False
        self._silent_since: float | None = None
        self.waiting = 0

    @property
    def silence(self) -> float:
        """As in ``Bus``."""
        return 0.0 if self._silent_since is None else self._clock.seconds() - self._silent_since

    def open(self) -> None:
        """As in ``Bus``."""
        self._is_open = True
        self._run_soon()
        self.awake()

    def close(self) -> Deferred[None]:
        """As in ``Bus``."""
        self._is_closed = True
        self._readings.clear()
        while self._queue:
            command = self._queue.popleft()
            command.answer.errback(BusClosed("the bus was closed"))
        self.waiting = 0
        return succeed(None)

    # -- faults -----------------------------------------------------------------------------

    def cut(self, *, loses_answers: bool = False) -> None:
        """Cut the connection until ``mend()``.

        Args:
            loses_answers: commands still reach the engine, and only the answers are lost.
        """
        self._is_cut, self._loses_answers = True, loses_answers
        self._run_soon()

    def mend(self) -> None:
        """Connect again, and repeat what was not answered."""
        self._is_cut = self._loses_answers = False
        self._run_soon()
        self.awake()

    # -- lease ------------------------------------------------------------------------------

    def _holder(self, lease: float) -> int:
        memory, now = self._engine.memory, self._engine.seconds()
        return memory.holder if now < memory.expires <= now + LEASES_MAX * lease else 0

    def lease(self, lease: float) -> Deferred[Lease]:
        """As in ``Bus``."""

        def run(_number: int) -> Lease:
            holder = self._holder(lease)
            if not holder:
                return Lease.NONE
            return Lease.FREE if holder < 0 else Lease.HELD

        return self._call(run)

    def claim(self, lease: float, *, after: int = 0, held: int = 0) -> Deferred[int]:
        """As in ``Bus``."""

        def run(number: int) -> int:
            memory, now = self._engine.memory, self._engine.seconds()
            if self._engine.is_repeated(self._identifier, number):
                return memory.epoch if memory.claimant == (self._identifier, number) else 0
            if self._holder(lease) > 0 and memory.holder != held:
                return 0
            memory.epoch = memory.holder = max(memory.epoch + 1, after + 1, int(now * 1000))
            memory.claimant, memory.expires = (self._identifier, number), now + lease
            memory.streams.pop(TELLS, None)
            memory.streams.pop(REQUESTS, None)
            return memory.epoch

        return self._call(run)

    def renew(self, epoch: int, lease: float) -> Deferred[int]:
        """As in ``Bus``."""

        def run(memory: _Memory) -> None:
            memory.holder, memory.expires = epoch, self._engine.seconds() + lease

        return self._fenced(epoch, run)

    def release(self, epoch: int) -> Deferred[int]:
        """As in ``Bus``."""

        def run(memory: _Memory) -> None:
            memory.holder, memory.expires = -1, self._engine.seconds() + FREE

        return self._fenced(epoch, run)

    # -- streams ----------------------------------------------------------------------------

    def read(self, stream: str, receive: Callable[[Sequence[Entry]], None]) -> Callable[[], None]:
        """As in ``Bus``."""
        self._readings[stream] = reading = _Reading(receive)
        self.awake()

        def end() -> None:
            if self._readings.get(stream) is reading:
                del self._readings[stream]

        return end

    def tell(self, data: bytes) -> Deferred[None]:
        """As in ``Bus``."""
        return self._append(TELLS, data)

    def post(self, stream: str, data: bytes) -> Deferred[None]:
        """As in ``Bus``."""
        return self._append(stream, data)

    # -- the primary ------------------------------------------------------------------------

    def turn(self, epoch: int, entries: Mapping[str, bytes], cursor: str = "") -> Deferred[int]:
        """As in ``Bus``."""
        entries = dict(entries)

        def run(_memory: _Memory) -> None:
            for gateway, data in entries.items():
                self._engine.append(frames_for(gateway), data)
            if cursor:
                self._engine.trim(TELLS, cursor)

        return self._fenced(epoch, run, *entries.values())

    def acks(self) -> Deferred[dict[str, bytes]]:
        """As in ``Bus``."""
        return self._call(lambda _number: dict(self._engine.memory.acks))

    def lose(self, epoch: int, gateway: str) -> Deferred[int]:
        """As in ``Bus``."""

        def run(memory: _Memory) -> None:
            memory.streams.pop(frames_for(gateway), None)
            memory.acks.pop(gateway, None)
            memory.nodes.pop(gateway, None)

        return self._fenced(epoch, run)

    # -- a gateway --------------------------------------------------------------------------

    def ack(self, gateway: str, data: bytes, cursor: str) -> Deferred[None]:
        """As in ``Bus``."""

        def run(number: int) -> None:
            if not self._engine.is_repeated(self._identifier, number):
                self._engine.memory.acks[gateway] = data
                self._engine.trim(frames_for(gateway), cursor)

        return self._call(run, data)

    # -- values -----------------------------------------------------------------------------

    def announce(self, node: str, data: bytes) -> Deferred[None]:
        """As in ``Bus``."""

        def run(_number: int) -> None:
            self._engine.memory.nodes[node] = (self._engine.seconds(), data)

        return self._call(run, data)

    def leave(self, node: str) -> Deferred[None]:
        """As in ``Bus``."""

        def run(_number: int) -> None:
            self._engine.memory.nodes.pop(node, None)

        return self._call(run)

    def nodes(self) -> Deferred[list[Node]]:
        """As in ``Bus``."""

        def run(_number: int) -> list[Node]:
            now, nodes = self._engine.seconds(), self._engine.memory.nodes
            return [Node(name, now - at, data) for name, (at, data) in sorted(nodes.items())]

        return self._call(run)

    def checkpoint(
        self, epoch: int, values: Mapping[str, bytes], removed: Collection[str] = ()
    ) -> Deferred[int]:
        """As in ``Bus``."""
        values, removed = dict(values), tuple(removed)

        def run(memory: _Memory) -> None:
            memory.session.update(values)
            for name in removed:
                memory.session.pop(name, None)

        return self._fenced(epoch, run, *values.values(), limit=0)

    def session(self) -> Deferred[dict[str, bytes]]:
        """As in ``Bus``."""
        return self._call(lambda _number: dict(self._engine.memory.session))

    def set_code(self, epoch: int, data: bytes) -> Deferred[int]:
        """As in ``Bus``."""

        def run(memory: _Memory) -> None:
            memory.code = data

        return self._fenced(epoch, run, data, limit=0)

    def code(self) -> Deferred[bytes]:
        """As in ``Bus``."""
        return self._call(lambda _number: self._engine.memory.code)

    # -- commands and deliveries ------------------------------------------------------------

    def _append(self, stream: str, data: bytes) -> Deferred[None]:
        def run(number: int) -> None:
            if not self._engine.is_repeated(self._identifier, number):
                self._engine.append(stream, data)

        return self._call(run, data, limit=ENTRY_MAX)

    def _fenced(
        self, epoch: int, change: Callable[[_Memory], None], *data: bytes, limit: int = ENTRY_MAX
    ) -> Deferred[int]:
        def run(number: int) -> int:
            memory = self._engine.memory
            if memory.epoch == epoch and not self._engine.is_repeated(self._identifier, number):
                change(memory)
            return memory.epoch

        return self._call(run, *data, limit=limit)

    def _call(self, run: Callable[[int], Any], *data: bytes, limit: int = 0) -> Deferred[Any]:
        """Queue a command; it is given its number when it runs."""
        if self._is_closed:
            return fail(BusClosed("the bus is closed"))
        largest = max(map(len, data), default=0)
        if limit and largest > limit:
            return fail(EntryTooLarge(largest, limit))
        size = len(data) and _COMMAND + sum(map(len, data))
        if size and self.waiting + size > self._backlog:
            return fail(BusFull(self.waiting, self._backlog))
        self._number += 1
        answer: Deferred[Any] = Deferred()
        self._queue.append(_Command(self._number, run, size, answer))
        self.waiting += size
        self._run_soon()
        return answer

    def _run_soon(self) -> None:
        if self._queue and self._silent_since is None:
            self._silent_since = self._clock.seconds()
        if self._is_open and not self._is_running and self._queue:
            self._is_running = True
            self._clock.callLater(self._engine.delay, self._run)

    def _run(self) -> None:
        self._is_running = False
        if not self._engine.is_running or (self._is_cut and not self._loses_answers):
            return
        for command in list(self._queue):
            answer = command.run(command.number)
            if self._is_cut:
                continue
            self._queue.popleft()
            self.waiting -= command.size
            self._silent_since = None
            command.answer.callback(answer)
            if self._is_closed:
                return
        if not self._is_cut:
            self._run_soon()

    def awake(self) -> None:
        """Deliver soon what has come."""
        if self._is_open and not self._is_awake:
            self._is_awake = True
            self._clock.callLater(self._engine.delay, self._deliver)

    def _deliver(self) -> None:
        self._is_awake = False
        if self._is_cut or self._is_closed or not self._engine.is_running:
            return
        for stream, reading in list(self._readings.items()):
            entries = self._engine.after(stream, reading.cursor)
            if entries and self._readings.get(stream) is reading:
                reading.cursor = entries[-1].cursor
                try:
                    reading.receive(entries)
                except Exception:  # noqa: BLE001 - the others are to have theirs
                    self.log.failure("Entries of {stream} could not be handled", stream=stream)
