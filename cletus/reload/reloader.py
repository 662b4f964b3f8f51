"""When a reload happens: one at a time, at a safe point, once for all who asked meanwhile.

A request only schedules. Sources are read and compiled in a thread; the transaction then runs from
the reactor's own loop, where no listener of the application is on the stack.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus import events
from cletus.errors import ReloadError, SourceError
from cletus.reload.code.diff import Diff, compare, compile_all
from cletus.reload.code.import_guard import ImportGuard
from cletus.reload.code.modules import ApplicationFinder, installed, mark, quote
from cletus.reload.code.sources import (
    UNSETTLED,
    CodeCache,
    History,
    Sources,
    Unsettled,
    read,
    read_now,
)
from cletus.reload.effects.ledger import Ledger
from cletus.reload.error_text import describe_error
from cletus.reload.leaks.describe import Describer
from cletus.reload.leaks.old_code import OldCode, collect, pause_collection
from cletus.reload.leaks.retire import LeakFinder
from cletus.reload.queue import ReloadQueue
from cletus.reload.transaction import Transaction
from cletus.reload.watch.file_tree import FileTree
from cletus.reload.watch.watcher import Pace, Watcher
from cletus.service.report import Outcome, ReloadReport
from cletus.service.service import Service

#: Seconds until a thread that was importing a module of the application is looked at again.
_WAIT = 0.05


class ServiceReloader:
    """Rebuilds the application of one service.

    Args:
        service: whose application.
    """

    #: What it tells the operator.
    log = Logger()

    def __init__(self, service: Service) -> None:
        self._service = service
        self._cache = CodeCache()
        self._finder: ApplicationFinder | None = None
        self._watcher: Watcher | None = None
        self._attempted: dict[str, bytes] = {}
        self._history = History()
        self._requests = ReloadQueue()
        self._running = False
        self._scheduled: Any = None
        # Whether files have changed while a reload was under way, and how often in a row they did
        # while they were being read.
        self._dirty = False
        self._unsettled = 0
        self._stopped = False
        self._collect_again: Callable[[], None] = lambda: None

    # -- life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Take the application's modules over, and watch their files if the settings say so."""
        application = self._service.session.application
        if not application.roots:
            return
        self._finder = installed(application)
        if self._finder is None:
            self._finder = ApplicationFinder(application, Sources({}), self._cache)
            # What a start script has imported may not be reached from the entries.
            self._finder.late = dict.fromkeys(application.loaded())
            self._finder.install()
        self._adopt(self._finder)
        self._attempted = self._finder.sources.digests()
        if self._service.settings.reload:
            self._watch()

    def stop(self) -> None:
        """Watch no more, and reload no more. A reload that was asked for is given up."""
        self._stopped = True
        if self._watcher is not None:
            self._watcher.stop()
        if self._finder is not None:
            self._finder.uninstall()
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        if not self._running:
            self._requests.give_up(self._service.session.generation)

    def request(self, sources: Sources | None = None) -> Deferred[ReloadReport]:
        """Reload at the next safe point, even if no file has changed.

        Asked for while a reload is under way, it happens after that one, once.

        Args:
            sources: what to make the new generation from, in place of what the files hold.

        Returns:
            A Deferred of the report; it fires when old code has been looked for.
        """
        asked = self._requests.ask(running=self._running, sources=sources)
        self._schedule()
        return asked

    def rollback(self) -> Deferred[ReloadReport]:
        """Go back to the sources before the last change of them; the files are not touched.

        The next edit of a file goes forward again. Going back twice goes back two generations.

        Raises:
            ReloadError: no earlier generation is kept (``reload_keep``).
        """
        earlier = self._history.latest
        if earlier is None:
            raise ReloadError("no earlier generation is kept to go back to")
        return self.request(earlier)

    @property
    def sources(self) -> Sources:
        """What the generation in force was made from."""
        assert self._finder is not None  # noqa: S101 - start() made it
        return self._finder.sources

    # -- the steps --------------------------------------------------------------------------

    def _adopt(self, finder: ApplicationFinder) -> None:
        """What was imported the ordinary way: its files as they are now are taken for what runs."""
        application = self._service.session.application
        on_disk = read_now(self._file_tree())
        finder.sources = Sources(
            {**on_disk.modules, **finder.sources.modules},
            {**on_disk.extensions, **finder.sources.extensions},
            on_disk.files,
        )
        finder.application = application
        finder.staging = False
        self._cache = finder.cache
        finder.extensions.adopt(on_disk.extensions, application.loaded())
        mark(application.loaded(), 0)
        quote(finder.sources)

    def _file_tree(self) -> FileTree:
        """Which files are the application's. The folder of its stores is not, wherever it is."""
        settings = self._service.settings
        store = Path(settings.store.removeprefix("file:")).resolve()
        return FileTree(self._service.session.application, settings.reload_patterns, (store,))

    def _watch(self) -> None:
        settings = self._service.settings
        self._watcher = Watcher(
            self._service.reactor,
            self._file_tree,
            self._service.run_in_thread,
            pace=Pace(
                settings.reload_debounce,
                settings.reload_debounce_max,
                settings.reload_poll_interval,
                settings.reload_rescan,
            ),
            changed=self._files_changed,
            poll=settings.reload_poll,
        )
        self._watcher.start()

    def _files_changed(self) -> None:
        """They are to be looked at, whatever else is asked for in the same turn."""
        self._dirty = True
        self._schedule()

    def _schedule(self) -> None:
        if self._running:
            self._dirty = True
        elif self._scheduled is None and not self._stopped:
            self._scheduled = self._service.reactor.callLater(0, self._begin)

    def _begin(self) -> None:
        self._scheduled = None
        self._running = True
        forced, given = self._requests.take()
        self._dirty = self._dirty and given is not None  # going back looks at no file
        done: Deferred[Any]
        if given is not None:
            done = maybeDeferred(self._prepare, given)
        else:
            done = self._service.run_in_thread(read, self._file_tree())
            done.addCallback(self._decide, forced)
        done.addErrback(self._put_off, forced)
        done.addErrback(self._failed)
        done.addErrback(self._gone_wrong)

    def _decide(self, found: Sources, forced: bool) -> Any:
        """Back in the reactor: is there anything to do?"""
        moved = "" if self._watcher is None else self._watcher.moved_since(found.stamps)
        if moved:
            raise Unsettled(moved)
        self._unsettled = 0
        if self._is_disturbed():
            self._step_back(forced)
            return None
        digests = found.digests()
        if not forced and digests == self._attempted:
            self._finish(ReloadReport(), quietly=True)
            return None
        self._attempted = digests
        if not forced and digests == self.sources.digests():
            self._finish(ReloadReport(generation=self._service.session.generation))
            return None
        return self._prepare(found, forced)

    def _is_disturbed(self) -> bool:
        """Whether somebody has begun to save while we read: what was read may be half of it."""
        return self._watcher is not None and self._watcher.is_disturbed

    def _prepare(self, found: Sources, forced: bool | None = None) -> Deferred[None]:
        """Compile what differs, and have the transaction run after that.

        Args:
            found: what the new generation is made from.
            forced: whether somebody has asked; ``None`` if it does not come from the files.
        """
        plan = compare(self.sources, found)
        report = ReloadReport(changed=plan.changed, added=plan.added, removed=plan.removed)
        checked = self._service.run_in_thread(self._check, plan, report)
        return checked.addCallback(self._reload, report, forced)

    def _check(self, plan: Diff, report: ReloadReport) -> Diff:
        """In a thread: compile what has changed."""
        with report.timed("check"):
            compile_all(plan, self._cache)
        return plan

    def _reload(self, plan: Diff, report: ReloadReport, forced: bool | None) -> None:
        """Back in the reactor: the transaction, in a turn of its own, when pending saves are safe."""
        self._service.session.flushed().addCallback(
            lambda _: self._later(0, self._transact, plan, report, forced)
        )

    def _later(self, delay: float, step: Callable[..., None], *args: Any) -> None:
        """Have the reactor take a step: an error of ours must not be the end of all reloads."""
        turn: Deferred[None] = Deferred()
        turn.addCallback(lambda _: step(*args)).addErrback(self._gone_wrong)
        self._service.reactor.callLater(delay, turn.callback, None)

    def _transact(self, plan: Diff, report: ReloadReport, forced: bool | None) -> None:
        if self._stopped:
            self._finish(report, quietly=True)
            return
        if forced is not None and self._is_disturbed():
            self._step_back(forced)
            return
        if self._vetoed(plan, report):
            self._finish(report)
            return
        self._attempt(plan, report)

    def _attempt(self, plan: Diff, report: ReloadReport, waited: float = 0.0) -> None:
        """The transaction, when no thread is in the middle of importing what it rebuilds."""
        if self._stopped:
            self._finish(report, quietly=True)
            return
        prior, timeout = self.sources, self._service.settings.reload_timeout
        assert self._finder is not None  # noqa: S101 - start() made it
        with ImportGuard(self._finder.application, timeout) as guard:
            busy = guard.busy()
            if busy and (not timeout or waited < timeout):
                waited += _WAIT
                self._later(_WAIT, self._attempt, plan, report, waited)
                return
            transaction = Transaction(self._service, self._finder, plan, report)
            self._collect_again = pause_collection()
            committed = False if busy else transaction.run()
        if busy:
            self._collect_again()
            report.phase, report.generation = "stage", self._service.session.generation
            report.refuse(f"{busy}, which does not end")
            self._finish(report)
            return
        if not committed:
            # Not the transaction itself: it holds the objects that were made of the refused code.
            refused, ledger = transaction.old_code, transaction.ledger
            self._later(0, self._clear_away, refused, ledger, report)
            return
        kept = self._history.committed(prior, plan.sources, keep=self._service.settings.reload_keep)
        self._cache.keep_only(plan.sources, *kept)
        self._service.last_reload = report
        self._service.fire(events.PostReload(self._service, report))
        try:
            transaction.resume()
        except Exception:  # noqa: BLE001 - the new code is in force all the same
            self.log.failure("Resuming after the reload has failed")
        old, aliases = transaction.old_code, transaction.aliases()
        self._later(0, self._retire, old, aliases, report)

    def _vetoed(self, plan: Diff, report: ReloadReport) -> bool:
        """Whether a listener of ``PreReload`` asks for this reload not to happen."""
        event = events.PreReload(self._service, (*plan.changed, *plan.added, *plan.removed))
        self._service.fire(event)
        if event.vetoes:
            report.generation = self._service.session.generation
            report.phase = "veto"
            report.refuse("; ".join(event.vetoes))
        return bool(event.vetoes)

    def _retire(
        self, old_code: OldCode, aliases: list[weakref.ref[Any]], report: ReloadReport
    ) -> None:
        """In a later turn, when nothing of the reload itself is on the stack any more."""
        with report.timed("retire"):
            collect()
            self._collect_again()
            kept = [one for one in aliases if one() is not None]
            self._service.session.current.aliases = kept
        self._name_holders(old_code, report)

    def _clear_away(self, refused: OldCode, ledger: Ledger, report: ReloadReport) -> None:
        """As ``_retire``, for the code that was refused and for what it has left open."""
        failed = report.phase
        with report.timed("retire"):
            collect()
            self._collect_again()
            report.notes += ledger.open_files()
        report.phase = failed
        self._name_holders(refused, report)

    def _name_holders(self, code: OldCode, report: ReloadReport) -> None:
        finder = self._finder
        assert finder is not None  # noqa: S101 - start() made it
        words = Describer(finder.application, finder.places, finder.registrations)

        def named(holders: list[str]) -> None:
            report.holders += holders
            self._finish(report)

        LeakFinder(self._service.reactor, code, words, named).begin()

    # -- the end ----------------------------------------------------------------------------

    def _put_off(self, failure: Failure, forced: bool) -> None:
        """A file is being saved just now: read again when it is quiet, but not for ever."""
        failure.trap(Unsettled)
        self._unsettled += 1
        error: Any = failure.value
        if self._unsettled > self._service.settings.reload_retries:
            self._unsettled = 0
            raise SourceError(Path(error.path), UNSETTLED)
        self._step_back(forced)

    def _step_back(self, forced: bool) -> None:
        """Begin again from the reading of the files, when they have come to rest."""
        self._running = False
        if self._stopped:
            self._requests.give_up(self._service.session.generation)
            return
        self._attempted = {}
        self._requests.step_back(forced=forced)
        if self._watcher is not None:
            self._watcher.again()
        else:
            quiet = self._service.settings.reload_debounce
            self._scheduled = self._service.reactor.callLater(quiet, self._begin)

    def _failed(self, failure: Failure) -> None:
        """The sources could not be read or compiled: the old code goes on."""
        failure.trap(ReloadError)
        report = ReloadReport(generation=self._service.session.generation, phase="check")
        error: Any = failure.value
        report.refuse(describe_error(error, self._service.session.application, self.sources))
        self._finish(report)

    def _gone_wrong(self, failure: Failure) -> None:
        """An error of our own. Nothing was committed; those who wait must not wait for ever."""
        self._collect_again()
        self.log.failure("The reload itself has failed", failure=failure)
        report = ReloadReport(generation=self._service.session.generation)
        report.refuse(failure.getErrorMessage())
        self._finish(report)

    def _finish(self, report: ReloadReport, *, quietly: bool = False) -> None:
        if report.outcome is Outcome.REFUSED:
            self._service.last_reload = report
            self.log.error("{report}", report=str(report))
            self._service.fire(events.ReloadFailed(self._service, report))
        elif not quietly:
            self.log.info("{report}", report=str(report))
        if not quietly:
            self._service.metrics.reloaded(report.outcome.value, report.pause, report.phases)
        self._running = False  # not before: a listener that has just asked waits for the next one
        self._requests.answer(report)
        if self._requests or self._dirty:
            self._schedule()
        if self._stopped:
            self._requests.give_up(self._service.session.generation)
