"""The report of one restart: ``service.last_restart``, ``events.PostRestart``, ``events.RestartFailed``.

It imports nothing of the service, so that ``events.py`` can name its type.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cletus.text.plural import counted


class RestartOutcome(enum.Enum):
    """How a restart ended."""

    #: The new process serves.
    TAKEN_OVER = "taken over"
    #: The old process serves, as if nothing had been tried.
    REFUSED = "refused"
    #: The new process could take over, and was only asked whether it can.
    CHECKED = "checked"


@dataclass(slots=True)
class RestartReport:
    """One restart, from the request to the first line that the new process handles.

    Attributes:
        outcome: how it ended.
        old_pid, new_pid: the processes; ``new_pid`` is 0 until the new one is ready.
        versions: of ``cletus``, ``python`` and ``twisted`` in the new process.
        kept: how many people stayed connected.
        dropped: how many were told to connect again, since their connection is encrypted; they stay
            logged in for ``linkdead_timeout``.
        restarted: how many conversations were started again.
        pause: seconds in which no line was answered.
        phases: seconds by phase, in order.
        asked_by: the id of the client who gets the report; 0 for nobody.
        warnings: what is lost, a sentence each.
        notes: what ended with the old process, a sentence each.
        error: why it was refused; "" if it was not.
        phase: in which it was refused; "" if it was not.
    """

    outcome: RestartOutcome = RestartOutcome.REFUSED
    old_pid: int = 0
    new_pid: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    kept: int = 0
    dropped: int = 0
    restarted: int = 0
    pause: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)
    asked_by: int = 0
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    error: str = ""
    phase: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was not refused."""
        return self.outcome is not RestartOutcome.REFUSED

    @property
    def is_taken_over(self) -> bool:
        """Whether the new process serves."""
        return self.outcome is RestartOutcome.TAKEN_OVER

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Measure a phase. If its code raises, ``phase`` names it."""
        self.phase = phase
        start = time.perf_counter()
        try:
            yield
        finally:
            self.phases[phase] = self.phases.get(phase, 0.0) + time.perf_counter() - start
        self.phase = ""

    def refuse(self, error: str) -> None:
        """The restart has failed in ``phase``."""
        self.outcome, self.error = RestartOutcome.REFUSED, error

    def __str__(self) -> str:
        lines = [f"warning: {warning}" for warning in self.warnings] + self.notes
        return "\n    ".join((self._summary(), *lines))

    def _summary(self) -> str:
        if self.outcome is RestartOutcome.REFUSED:
            phase = f" ({self.phase})" if self.phase else ""
            return f"Restart refused{phase}, process {self.old_pid} goes on: {self.error}"
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        if self.outcome is RestartOutcome.CHECKED:
            return f"A new process could take over: {versions}"
        people = counted(self.kept, "connection")
        dropped = (
            f"; {counted(self.dropped, 'person')} told to connect again" if self.dropped else ""
        )
        again = (
            f"; {counted(self.restarted, 'conversation')} started again" if self.restarted else ""
        )
        return (
            f"Restarted, process {self.new_pid} in place of {self.old_pid} ({versions}): {people} "
            f"kept{dropped}{again} in {self.pause * 1000:.0f} ms"
        )
