"""The report of one reload, for its author.

``service.last_reload``, ``events.PostReload`` and ``events.ReloadFailed`` carry it; ``reload/`` fills
it in. It imports nothing of Cletus, so that ``events.py`` can name its type.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class Outcome(enum.Enum):
    """How a reload ended."""

    #: The new code is in force.
    COMMITTED = "committed"
    #: The old code is in force, as if nothing had been tried.
    REFUSED = "refused"
    #: The files hold the code that is in force.
    UNCHANGED = "unchanged"


@dataclass(slots=True)
class ReloadReport:
    """One reload, from reading the files to the end of the old code.

    Attributes:
        outcome: how it ended.
        generation: the number of the generation in force afterwards.
        changed, added, removed: names of modules.
        stores: store name to the number of objects carried.
        fields_added: ``store.field`` names of new fields.
        fields_dropped: ``store.field`` names of removed fields, with the number of values parked.
        stores_parked: names of removed stores, with the number of objects parked.
        stores_returned: names of stores that are back, with the number of objects returned.
        restarted: how many conversations were started again.
        notes: further facts, a sentence each.
        phases: seconds by phase, in order.
        holders: what keeps old code alive, a sentence each; known a turn later.
        error: why it was refused; "" if it was not.
        phase: in which it was refused; "" if it was not.
    """

    outcome: Outcome = Outcome.UNCHANGED
    generation: int = 0
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    stores: dict[str, int] = field(default_factory=dict)
    fields_added: list[str] = field(default_factory=list)
    fields_dropped: dict[str, int] = field(default_factory=dict)
    stores_parked: dict[str, int] = field(default_factory=dict)
    stores_returned: dict[str, int] = field(default_factory=dict)
    restarted: int = 0
    notes: list[str] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)
    holders: list[str] = field(default_factory=list)
    error: str = ""
    phase: str = ""

    @property
    def ok(self) -> bool:
        """Whether the code in force is the code on disk."""
        return self.outcome is not Outcome.REFUSED

    @property
    def pause(self) -> float:
        """Seconds in which no line was answered."""
        return sum(self.phases.get(phase, 0.0) for phase in ("stage", "convert", "commit"))

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Measure a phase. If its code raises, ``phase`` names it."""
        before, self.phase = self.phase, phase
        start = time.perf_counter()
        try:
            yield
        finally:
            self.phases[phase] = self.phases.get(phase, 0.0) + time.perf_counter() - start
        self.phase = before

    def refuse(self, error: str) -> None:
        """The reload has failed in ``phase``."""
        self.outcome = Outcome.REFUSED
        self.error = error

    def __str__(self) -> str:
        if self.outcome is Outcome.UNCHANGED:
            return f"Nothing to reload: the files hold what runs (generation {self.generation})"
        if self.outcome is Outcome.REFUSED:
            head = f"Reload refused ({self.phase}), generation {self.generation} goes on"
            left = (f"    left behind: {one}" for one in (*self.notes, *self.holders))
            return "\n".join((f"{head}: {self.error}", *left))
        return "\n".join((self._summary(), *(f"    {line}" for line in self._details())))

    def _summary(self) -> str:
        objects = sum(self.stores.values())
        return (
            f"Reloaded, generation {self.generation}: {self._modules()};"
            f" {objects} object{'' if objects == 1 else 's'} carried"
            f" in {self.pause * 1000:.1f} ms"
        )

    def _modules(self) -> str:
        parts = [
            f"{', '.join(names)} {what}"
            for names, what in (
                (self.changed, "changed"),
                (self.added, "added"),
                (self.removed, "removed"),
            )
            if names
        ]
        return "; ".join(parts) or "no file changed"

    def _details(self) -> Iterator[str]:
        if self.fields_added:
            yield f"new fields: {', '.join(self.fields_added)}"
        for name, count in self.fields_dropped.items():
            yield f"field {name} is gone: {count} values parked"
        for name, count in self.stores_parked.items():
            yield f"store {name} is gone: {count} objects parked"
        for name, count in self.stores_returned.items():
            yield f"store {name} is back: {count} objects returned"
        if self.restarted:
            yield f"{self.restarted} conversations started again"
        yield from self.notes
        yield from self.holders
