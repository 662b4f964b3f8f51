"""Requests for a reload: those that share the next reload, and those made while one is running."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from cletus.reload.code.sources import Sources
from cletus.service.report import ReloadReport


class ReloadQueue:
    """The requests of one service.

    Attributes:
        forced: whether the next reload is wanted even if no file has changed.
        given: the sources that it is made from instead of the files.
    """

    def __init__(self) -> None:
        self.forced = False
        self.given: Sources | None = None
        self._current: list[Deferred[ReloadReport]] = []
        self._next: list[Deferred[ReloadReport]] = []

    def __bool__(self) -> bool:
        """Whether a request is waiting."""
        return bool(self._current) or self.forced

    def add(self, *, running: bool, sources: Sources | None) -> Deferred[ReloadReport]:
        """Add a request.

        Args:
            running: whether a reload is running; the request is then for the one after it.
            sources: what to make the new generation from; ``None`` for the files.
        """
        request: Deferred[ReloadReport] = Deferred()
        (self._next if running else self._current).append(request)
        self.forced = True
        if sources is not None:
            self.given = sources
        return request

    def take(self) -> tuple[bool, Sources | None]:
        """Begin a reload: ``forced`` and ``given``, which are reset."""
        taken = self.forced, self.given
        self.forced, self.given = False, None
        return taken

    def postpone(self, *, forced: bool) -> None:
        """The reload begins again from the start: requests made meanwhile share it."""
        self.forced = self.forced or forced
        self._current, self._next = self._current + self._next, []

    def answer(self, report: ReloadReport) -> None:
        """The reload has ended: fire its requests, and move up those for the next one."""
        answered, self._current, self._next = self._current, self._next, []
        for request in answered:
            request.callback(report)

    def give_up(self, generation: int) -> None:
        """The service is stopping: refuse all requests."""
        waiting, self._current, self._next = self._current + self._next, [], []
        for request in waiting:
            report = ReloadReport(generation=generation, phase="stop")
            report.refuse("the service is stopping")
            request.callback(report)
