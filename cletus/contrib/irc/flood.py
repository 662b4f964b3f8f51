"""How much goes over a bridge: a rate, and a queue with bounds in bytes and seconds."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import NamedTuple


class Rate:
    """A token bucket: so many lines a second on average, and so many at once.

    Args:
        per_second: lines a second.
        burst: lines at once.
        seconds: a monotonic clock.
    """

    def __init__(self, per_second: float, burst: int, seconds: Callable[[], float]) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._seconds = seconds
        self._left, self._then = self._burst, seconds()

    @property
    def wait(self) -> float:
        """Seconds until the next line is allowed; 0.0 if it is now."""
        self._fill()
        # A timer that waits for the rest may fire a rounding error early.
        return 0.0 if self._left > 1.0 - 1e-6 else (1.0 - self._left) / self._per_second

    def take(self) -> bool:
        """Count a line; whether it is allowed."""
        if self.wait:
            return False
        self._left -= 1.0
        return True

    def _fill(self) -> None:
        now = self._seconds()
        self._left = min(self._burst, self._left + max(0.0, now - self._then) * self._per_second)
        self._then = now


class _Waiting(NamedTuple):
    since: float
    text: str

    @property
    def size(self) -> int:
        return len(self.text.encode())


class Queue:
    """Messages that wait to be sent, a queue for each speaker and target; they take turns.

    So nobody who writes a lot keeps others from being heard.

    Args:
        size: bytes that may wait; of one speaker for one target, a quarter of it.
        seconds_max: seconds that a message may wait.
        seconds: a monotonic clock.

    Attributes:
        left_out: how many messages were left out, by target.
    """

    def __init__(self, size: int, seconds_max: float, seconds: Callable[[], float]) -> None:
        self._size = size
        self._seconds_max = seconds_max
        self._seconds = seconds
        self._queues: dict[tuple[str, str], deque[_Waiting]] = {}
        self._bytes: Counter[tuple[str, str]] = Counter()
        self.left_out: Counter[str] = Counter()

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def put(self, speaker: str, target: str, text: str) -> None:
        """Add a message, or count it as left out."""
        key, message = (speaker, target), _Waiting(self._seconds(), text)
        own = self._bytes[key] + message.size
        if own > self._size // 4 or self._bytes.total() + message.size > self._size:
            self.left_out[target] += 1
            return
        self._queues.setdefault(key, deque()).append(message)
        self._bytes[key] = own

    def take(self, is_open: Callable[[str], bool]) -> tuple[str, str] | None:
        """The target and text of the next message to an open target, which is taken out, or ``None``."""
        self.expire()
        for key in self._queues:
            if is_open(key[1]):
                message = self._pop(key)
                if key in self._queues:  # others come first
                    self._queues[key] = self._queues.pop(key)
                return key[1], message.text
        return None

    def expire(self) -> None:
        """Leave out the messages that have waited too long."""
        oldest = self._seconds() - self._seconds_max
        for key, waiting in list(self._queues.items()):
            while waiting and waiting[0].since < oldest:
                self._pop(key)
                self.left_out[key[1]] += 1

    def _pop(self, key: tuple[str, str]) -> _Waiting:
        waiting = self._queues[key]
        message = waiting.popleft()
        self._bytes[key] -= message.size
        if not waiting:
            del self._queues[key], self._bytes[key]
        return message
