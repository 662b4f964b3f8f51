"""A dict of names that is also searched by prefix."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class PrefixTable(Generic[T]):
    """Maps names to values, and keeps the names sorted, so that a prefix is found by bisection."""

    def __init__(self) -> None:
        self._values: dict[str, T] = {}
        self._names: list[str] = []

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        """The names, sorted."""
        return iter(self._names)

    def add(self, name: str, value: T) -> None:
        """Add a name that is not in the table yet."""
        insort(self._names, name)
        self._values[name] = value

    def get(self, name: str) -> T | None:
        """The value of exactly this name, or ``None``."""
        return self._values.get(name)

    def starting_with(self, prefix: str) -> list[tuple[str, T]]:
        """Names with this prefix and their values, sorted by name."""
        start = bisect_left(self._names, prefix)
        end = bisect_right(self._names, prefix, start, key=lambda name: name[: len(prefix)])
        return [(name, self._values[name]) for name in self._names[start:end]]
