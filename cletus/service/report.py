"""The report of one reload, for its author.

``service.last_reload``, ``events.PostReload`` and ``events.ReloadFailed`` carry it; ``reload/`` fills
it in. It imports nothing of Cletus, so that ``events.py`` can name its type.
"""

from __future__ import annotations

import enum
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain

from cletus.text.plural import counted

#: How the line of a loss begins.
_WARNING = "warning: "


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
        still_running: names of ``async`` listeners that run on in the old code, with how many of each.
        warnings: what is lost or left in the old code, and what to do about it, a sentence each; those of
            ``fields_dropped`` and ``stores_parked`` are not among them.
        notes: further facts, a sentence each.
        phases: seconds by phase, in order.
        holders: what keeps old code alive, a sentence each; known a turn later.
        error: why it was refused; "" if it was not.
        phase: in which it was refused; "" if it was not.
        known: sentences that the report before has said, and would recur with each save; its text leaves
            them out.
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
    still_running: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)
    holders: list[str] = field(default_factory=list)
    error: str = ""
    phase: str = ""
    known: frozenset[str] = frozenset()

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

    @property
    def has_warnings(self) -> bool:
        """Whether its text has a warning."""
        return any(line.startswith(_WARNING) for line in self._details())

    def recurring(self) -> frozenset[str]:
        """The sentences that the next report need not repeat: its ``known``."""
        return frozenset({*map(_without_key, self.warnings), *map(_without_names, self.holders)})

    def __str__(self) -> str:
        if self.outcome is Outcome.UNCHANGED:
            return f"Nothing to reload: the files hold what runs (generation {self.generation})"
        if self.outcome is Outcome.REFUSED:
            head = f"Reload refused ({self.phase}), generation {self.generation} goes on"
            left = (f"    left behind: {line}" for line in (*self.notes, *self._holders()))
            return "\n".join((f"{head}: {self.error}", *left))
        return "\n".join((self._summary(), *(f"    {line}" for line in self._details())))

    def _summary(self) -> str:
        objects = sum(self.stores.values())
        return (
            f"Reloaded, generation {self.generation}: {self._modules()};"
            f" {counted(objects, 'object')} carried in {self.pause * 1000:.1f} ms"
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
        yield from (f"{_WARNING}{sentence}" for sentence in self._losses())
        if self.fields_added:
            yield f"new fields: {', '.join(self.fields_added)}"
        for name, count in self.fields_dropped.items():
            if not count:
                yield f"field {name} is gone: no object had a value"
        for name, count in self.stores_returned.items():
            yield f"store {name} is back: {counted(count, 'object')} returned"
        if self.restarted:
            yield f"{counted(self.restarted, 'conversation')} started again"
        yield from self.notes
        yield from self._holders()

    def _losses(self) -> Iterator[str]:
        """What is lost, or no longer in use, with what to do about it."""
        for name, count in self.fields_dropped.items():
            if count:
                field_name = name.rpartition(".")[2]
                yield (
                    f"field {name} is gone: {counted(count, 'value')} parked; they are back when the "
                    f'field is, or with Field(renamed_from="{field_name}") if it has a new name'
                )
        for name, count in self.stores_parked.items():
            yield (
                f"store {name} is gone: {counted(count, 'object')} parked; they are back when the "
                f'store is, or with renamed_from = "{name}" in its class if it has a new name'
            )
        for name, count in self.still_running.items():
            people = "1 person" if count == 1 else f"{count:,} people"
            yield (
                f"{name} is still running for {people}, in the old code, and ends there; "
                "a Dialogue goes on in the new code"
            )
        yield from (
            sentence for sentence in self.warnings if _without_key(sentence) not in self.known
        )

    def _holders(self) -> Iterator[str]:
        """What is alive for a reason that a warning gives is left out."""
        explained = set(chain.from_iterable(map(_words, self.warnings)))
        for sentence, count in Counter(self.holders).items():
            if _without_names(sentence) in self.known or explained & _words(sentence):
                continue
            yield sentence if count == 1 else f"{sentence} ({count:,} times)"


def _words(sentence: str) -> set[str]:
    """The dotted names in a sentence, without those of the modules that are alive."""
    words = (word.strip("`,;:.") for word in _without_names(sentence).split())
    return {word for word in words if "." in word}


def _without_key(warning: str) -> str:
    """A warning about a value, without the key of its object, which is one of many."""
    return re.sub(r"^(\w+) '[^']*'(.*?)(?: \(and [\d,]+ more\))?: ", r"\1\2: ", warning)


def _without_names(holder: str) -> str:
    """A sentence about a holder without the modules it keeps alive, which differ from save to save."""
    head, colon, tail = holder.partition("): ")
    return tail if colon and head.startswith("old code is still alive (") else holder
