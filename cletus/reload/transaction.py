"""One reload from staging to its end: it commits, or it leaves everything as it was.

Everything that can fail stands before the commit. The commit is plain assignments and runs none of
the application's code.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from cletus.client.attributes import ApplicationAttributes
from cletus.client.client import Client
from cletus.client.conversation import ListenerTask
from cletus.errors import CarryError, ImportFailed, ImportTimeout
from cletus.events import ClientEvent
from cletus.reload.code.diff import Diff
from cletus.reload.code.modules import ApplicationFinder, Staging
from cletus.reload.code.timeout import TimedOut, run_with_timeout
from cletus.reload.effects.ledger import Ledger
from cletus.reload.error_text import describe_error
from cletus.reload.leaks.old_code import OldCode
from cletus.reload.load import find_service
from cletus.reload.state.checkpoint import Checkpoint
from cletus.reload.state.dialogues import (
    CarriedDialogue,
    begin_dialogues,
    commit_dialogues,
    fill_dialogues,
    resume_dialogues,
)
from cletus.reload.state.in_place import Staying, exchange
from cletus.reload.state.memo import become, check_layout
from cletus.reload.state.objects import freeze, keep_foreign_stores, thaw
from cletus.reload.state.timers import CarriedTimers, carry_timers, commit_timers
from cletus.reload.state.values import Carrier
from cletus.service.construction import Rebuild, constructing
from cletus.service.listeners import Listener
from cletus.service.report import Outcome, ReloadReport
from cletus.service.service import Service
from cletus.service.session import Generation
from cletus.settings.settings import Settings, Sources, needs_restart


class Transaction:
    """One attempt.

    Args:
        service: whose application is rebuilt.
        finder: the finder of its modules.
        plan: what to import.
        report: is filled in.
    """

    def __init__(
        self, service: Service, finder: ApplicationFinder, plan: Diff, report: ReloadReport
    ) -> None:
        self._service = service
        self._session = service.session
        self._report = report
        self._plan = plan
        self._finder = finder
        self._staging = Staging(finder, plan.sources)
        self._carrier = Carrier(self._session)
        self._staying = Staying(self._session, self._carrier)
        self._checkpoint = Checkpoint(self._persistent())
        self._settings = (service.sources, service.settings)
        self._service_class: type = type(service)
        self._timers = CarriedTimers([], [], [])
        self._dialogues: list[CarriedDialogue] = []
        self._events: dict[ListenerTask, ClientEvent | None] = {}
        self._attachments: list[tuple[ApplicationAttributes, dict[str, Any]]] = []
        self.ledger = Ledger(service.reactor, service.session.application)
        self.old_code = OldCode(self._staging.old_modules)

    def run(self) -> bool:
        """Do it, all of it, without letting anybody else run meanwhile.

        Returns:
            Whether it was committed. If not, the report says why, and nothing has changed.
        """
        try:
            with self.ledger:
                run_with_timeout(self._service.settings.reload_timeout, self._prepare)
        except BaseException as error:  # noqa: BLE001 - sys.exit() in a module body is refused too
            self._roll_back()
            described = describe_error(
                _explained(error), self._session.application, self._plan.sources
            )
            self._report.refuse(described)
            return False
        with self._report.timed("commit"):
            self._commit()
        self._finder.registrations += self.ledger.recorder.registrations
        self.ledger.note(self._finder.call_sites)
        return True

    # -- before the point of no return ------------------------------------------------------

    def _prepare(self) -> None:
        report, session = self._report, self._session
        staged = Generation(session.generation + 1)
        session.staged = staged
        with report.timed("stage"):
            self._import()
            keep_foreign_stores(session, staged, session.application)
        with report.timed("freeze"):
            snapshot = freeze(session, staged)
        with report.timed("thaw"):
            self._dialogues = begin_dialogues(self._service.clients, self._carrier, report)
            thaw(snapshot, session, staged, self._carrier, self._staying, report)
            fill_dialogues(self._dialogues, self._carrier)
            self._find_aliases_again()
            self._carry_listeners(staged)
            self._carry_events()
            self._timers = carry_timers(
                session.current.timers, staged.timers, self._carrier, report
            )
            self._carry_attachments()
            report.notes += [f"{one} is carried as it is" for one in self._carrier.by_reference]

    def _import(self) -> None:
        service = self._service
        rebuild = Rebuild(service)
        with constructing(rebuild):
            self._staging.run()
        self._check_service()
        self._service_class = rebuild.service_class
        check_layout(service, rebuild.service_class, f"Service {rebuild.service_class.__name__}")
        self._settings = self._new_settings(rebuild.sources)

    def _check_service(self) -> None:
        """Refuse code that a start would refuse, since none of its modules makes a service any more."""
        modules = self._staging.old_modules.values()
        if any(value is self._service for module in modules for value in vars(module).values()):
            application = self._session.application
            find_service(application, application.entries[0])

    def _new_settings(self, sources: Sources) -> tuple[Sources, Settings]:
        """The settings by the new code; those that need a restart stay as they are, and say so."""
        sources.read_file(sources.folder)
        running, wanted = self._service.settings, sources.settings()
        fixed = {}
        for name in needs_restart(type(wanted)):
            if getattr(wanted, name) != getattr(running, name, getattr(wanted, name)):
                fixed[name] = getattr(running, name)
                self._report.notes.append(f"setting {name}: the change waits for a restart")
        return sources, msgspec.structs.replace(wanted, **fixed)

    def _find_aliases_again(self) -> None:
        for reference in self._session.current.aliases:
            alias = reference()
            if alias is not None:
                self._carrier.known.find_again(alias)

    def _carry_listeners(self, staged: Generation) -> None:
        """Those that no module body registered: it will not register them again."""
        for listener in self._session.current.listeners:
            if listener.imported:
                continue
            try:
                place = f"listener {listener.place}"
                function = self._carrier.carry(listener.function, place)
                event = self._carrier.carry(listener.event, place)
            except CarryError as error:
                self._report.notes.append(f"{error}; it is not called any more")
                continue
            staged.listeners.add(replace(listener, function=function, event=event))

    def _carry_events(self) -> None:
        """Carry the application's own events that listener tasks were started with.

        A task that starts again is called with its event.
        """
        for _, task in self._tasks():
            event = task.event
            if event is None or not self._carrier.owns(type(event)):
                continue
            try:
                self._events[task] = self._carrier.carry(event, f"{type(event).__name__}")
            except CarryError as error:
                self._report.notes.append(f"{error}; what waits for an answer is not begun again")
                self._events[task] = None

    def _carry_attachments(self) -> None:
        """What the application has put on clients and on the service, where no field rebinds it."""
        for holder in self._persistent():
            present = holder.attachments()
            carried = {
                name: self._carry_attachment(holder, name, value) for name, value in present.items()
            }
            if any(carried[name] is not value for name, value in present.items()):
                self._attachments.append((holder, carried))

    def _carry_attachment(self, holder: ApplicationAttributes, name: str, value: Any) -> Any:
        try:
            return self._carrier.carry_in_place(value, f"{holder!r}, attribute {name!r}")
        except CarryError as error:
            self._report.notes.append(f"{error}; it still refers to the old code")
            return value

    def _persistent(self) -> Iterator[ApplicationAttributes]:
        yield self._service
        yield from self._service.clients

    # -- the two ways on --------------------------------------------------------------------

    def _commit(self) -> None:
        service, session = self._service, self._session
        for old, new in self._carrier.known.aliases:
            become(old, new)
        commit_timers(self._timers)
        commit_dialogues(self._dialogues)
        for holder, attachments in self._attachments:
            holder.attach(attachments)
        for container, content in self._carrier.known.updates:
            exchange(container, content)
        service.sources, service.settings = self._settings
        if self._service_class is not type(service):
            object.__setattr__(service, "__class__", self._service_class)
        assert session.staged is not None  # noqa: S101 - it was made in _prepare
        session.current, session.staged = session.staged, None
        self._staging.commit()
        self._report.outcome = Outcome.COMMITTED
        self._report.generation = session.generation

    def _roll_back(self) -> None:
        self.old_code = OldCode(self._staging.new_namespaces)
        self._staging.rollback()
        self._session.staged = None
        self._service_class = type(self._service)  # the refused class must not be kept alive
        self._staying.undo()  # before what was noted before it
        self._checkpoint.restore()
        self._report.generation = self._session.generation
        self._report.notes = self.ledger.undo()  # what had been noted has not come true

    # -- after it ---------------------------------------------------------------------------

    def resume(self) -> None:
        """What the new code has to do first, now that it is in force."""
        self._service.start_timers()
        for client, task in self._tasks():
            if task.listener is not None and self._is_old(task.listener):
                # What was typed ahead is for the task that starts again, not for other listeners.
                with client.input.held():
                    self._restart(client, task, task.listener)
        resume_dialogues(self._dialogues, self._service.settings.reload_restart_notice)

    def _tasks(self) -> list[tuple[Client, ListenerTask]]:
        return [(client, task) for client in self._service.clients for task in client.input.tasks]

    def aliases(self) -> list[weakref.ref[Any]]:
        """Weak references to the old objects: they tell later which of them somebody still holds."""
        return [weakref.ref(old) for old, _ in self._carrier.known.aliases]

    def _is_old(self, listener: Listener) -> bool:
        return self._session.application.owns(listener.function.__module__)

    def _restart(self, client: Client, task: ListenerTask, listener: Listener) -> None:
        if task.asking is None:
            self._report.notes.append(f"{listener.place} is still running for {client!r}")
            return
        task.dismiss()
        event = self._events.get(task, task.event)
        if listener.on_reload == "cancel" or event is None:
            return
        client.write("", self._service.settings.reload_restart_notice)
        successor = self._session.current.listeners.named_like(listener)
        if successor is not None:
            self._report.restarted += 1
            self._service.dispatcher.call(successor, event)


def _explained(error: BaseException) -> BaseException:
    """The error as one of ours where its own kind would mislead."""
    if isinstance(error, TimedOut):
        explained = ImportTimeout(str(error))
        explained.__traceback__ = error.__traceback__
        return explained
    if isinstance(error, SystemExit | KeyboardInterrupt):
        explained_exit = ImportFailed(f"the module called for an exit: {error!r}")
        explained_exit.__traceback__ = error.__traceback__
        return explained_exit
    return error
