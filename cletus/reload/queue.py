"""Who has asked for a reload: those who share the next one, and those who came while it ran."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from cletus.reload.code.sources import Sources
from cletus.service.report import ReloadReport


class ReloadQueue:
    """The requests of one service.

    Attributes:
        forced: whether somebody wants the next reload even if no file has changed.
        given: what somebody wants it to be made from, in place of the files.
    """

    def __init__(self) -> None:
        self.forced = False
        self.given: Sources | None = None
        self._waiting: list[Deferred[ReloadReport]] = []
        self._next: list[Deferred[ReloadReport]] = []

    def __bool__(self) -> bool:
        """Whether somebody waits, or has asked."""
        return bool(self._waiting) or self.forced

    def ask(self, *, running: bool, sources: Sources | None) -> Deferred[ReloadReport]:
        """Somebody asks.

        Args:
            running: whether a reload is under way; then it is the one after it.
            sources: what it is to be made from; ``None`` for the files.
        """
        asked: Deferred[ReloadReport] = Deferred()
        (self._next if running else self._waiting).append(asked)
        self.forced = True
        if sources is not None:
            self.given = sources
        return asked

    def take(self) -> tuple[bool, Sources | None]:
        """A reload begins: whether it is forced, and what it is made from."""
        taken = self.forced, self.given
        self.forced, self.given = False, None
        return taken

    def step_back(self, *, forced: bool) -> None:
        """It begins again from the start: who asked meanwhile waits for the same one."""
        self.forced = self.forced or forced
        self._waiting, self._next = self._waiting + self._next, []

    def answer(self, report: ReloadReport) -> None:
        """It has ended; those who came meanwhile wait for the next one."""
        waiting, self._waiting, self._next = self._waiting, self._next, []
        for asked in waiting:
            asked.callback(report)

    def give_up(self, generation: int) -> None:
        """There will be no further reload, since the service stops."""
        waiting, self._waiting, self._next = self._waiting + self._next, [], []
        for asked in waiting:
            report = ReloadReport(generation=generation, phase="stop")
            report.refuse("the service is stopping")
            asked.callback(report)
