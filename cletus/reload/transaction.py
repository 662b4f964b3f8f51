"""One reload from staging to its end: it commits, or it leaves everything as it was.

Everything that can fail stands before the commit. The commit is plain assignments and runs none of
the application's code.
"""

from __future__ import annotations

import gc
from dataclasses import replace
from types import FunctionType, ModuleType
from typing import Any

import msgspec

from cletus.client.attributes import ApplicationAttributes, with_attachments
from cletus.client.client import Client
from cletus.client.listener_task import ListenerTask
from cletus.errors import CarryError, ImportFailed, ImportTimeout, ServiceNotFound
from cletus.events import ClientEvent
from cletus.reload.code.diff import Diff
from cletus.reload.code.modules import ApplicationFinder, Staging
from cletus.reload.code.names import Names
from cletus.reload.code.timeout import TimedOut, run_with_timeout
from cletus.reload.effects.file_caches import FileCaches
from cletus.reload.effects.ledger import Ledger
from cletus.reload.effects.process import PythonModules
from cletus.reload.effects.process_end import ProcessGuard
from cletus.reload.effects.registrations import Withdrawal
from cletus.reload.effects.registries import Libraries, Registries
from cletus.reload.error_text import describe_error
from cletus.reload.leaks.old_code import OldCode
from cletus.reload.load import find_service
from cletus.reload.state import parking
from cletus.reload.state.checkpoint import Checkpoint
from cletus.reload.state.convert import Conversion
from cletus.reload.state.dialogues import DialogueUnderWay, find_dialogues, resume_dialogues
from cletus.reload.state.new_code import NewCode, Unnamed
from cletus.reload.state.plain_types import ATOMS, is_a
from cletus.reload.state.records import forget_classes
from cletus.reload.state.statements import Path, Statements
from cletus.reload.state.stores import place_of
from cletus.reload.state.timers import CarriedTimers, carry_timers, commit_timers, held_by
from cletus.reload.state.undo import Undo, set_class
from cletus.service.construction import Rebuild, constructing
from cletus.service.listeners import Listener
from cletus.service.report import Outcome, ReloadReport
from cletus.service.service import Service
from cletus.service.session import Generation
from cletus.settings.settings import Settings, Sources, needs_restart
from cletus.storage import Manager, Store

#: A store's new class, its active objects by key, and what was parked of it, if it is coming back.
StoreInUse = tuple[type[Store], dict[str, Any], parking.ParkedStore | None]


