"""When and how a reload runs: one at a time, at a safe point, once for all requests made meanwhile.

A request only schedules a reload. ``ServiceReloader._reload`` is the whole of it, from top to bottom.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorProcess
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus import events
from cletus.errors import ReloadError, SourceError
from cletus.logs.audit import audit
from cletus.reactor.threads import RELOADS
from cletus.reload.code.diff import Diff, compare, compile_all
from cletus.reload.code.import_guard import ImportGuard
from cletus.reload.code.modules import ApplicationFinder, installed, mark, quote
from cletus.reload.code.sources import (
    UNSETTLED,
    History,
    Sources,
    Unsettled,
    read,
    read_now,
)
from cletus.reload.effects.ledger import Ledger
from cletus.reload.effects.process import PythonModules
from cletus.reload.effects.registries import Libraries
from cletus.reload.error_text import describe_error
from cletus.reload.leaks.describe import Describer
from cletus.reload.leaks.old_code import OldCode, collect, pause_collection
from cletus.reload.leaks.retire import LeakFinder
from cletus.reload.queue import ReloadQueue
from cletus.reload.state.statements import note_statements
from cletus.reload.transaction import Transaction
from cletus.reload.trial.process import Trial, TrialOutcome, request_for
from cletus.reload.watch.file_tree import FileTree, check_patterns
from cletus.reload.watch.generated import GeneratedFiles
from cletus.reload.watch.watcher import Pace, Watcher
from cletus.service.application import Application
from cletus.service.report import Outcome, ReloadReport
from cletus.service.service import Service
from cletus.service.siblings import with_siblings
from cletus.settings.files import file_in

#: Seconds until the transaction is tried again when a thread is importing a module of the application.
_RETRY = 0.05
#: Seconds for which an emptied file is waited for: some editors empty a file, and write it later.
_EMPTY_WAIT = 2.0


@dataclass(frozen=True, slots=True)
class _Replaced:
    """Code that is not in force after a transaction: the former code, or the refused code.

    Attributes:
        code: watches it die.
        tidy_up: called after it was collected.
    """

    code: OldCode
    tidy_up: Callable[[], None]


class ServiceReloader:
    """Reloads the application of one service.

    Args:
        service: whose application is reloaded.
    """

    #: Where reports are logged.
    log = Logger()

    def __init__(self, service: Service) -> None:
        self._service = service
        note_statements(service.session)
        self._finder: ApplicationFinder | None = None
        self._watcher: Watcher | None = None
        self._attempted: dict[str, bytes] = {}
        #: When that was refused, in seconds since the epoch; ``None`` if it was not.
        self._refused_at: float | None = None
        self._generated = GeneratedFiles()
        #: Since when a file is empty that was not, by the reactor's clock.
        self._empty_since: float | None = None
        self._history = History()
        #: What the report of the last reload has said, and the next one need not repeat.
        self._told: frozenset[str] = frozenset()
        self._queue = ReloadQueue()
        self._running = False
        self._scheduled: Any = None
        #: The process that imports an edit, while there is one.
        self._trial: Trial | None = None
        #: Whether files have changed while a reload was running.
        self._dirty = False
        #: How often in a row files have changed while they were being read.
        self._unsettled = 0
        self._stopped = False
        self._resume_collection: Callable[[], None] = lambda: None
        #: What Python's modules hold, noted a turn before the pause since that takes a millisecond.
        self._python: PythonModules | None = None
        #: The registries of libraries, found before the pause since that takes some milliseconds.
        self._libraries: Libraries | None = None

    # -- start and stop ---------------------------------------------------------------------

    def start(self) -> None:
        """Take over the application's modules, and watch their files if the settings say so.

        Raises:
            SettingError: a pattern of ``reload_patterns`` cannot match any file.
        """
        check_patterns(self._service.settings.reload_patterns)
        application = self._service.session.application
        if not application.roots:
            return
        self._finder = installed(application)
        if self._finder is None:
            self._finder = ApplicationFinder(application, Sources({}))
            # The entries of the application need not lead to what a start script has imported.
            self._finder.late = dict.fromkeys(application.loaded())
            self._finder.install()
        self._adopt(self._finder)
        self._attempted = self._finder.sources.digests()
        if self._service.settings.reload:
            self._watch()

    def stop(self) -> None:
        """Stop watching and reloading. A reload that was requested is given up."""
        self._stopped = True
        if self._trial is not None:
            self._trial.kill()
        if self._watcher is not None:
            self._watcher.stop()
        if self._finder is not None:
            self._finder.uninstall()
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        if not self._running:
            self._queue.give_up(self._service.session.generation)

    def _adopt(self, finder: ApplicationFinder) -> None:
        """For modules that Python has imported itself, take the files as they are now as their text."""
        application = self._service.session.application
        on_disk = read_now(self._file_tree())
        finder.sources = Sources(
            {**on_disk.modules, **finder.sources.modules},
            {**on_disk.extensions, **finder.sources.extensions},
            on_disk.files,
            application=application,
        )
        finder.application = application
        finder.staging = False
        finder.extensions.adopt(on_disk.extensions, application.loaded())
        mark(application.loaded(), 0)
        quote(finder.sources)

    def _file_tree(self) -> FileTree:
        """The application's files, and its settings file; without the folder of its stores."""
        settings = self._service.settings
        store = Path(settings.store.removeprefix("file:")).resolve()
        application = with_siblings(self._service.session.application)
        folder = self._service.sources.folder
        single = () if folder is None else (file_in(folder),)
        return FileTree(application, settings.reload_patterns, (store,), single)

    def _watch(self) -> None:
        settings = self._service.settings
        self._watcher = Watcher(
            self._service.reactor,
            self._file_tree,
            self._in_thread,
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

    # -- requests ---------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether a reload is under way."""
        return self._running

    def request(self, sources: Sources | None = None) -> Deferred[ReloadReport]:
        """Reload at the next safe point, even if no file has changed.

        Requests made while a reload is running share one reload after it.

        Args:
            sources: what to make the new generation from, instead of the files.

        Returns:
            Fires when the reload is over and the old code has been looked for.
        """
        request = self._queue.add(running=self._running, sources=sources)
        self._schedule()
        return request

    def rollback(self) -> Deferred[ReloadReport]:
        """Reload from the sources before their last change; the files are not touched.

        The next edit of a file goes forward again. A second rollback goes back two generations.

        Raises:
            ReloadError: no earlier generation is kept (``reload_keep``).
        """
        earlier = self._history.latest
        if earlier is None:
            raise ReloadError("no earlier generation is kept to go back to")
        return self.request(earlier.earlier())

    @property
    def sources(self) -> Sources:
        """What the generation in force was made from."""
        assert self._finder is not None  # noqa: S101 - start() made it
        return self._finder.sources

    def _files_changed(self) -> None:
        """Read the files soon, whatever else is requested in the same turn."""
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
        forced, given = self._queue.take()
        self._dirty = self._dirty and given is not None  # a rollback does not read the files
        # A coroutine runs in a copy of the current context, which would keep alive what old code has
        # set in context variables: so it gets an empty one. For the same reason it calls nothing of
        # the application's itself, but has the reactor do so.
        reload = Context().run(Deferred.fromCoroutine, self._reload(forced, given))
        reload.addCallback(self._finish).addErrback(self._crashed)

    # -- one reload -------------------------------------------------------------------------

    async def _reload(self, forced: bool, given: Sources | None) -> ReloadReport | None:
        """One reload, from reading the files to the report.

        Its frame lives as long as the search for old code: it must not hold the settings, the
        transaction, or anything else that could keep that code alive.

        Args:
            forced: whether somebody has requested it; it then runs even if nothing has changed.
            given: what to make the new generation from; ``None`` for the files.

        Returns:
            What is to be reported; ``None`` if the reload was postponed or ended silently.
        """
        reactor = self._service.reactor
        try:
            sources = await self._read(forced) if given is None else given
            if sources is None:
                return None
            diff = compare(self.sources, sources)
            report = ReloadReport(
                changed=diff.changed, added=diff.added, removed=diff.removed, known=self._told
            )
            await self._in_thread(self._compile, diff, report)
        except ReloadError as error:
            application = self._service.session.application
            return self._refused("check", describe_error(error, application, self.sources))
        refusal = await self._try(diff, report)
        if refusal and not self._stopped:
            return self._refused("trial", refusal, report)
        application, attached = self._service.session.application, self._service.attachments()
        self._libraries = await self._in_thread(Libraries, application, [*attached.values()])
        del attached
        await self._service.session.flushed()
        self._python = await self._in_thread(PythonModules)
        # In a turn of its own, no function of the application is on the stack.
        from_files = given is None
        result = await deferLater(reactor, 0, self._start, diff, report, forced, from_files)
        waited, timeout = 0.0, self._service.settings.reload_timeout
        while isinstance(result, str) and (not timeout or waited < timeout):
            waited += _RETRY
            result = await deferLater(reactor, _RETRY, self._attempt, diff, report)
        if isinstance(result, str):
            return self._refused("stage", f"{result}, which does not end", report)
        if result is None:
            return None
        # One turn later, nothing of the reload itself is on the stack.
        holders: Deferred[Any] = deferLater(reactor, 0, self._retire, result, report)
        del result  # the ledger in it is not to be met by the search
        report.holders += await holders
        return report

    def _in_thread(self, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return self._service.run_in_thread(call, *args, pool=RELOADS)

    async def _read(self, forced: bool) -> Sources | None:
        """The files; ``None`` if they hold nothing new, or must be read again later.

        Raises:
            SourceError: a file cannot be read, or the files do not settle.
        """
        try:
            sources: Sources = await self._in_thread(read, self._file_tree(), self.sources)
            if self._watcher and (path := self._watcher.moved_since(sources.stamps)):
                raise Unsettled(path)
        except Unsettled as error:
            self._unsettled += 1
            if self._unsettled > self._service.settings.reload_retries:
                self._unsettled = 0
                raise SourceError(Path(error.path), UNSETTLED) from None
            self._postpone(forced)
            return None
        self._unsettled = 0
        if self._is_disturbed() or self._is_emptied(sources):
            self._postpone(forced)
            return None
        digests = sources.digests()
        if not forced and digests == self._attempted and not self._is_saved_again(sources):
            self._end(ReloadReport())
            return None
        before, self._attempted = self._attempted or self.sources.digests(), digests
        if not forced and (names := self._generated.among(sources, before)):
            self.log.warn(
                "{names}: written by a module body while it was imported; that is not reloaded",
                names=", ".join(sorted(names)),
            )
            self._end(ReloadReport())
            return None
        if not forced and digests == self.sources.digests():
            report = ReloadReport(generation=self._service.session.generation)
            self._tell(report)
            self._end(report)
            return None
        return sources

    def _is_disturbed(self) -> bool:
        """Whether a save has begun during the reading: half of it may have been read."""
        return self._watcher is not None and self._watcher.is_disturbed

    def _is_emptied(self, sources: Sources) -> bool:
        """Whether a file has just become empty. If it stays so for a while, it is meant."""
        running = self.sources.modules
        if not any(
            not source.data and name in running and running[name].data
            for name, source in sources.modules.items()
        ):
            self._empty_since = None
            return False
        now = self._service.reactor.seconds()
        self._empty_since = now if self._empty_since is None else self._empty_since
        return bool(now - self._empty_since < _EMPTY_WAIT)

    def _is_saved_again(self, sources: Sources) -> bool:
        """Whether a refused file was saved again with the same content: the reason may have passed."""
        if self._refused_at is None:
            return False
        return any(stamp[-1] / 1e9 > self._refused_at for stamp in sources.stamps.values())

    def _compile(self, diff: Diff, report: ReloadReport) -> None:
        """In a thread: compile what has changed."""
        with report.timed("check"):
            application = self._service.session.application
            names = (*application.entries, *application.loaded(), application.main)
            compile_all(diff, names)

    async def _try(self, diff: Diff, report: ReloadReport) -> str:
        """Import the edit in a process of its own, if the settings say so; a rollback has been in force.

        Returns:
            What refuses it, in words; "" if nothing does.
        """
        service, finder = self._service, self._finder
        if not service.settings.reload_trial or diff.sources.is_earlier or self._stopped:
            return ""
        reactor: Any = IReactorProcess(service.reactor, None)
        if reactor is None:
            report.notes.append("reload_trial: this reactor starts no processes; nothing was tried")
            return ""
        assert finder is not None  # noqa: S101 - start() made it
        self._trial = Trial(reactor, request_for(service, diff.sources, tuple(finder.late)))
        started_at = time.time()
        with report.timed("trial"):
            outcome: TrialOutcome = await self._trial.run(
                await self._in_thread(self._trial.payload)
            )
        self._trial = None
        if outcome.refusal:  # what its modules have written must not start the next trial
            self._generated.imported(started_at, outcome.written)
        return outcome.refusal

    def _start(
        self, diff: Diff, report: ReloadReport, forced: bool, from_files: bool
    ) -> str | _Replaced | None:
        """The first attempt, unless files are being saved again or a listener refuses."""
        if not self._stopped and from_files and self._is_disturbed():
            self._postpone(forced)
            return None
        if not self._stopped and self._is_vetoed(diff, report):
            self._finish(report)
            return None
        return self._attempt(diff, report)

    def _is_vetoed(self, diff: Diff, report: ReloadReport) -> bool:
        """Whether a listener of ``PreReload`` refuses this reload."""
        event = events.PreReload(self._service, (*diff.changed, *diff.added, *diff.removed))
        self._service.fire(event)
        if event.vetoes:
            self._refused("veto", "; ".join(event.vetoes), report)
        return bool(event.vetoes)

    def _attempt(self, diff: Diff, report: ReloadReport) -> str | _Replaced | None:
        """Run the transaction, unless a thread is importing what it replaces.

        Returns:
            The replaced code; or that thread, in words; or ``None``: the service has stopped.
        """
        if self._stopped:
            self._end(report)
            return None
        finder, prior = self._finder, self.sources
        assert finder is not None  # noqa: S101 - start() made it
        with ImportGuard(finder.application, self._service.settings.reload_timeout) as guard:
            if busy := guard.busy():
                return busy
            former = finder.application
            self._set_application(former.merged(diff.sources.application))
            transaction = Transaction(
                self._service, finder, diff, report, self._python, self._libraries
            )
            self._python = self._libraries = None
            self._resume_collection = pause_collection()
            started_at = time.time()
            with self._service.call_timeout.protected():
                committed = transaction.run()
            self._generated.imported(started_at)
            self._set_application(diff.sources.application if committed else former)
        if not committed:
            # Only the ledger: the transaction holds objects made by the refused code.
            return _Replaced(
                transaction.old_code, partial(_note_open_files, transaction.ledger, report)
            )
        keep = self._service.settings.reload_keep
        self._history.committed(prior, diff.sources, differ=not diff.is_empty, keep=keep)
        self._service.last_reload = report
        self._service.fire(events.PostReload(self._service, report))
        try:
            transaction.resume()
        except Exception:  # noqa: BLE001 - the new code is in force nevertheless
            self.log.failure("Resuming after the reload has failed")
        return _Replaced(transaction.old_code, lambda: None)

    def _set_application(self, application: Application) -> None:
        """Say which modules are the application's: a new import may add some beside a single file."""
        if application.roots and self._finder is not None:
            self._finder.application = self._service.session.application = application

    def _retire(self, replaced: _Replaced, report: ReloadReport) -> Deferred[list[str]]:
        """Collect code that is not in force, and search for what keeps it alive."""
        with report.timed("retire"):
            replaced.code.watch()
            collect()
            self._resume_collection()
            replaced.tidy_up()
        finder = self._finder
        assert finder is not None  # noqa: S101 - start() made it
        describer = Describer(finder.application, finder.call_sites, finder.registrations)
        return LeakFinder(self._service.reactor, replaced.code, describer).run()

    # -- its end ----------------------------------------------------------------------------

    def _refused(self, phase: str, error: str, report: ReloadReport | None = None) -> ReloadReport:
        """The report of a reload that changes nothing; by default it names no modules."""
        report = report or ReloadReport()
        report.phase, report.generation = phase, self._service.session.generation
        report.refuse(error)
        return report

    def _postpone(self, forced: bool) -> None:
        """Begin again with reading the files, when they have settled."""
        self._running, self._python, self._libraries = False, None, None
        if self._stopped:
            self._queue.give_up(self._service.session.generation)
            return
        self._attempted = {}
        self._queue.postpone(forced=forced)
        if self._watcher is not None:
            self._watcher.again()
        else:
            delay = self._service.settings.reload_debounce
            self._scheduled = self._service.reactor.callLater(delay, self._begin)

    def _crashed(self, failure: Failure) -> None:
        """An error in Cletus. Nothing was committed; those who wait must not wait for ever."""
        self._resume_collection()
        self.log.failure("The reload itself has failed", failure=failure)
        self._finish(self._refused("", failure.getErrorMessage()))

    def _finish(self, report: ReloadReport | None) -> None:
        """Tell everybody, and let the next reload begin; ``None`` if that has been done."""
        if report is None:
            return
        self._tell(report)
        self._end(report)

    def _tell(self, report: ReloadReport) -> None:
        self._refused_at = None
        if report.outcome is not Outcome.UNCHANGED:
            outcome = f"{report.outcome.value}, generation {report.generation}"
            audit("reload", ", ".join(report.changed), outcome=outcome)
        if report.outcome is Outcome.REFUSED:
            self._refused_at = time.time()
            self._service.last_reload = report
            self.log.error("{report}", report=str(report))
            self._service.fire(events.ReloadFailed(self._service, report))
        else:
            if report.outcome is Outcome.COMMITTED:
                self._told = report.recurring()
            log = self.log.warn if report.has_warnings else self.log.info
            log("{report}", report=str(report))
            if report.outcome is Outcome.UNCHANGED:
                self._service.last_reload = report
                self._service.fire(events.EditUndone(self._service, report))
        self._service.metrics.reloaded(report.outcome.value, report.pause, report.phases)

    def _end(self, report: ReloadReport) -> None:
        self._python = self._libraries = None
        self._running = False  # only now: what a listener has just requested is the next reload
        self._queue.answer(report)
        if self._queue or self._dirty:
            self._schedule()
        if self._stopped:
            self._queue.give_up(self._service.session.generation)


def _note_open_files(ledger: Ledger, report: ReloadReport) -> None:
    report.notes += ledger.open_files()
