"""Names to values: found by the whole name or by its beginning, without looking at all of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class NameTable(Generic[T]):
    """A dict that also knows its names in order, so that a prefix is found by bisection."""

    def __init__(self) -> None:
        self._values: dict[str, T] = {}
        self._names: list[str] = []

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def add(self, name: str, value: T) -> None:
        """Add a name that is not there yet."""
        insort(self._names, name)
        self._values[name] = value

    def get(self, name: str) -> T | None:
        """The value of exactly this name."""
        return self._values.get(name)

    def starting_with(self, prefix: str) -> list[tuple[str, T]]:
        """Names that begin so, in order, each with its value."""
        start = bisect_left(self._names, prefix)
        end = bisect_right(self._names, prefix, start, key=lambda name: name[: len(prefix)])
        return [(name, self._values[name]) for name in self._names[start:end]]