class Transaction:
    """One attempt.

    Args:
        service: whose application is rebuilt.
        finder: the finder of its modules.
        plan: what to import.
        report: is filled in.
        python: what Python's modules hold; by default, what they hold now.
        libraries: whose registries are looked after; by default, they are looked for now.

    Attributes:
        timed_out: whether it was refused for taking longer than ``reload_timeout``.
    """

    def __init__(
        self,
        service: Service,
        finder: ApplicationFinder,
        plan: Diff,
        report: ReloadReport,
        python: PythonModules | None = None,
        libraries: Libraries | None = None,
    ) -> None:
        self._service = service
        self._session = service.session
        self._report = report
        self._plan = plan
        self._finder = finder
        self._staging = Staging(finder, plan.sources)
        self._undo = Undo()
        new_code = NewCode(service.session, self._staging.old_modules, self._staging.new_namespaces)
        self._conversion = Conversion(
            self._session,
            new_code,
            self._undo,
            report,
            strict=service.settings.reload_strict,
        )
        self._checkpoint = Checkpoint(self._persistent(), new_code.owns)
        self._settings = (service.sources, service.settings)
        self._service_class: type = type(service)
        self._timers = CarriedTimers([], [], [])
        self._dialogues: list[DialogueUnderWay] = []
        self._attached: list[tuple[ApplicationAttributes, dict[str, Any]]] = []
        self._events: dict[ListenerTask, ClientEvent | None] = {}
        self._file_caches = FileCaches(service.session.application)
        self._libraries = libraries
        self.timed_out = False
        self.ledger = Ledger(service.reactor, service.session.application, python)
        self.old_code = OldCode(self._staging.old_names, self._staging.old_modules)
        #: What the new modules name when they have been imported.
        self._new_names = Names({})

    def run(self) -> bool:
        """Do it, all of it, without letting anybody else run meanwhile.

        Returns:
            Whether it was committed. If not, the report says why, and nothing has changed.
        """
        # What the new code writes to people is wanted only if it comes into force.
        turn, committed = self._service.turn, False
        turn.hold()
        try:
            committed = self._run()
        finally:
            turn.release(wanted=committed)
        return committed

    def _run(self) -> bool:
        finder = self._finder
        old = self._staging.old_names
        application, namespaces = self._session.application, old.namespaces.values()
        withdrawal = Withdrawal(application, finder.registrations, namespaces)
        libraries = self._libraries or Libraries(application, self._service.attachments().values())
        self._registries = Registries(application, libraries)
        del old, namespaces
        # What is made from here on is all that a collector lists as young: none is at work meanwhile.
        gc.collect(0)
        try:
            self._file_caches.forget()
            with self.ledger, ProcessGuard():
                run_with_timeout(self._service.settings.reload_timeout, self._prepare)
        except BaseException as error:  # noqa: BLE001 - sys.exit() in a module body is refused too
            self.timed_out = isinstance(error, TimedOut)
            refused = Names(dict(self._staging.new_namespaces))
            self._roll_back(refused)
            withdrawal.restore(refused.namespaces.values())
            self._registries.restore(refused)
            del refused
            described = describe_error(
                _explained(error), self._session.application, self._plan.sources
            )
            self._report.refuse(described)
            return False
        with self._report.timed("commit"):
            new = self._new_names
            self._commit()
        finder.registrations = withdrawal.remaining + self.ledger.recorder.registrations
        withdrawal.replace(new.namespaces.values())
        self.ledger.note(finder.call_sites)
        return True

    # -- before the point of no return ------------------------------------------------------

    def _prepare(self) -> None:
        report, session = self._report, self._session
        staged = Generation(session.generation + 1)
        session.staged = staged
        with report.timed("stage"):
            self._import()
            for container, before in self._checkpoint.changed():
                if is_a(container, list):
                    self._registries.keep_once(container, before)
            self._registries.replace(self._new_names)
            self._keep_foreign_stores(staged)
            present = self._state(staged)
        with report.timed("convert"):
            self._convert(staged, present)

    def _state(self, staged: Generation) -> Statements:
        """Note what the new modules state."""
        new_code = self._conversion.new_code
        statements = Statements(self._new_names, new_code)
        staged.statements = statements.note(
            store_cls for name, store_cls in staged.stores.items() if name in staged.imported_stores
        )
        return statements

    def _convert(self, staged: Generation, present: Statements) -> None:
        """Step by step; code of the application runs in the later ones alone."""
        session, report, conversion = self._session, self._report, self._conversion
        conversion.find(self._not_ours())
        session.freezing = True
        try:
            conversion.serialise()
            parking.park(session, staged, conversion.new_code, report)
        finally:
            session.freezing = False
        self._dialogues = find_dialogues(self._service.clients, conversion.new_code, report)
        stores = self._stores_in_use(staged)
        conversion.whereabouts.stores = [objects for _, objects, _ in stores]
        conversion.convert_classes()
        in_use = self._in_use(stores, present)
        conversion.join(session.current.statements, present, in_use, self._given)
        present.close()
        conversion.exchange([*self._attachments(), *held_by(session.current.timers)])
        self._set_attachments()
        notes = [*self._checkpoint.notes(), self.ledger.modules]
        conversion.exchange_rest(self._accounts(), notes)
        self._carry_listeners(staged)
        self._carry_events()
        self._timers = carry_timers(session.current.timers, staged.timers, conversion, report)
        conversion.add_fields()
        self._activate(stores)
        conversion.convert_fields(objects for _, objects, _ in stores)
        for _, objects, parked in stores:
            if parked is not None:
                parking.deserialise(parked, conversion.now_all(objects))

    def _keep_foreign_stores(self, staged: Generation) -> None:
        """Store classes that are not of the application's modules stay, unless they are replaced."""
        current = self._session.current
        for name, store_cls in current.stores.items():
            imported = name in current.imported_stores
            if not imported and not self._session.application.owns(store_cls.__module__):
                staged.stores.setdefault(name, store_cls)

    def _import(self) -> None:
        service = self._service
        rebuild = Rebuild(service)
        known = set(self._plan.sources.modules)
        with constructing(rebuild):
            self._staging.run()
        self._new_names = Names(dict(self._staging.new_namespaces))
        self._report.notes += [
            f"{name} is newer than what is gone back to, and a module body looks for it: "
            "its file is imported"
            for name in self._plan.sources.modules.keys() - known
        ]
        self._check_service(rebuild)
        self._service_class = rebuild.service_class
        self._check_layout(rebuild.service_class)
        self._settings = self._new_settings(rebuild.sources)

    def _check_service(self, rebuild: Rebuild) -> None:
        """Refuse code that a start would refuse, since its modules make no service any more, or several."""
        if rebuild.count > 1:
            target = self._session.application.entries[0]
            raise ServiceNotFound(f"{target}: it makes {rebuild.count} services; it must make one")
        made = {id(value) for _, _, value in self._new_names.others if is_a(value, Service)}
        old = self._staging.old_names.others
        if len(made) != 1 and any(value is self._service for _, _, value in old):
            application = self._session.application
            find_service(application, application.entries[0])

    def _check_layout(self, new_class: type) -> None:
        """Everything refers to the service, so it cannot be made anew for another layout."""
        service, cls = self._service, type(self._service)
        try:
            set_class(service, new_class)
        except TypeError as error:
            place = f"Service {new_class.__name__}"
            reason = f"its layout has changed in a way that needs a restart: {error}"
            raise CarryError(place, reason) from None
        set_class(service, cls)

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

    def _not_ours(self) -> list[Any]:
        """Objects of Cletus's own classes, or of a start script's stores, that may hold something new."""
        dialogues = [
            dialogue for client in self._service.clients for dialogue in client.input.dialogues
        ]
        return dialogues + [
            obj
            for store_cls in self._session.current.stores.values()
            if not self._conversion.new_code.owns(store_cls)
            for obj in store_cls.manager.active().values()
        ]

    def _stores_in_use(self, staged: Generation) -> list[StoreInUse]:
        """The active objects of each store, with its new class; those of returning stores, too."""
        stores: list[StoreInUse] = []
        new_code = self._conversion.new_code
        for store_cls in self._session.current.stores.values():
            try:
                new_class: Any = new_code.class_of(store_cls)
            except Unnamed:
                continue
            stores.append((new_class, store_cls.manager.active(), None))
        for new_class, parked in parking.take_back(staged, new_code, self._report):
            stores.append((new_class, dict(parked.objects), parked))
        return stores

    def _in_use(self, stores: list[StoreInUse], present: Statements) -> dict[Path, Any]:
        """The objects that are in use, by the paths by which modules state them."""
        old = self._staging.old_names.namespaces
        # Only those modules are looked at again of which the new code states anything.
        stating = {path[0]: old[path[0]] for path in present.objects if path[0] in old}
        in_use = Statements(Names(stating), self._conversion.new_code).objects
        for new_class, objects, _ in stores:
            name = new_class.schema.name
            in_use |= {
                ("store", name, key): objects[key]
                for key in new_class.manager.active()
                if key in objects
            }
        return in_use

    def _given(self) -> list[Any]:
        """Objects older than the new modules to which their bodies have given something."""
        holders = self._persistent()
        changed = (*self._checkpoint.changed(), *self._registries.changed())
        return [*holders, *map(vars, holders), *(container for container, _ in changed)]

    def _activate(self, stores: list[StoreInUse]) -> None:
        """Make the objects active in their new managers, in the order in which they were."""
        for new_class, objects, _ in stores:
            manager, name = new_class.manager, new_class.schema.name
            self._report.stores[name] = self._report.stores.get(name, 0) + len(objects)
            if new_class is self._session.current.stores.get(name):
                continue  # it is not rebuilt
            now = self._conversion.now_all(objects)
            if type(manager).add_active is Manager.add_active:
                manager.set_active({**now, **manager.active(), **now} if manager.active() else now)
                continue
            self._conversion.remember()
            for obj in now.values():
                try:
                    manager.add_active(obj)
                except Exception as error:
                    raise CarryError(place_of(obj), "add_active() raised") from error
            manager.order_active(now)

    def _carry_listeners(self, staged: Generation) -> None:
        """Those that no module body registered: it will not register them again."""
        for listener in self._session.current.listeners:
            if listener.imported:
                continue
            try:
                place = f"listener {listener.function_name}"
                function = self._conversion.carry(listener.function, place)
                event = self._conversion.carry(listener.event, place)
            except CarryError as error:
                self._report.warnings.append(
                    f"{error}; it is not called any more: register it in a module body"
                )
                continue
            staged.listeners.add(replace(listener, function=function, event=event))

    def _carry_events(self) -> None:
        """Carry the application's own events that listener tasks were started with.

        A task that starts again is called with its event.
        """
        for _, task in self._tasks():
            event = task.event
            if event is None or not self._conversion.new_code.owns(type(event)):
                continue
            try:
                self._events[task] = self._conversion.carry(event, f"{type(event).__name__}")
            except CarryError as error:
                self._report.warnings.append(
                    f"{error}; what waits for an answer is not begun again"
                )
                self._events[task] = None

    def _attachments(self) -> list[dict[str, Any]]:
        """What the application has set on clients and on the service; each dict is a copy."""
        self._attached = with_attachments(self._persistent())
        for holder, attachments in self._attached:
            self._conversion.whereabouts.copies[id(attachments)] = holder
        return [attachments for _, attachments in self._attached]

    def _set_attachments(self) -> None:
        """The checkpoint takes it back."""
        for holder, attachments in self._attached:
            present = vars(holder)
            for name, value in attachments.items():
                if present[name] is not value:
                    present[name] = value

    def _accounts(self) -> list[Any]:
        """What refers to the old code for the sake of this reload, or goes with it."""
        names = self._staging.old_names
        return [self._staging, names, self.old_code, self._session.current]

    def _persistent(self) -> list[ApplicationAttributes]:
        return [self._service, *self._service.clients]

    # -- the two ways on --------------------------------------------------------------------

    def _commit(self) -> None:
        service, session = self._service, self._session
        commit_timers(self._timers)
        service.sources, service.settings = self._settings
        if self._service_class is not type(service):
            set_class(service, self._service_class)
        assert session.staged is not None  # noqa: S101 - it was made in _prepare
        session.current, session.staged = session.staged, None
        self._conversion.commit()
        self._lead_to_new_code()
        self._staging.commit()
        self._undo.forget()
        forget_classes()
        self._report.outcome = Outcome.COMMITTED
        self._report.generation = session.generation

    def _lead_to_new_code(self) -> None:
        """What still runs of the old code finds the live classes and objects under their names."""
        new = self._new_names.namespaces
        old_names = self._staging.old_names
        known = {*map(id, old_names.namespaces.values()), *map(id, new.values())}
        earlier = [space for space in self._conversion.namespaces if id(space) not in known]
        for names in (old_names, *(Names({space["__name__"]: space}) for space in earlier)):
            for module, name, _ in names.others:
                old, made = names.namespaces[module], new.get(module, {})
                is_common = name in made and name in old and not name.startswith("__")
                if is_common and _is_led_to(old[name], made[name]):
                    old[name] = made[name]

    def _roll_back(self, refused: Names) -> None:
        self.old_code = OldCode(refused)
        self._staging.rollback()
        self._session.staged = None
        self._service_class = type(self._service)  # the refused class must not be kept alive
        failures = self._undo.run()  # before what was noted before it
        forget_classes()
        self._checkpoint.restore()
        self._file_caches.restore()
        self._report.generation = self._session.generation
        # What had been noted has not come true.
        self._report.notes = [*failures, *self.ledger.undo()]
        self._report.warnings.clear()

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

    def _is_old(self, listener: Listener) -> bool:
        return self._session.application.owns(listener.function.__module__)

    def _restart(self, client: Client, task: ListenerTask, listener: Listener) -> None:
        if task.asking is None or listener.on_reload == "continue":
            running = self._report.still_running
            running[listener.function_name] = running.get(listener.function_name, 0) + 1
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


_NOT_LED = frozenset({ModuleType, FunctionType, *ATOMS})


def _is_led_to(old: Any, new: Any) -> bool:
    """Whether old code shall find the new value: classes and objects, but not functions.

    Its functions call each other as they were written for each other.
    """
    return old is not new and is_a(old, type) is is_a(new, type) and not is_a(old, tuple(_NOT_LED))


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
