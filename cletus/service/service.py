"""The service: it owns the session, the clients, the listeners, the timers and the doors.

It lasts as long as the process. A reload runs ``service = Service()`` in the application's module again;
the call then returns the running instance.
"""

from __future__ import annotations

import math
import os
import sys
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, overload

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from cletus import events
from cletus.client.attributes import ApplicationAttributes
from cletus.client.client import Client, Clients, write_all
from cletus.client.listener_task import current_task
from cletus.errors import ServiceNotFound, ServiceStateError, SettingError, TimerError
from cletus.events import PostReload
from cletus.logs.context import subject
from cletus.meters import Meters
from cletus.reactor.call_timeout import CallTimeout
from cletus.reactor.clock import ServiceClock
from cletus.reactor.threads import SAVES, Pool, call_in_thread
from cletus.reactor.turn import Turn
from cletus.renamed import ARGUMENTS, new_name, with_old_names
from cletus.service.application import Application, absolute_path, application_of, maker_of
from cletus.service.connections import Connections
from cletus.service.construction import current_loading, current_rebuild
from cletus.service.dispatch import Dispatcher
from cletus.service.interfaces import Attachment, Components, Door, Reloader
from cletus.service.lifecycle import Lifecycle, State
from cletus.service.listeners import Listener, OnReload
from cletus.service.report import ReloadReport
from cletus.service.restart_report import RestartReport
from cletus.service.session import Session
from cletus.service.siblings import with_siblings
from cletus.service.succession import succeeds_another_process
from cletus.service.timers import Timer
from cletus.service.waits import EventT
from cletus.settings.files import from_environment
from cletus.settings.settings import Settings, Sources
from cletus.storage import Unsaved, Writer, open_writer
from cletus.storage.backends.read_only import ReadOnlyBackend, open_read_only
from cletus.storage.backends.urls import adopt_writer, backend_for

ListenerFunction = TypeVar("ListenerFunction", bound=Callable[[Any], Any])
TimerFunction = TypeVar("TimerFunction", bound=Callable[[], Any])
T = TypeVar("T")

#: The module's, not the class's: an application may use the name ``service.log`` for itself.
_log = Logger()


@with_old_names
class Service(ApplicationAttributes):
    """The service of one application.

    A reload does not run the ``__init__`` of a subclass again.

    Args:
        settings_class: ``cletus.Settings``, or the application's own subclass of it.
        components: what the service is put together from, in place of ``Components.default``.
        **settings: as for ``configure()``.

    Attributes:
        session: the live state: store classes, active objects, generation number.
        settings: the settings in force.
        clock: the time and delayed calls of the reactor.
        metrics: counters; ``metrics.counter("talker_logins", "...")`` makes one of your own.
        connections: the table of clients; doors report connections to it.
        dispatcher: calls listeners and timers.
        call_timeout: interrupts calls of the application that do not return.
        turn: calls that are made once at the end of a reactor turn.
        started_at: the time of the start, in seconds since the epoch; 0.0 before it.
        last_reload: the report of the latest reload, or ``None``.
        last_restart: the report of the restart that this process has taken over by, or ``None``.
        lifecycle: starts and stops the service.
        sources: where the settings come from; a reload replaces it.
    """

    def __new__(cls, *args: Any, **settings: Any) -> Service:
        """The running instance while its application is being rebuilt, else a new one."""
        rebuild = current_rebuild()
        if rebuild is None:
            return super().__new__(cls)
        running: Service = rebuild.service
        rebuild.service_class = cls
        rebuild.count += 1
        if cls.__init__ is Service.__init__:
            settings.pop("components", None)
            settings_class = args[0] if args else _pop_class(settings, Settings)
        else:
            # The arguments are those of the subclass, whose __init__ Python does not call for an
            # object of the old class. What it gave to ours the first time still holds.
            former = running.sources.type
            settings_class = getattr(sys.modules.get(former.__module__), former.__name__, former)
            settings = running._initial_settings
        rebuild.sources.type = settings_class
        running.configure(**settings)
        return running

    def __init__(
        self,
        settings_class: type[Settings] = Settings,
        *,
        components: Components | None = None,
        **settings: Any,
    ) -> None:
        if current_rebuild() is not None:
            return
        settings_class = _pop_class(settings, settings_class)
        loading = current_loading()
        components = components or Components.default
        self._run = components.run
        self._initial_settings = settings
        application = (
            loading.application if loading else with_siblings(application_of(maker_of(self)))
        )
        if loading is None:
            _refuse_second_import(application)
        self.session = Session(application, self._open_writer, self)
        self.sources = Sources(settings_class)
        self.settings: Settings = self.sources.settings()
        self.lifecycle = Lifecycle(self, components)
        self.clock = ServiceClock()
        self.metrics = Meters()
        self.dispatcher = Dispatcher(self.session, self.metrics, lambda: self.settings.error_notice)
        self.call_timeout = CallTimeout(
            lambda: self.settings.call_timeout,
            lambda module: self.session.application.owns(module),  # noqa: PLW0108 - a reload replaces it
            self.metrics,
        )
        self.turn = Turn(self.clock.call_unasked, self.metrics.deliveries)
        self.last_reload: Any = None
        self.last_restart: RestartReport | None = None
        self.started_at = 0.0
        self.connections = Connections(self, self.turn, self.dispatcher, self.metrics)
        self._seal(
            "session", "lifecycle", "clock", "connections", "dispatcher", "turn", "call_timeout"
        )
        self.configure(**settings)
        if loading is not None:
            loading.configure(self)

    @property
    def reactor(self) -> Any:
        """Twisted's reactor, or a ``Clock``; ``None`` before the start."""
        return self.clock.reactor

    @reactor.setter
    def reactor(self, reactor: Any) -> None:
        self.clock.reactor = reactor

    # -- settings ---------------------------------------------------------------------------

    def configure(self, **settings: Any) -> Settings:
        """Set settings, by the names of ``cletus.Settings``.

        In a module body that a reload runs again, they come into force when the reload is committed.

        Raises:
            SettingError: a name is unknown, or a value is of the wrong type.
        """
        rebuild = current_rebuild()
        if rebuild is not None and rebuild.service is self:
            return rebuild.sources.update("module body", settings)
        importing = self.session.application.is_importing()
        return self.set("module body" if importing else "service.configure()", settings)

    def read_settings(self, folder: Path, environment: Mapping[str, str]) -> Settings:
        """Set what ``cletus.toml`` (or ``pyproject.toml``) and the environment say.

        Args:
            folder: where the file is; a reload reads it again.
            environment: ``os.environ``.

        Raises:
            SettingError: the file cannot be read, a name is unknown, or a value is of the wrong type.
        """
        sources = self.sources.copy()
        sources.replace("environment", from_environment(environment))
        sources.read_file(folder)
        return self._take(sources, "file")

    def set(self, source: str, changes: Mapping[str, Any]) -> Settings:
        """Set settings of one of ``settings.SOURCES``. Raises as ``configure()`` does."""
        sources = self.sources.copy()
        sources.update(source, changes)
        return self._take(sources, source)

    def _take(self, sources: Sources, source: str) -> Settings:
        settings = sources.settings()
        # A module body may have opened the store already. Objects loaded from one store must not be
        # saved to another.
        in_use = self.state is State.IDLE and self.session.is_open
        if in_use and settings.store != self.settings.store:
            raise SettingError("store", f"is {self.settings.store!r} and in use", source=source)
        self.sources, self.settings = sources, settings
        return settings

    # -- listeners and events ---------------------------------------------------------------

    def listen(
        self, event: type[events.Event], *, on_reload: OnReload = "restart", package: str = ""
    ) -> Callable[[ListenerFunction], ListenerFunction]:
        """Decorator: call the function for each event of this class.

        Args:
            event: a class of ``cletus.events``, or the application's own; subclasses are included.
            on_reload: what a reload does with an ``async def`` that waits in ``client.ask()``:
                ``"restart"`` runs the new code from its top with the same event; ``"cancel"``
                ends it, so that its ``finally`` runs; ``"continue"`` lets it go on in the old code
                until it ends, so that nothing it has done before the question is done twice.
            package: with ``events.Gmcp``, the only package to call it for; ``gmcp()`` is shorter.
        """

        def register(function: ListenerFunction) -> ListenerFunction:
            imported = self.session.application.is_importing()
            listener = Listener(event, function, on_reload, imported, package)
            self.session.defining.listeners.add(listener)
            return function

        return register

    def fire(self, event: events.Event) -> Deferred[None]:
        """Call the listeners of an event.

        Returns:
            Fires when the ``async`` ones have ended. It does not fail: what a listener raises is
            logged.
        """
        return self.dispatcher.fire(event)

    def gmcp(
        self, package: str, *, on_reload: OnReload = "restart"
    ) -> Callable[[ListenerFunction], ListenerFunction]:
        """Decorator: call the function with an ``events.Gmcp`` for each message of a GMCP package.

        Args:
            package: its name, in any case, such as ``Char.Login``; packages inside it, such as
                ``Char.Login.Credentials``, are included.
            on_reload: as for ``listen()``.
        """
        return self.listen(events.Gmcp, on_reload=on_reload, package=package)

    # -- clients ----------------------------------------------------------------------------

    @property
    def clients(self) -> tuple[Client[Service], ...]:
        """The connected clients, in the order of their connecting."""
        return tuple(self.connections.clients)

    def write_all(
        self,
        *lines: object,
        exclude: Clients = None,
        filter: Callable[[Client], bool] | None = None,  # noqa: A002 - the name is fixed by the API
    ) -> None:
        """Send lines to all clients but those excluded or not accepted by the filter.

        Args:
            *lines: as for ``client.write()``.
            exclude: a client, or several.
            filter: called with each client; sends only to those for whom it returns true.
        """
        write_all(self.connections.clients, *lines, exclude=exclude, filter=filter)

    # -- timers -----------------------------------------------------------------------------

    def call_later(
        self, delay: float, target: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Timer:
        """Call a function once, later. A reload in between does not change the time.

        Args:
            delay: seconds from now, or from the start of a service that has not started yet.
            target: a function at the top level of its module, or a method of a store object: the
                reload replaces it by the one of that name in the new code.
            *args: passed to it.
            **kwargs: passed to it.

        Returns:
            The timer, for ``cancel()``.

        Raises:
            TimerError: the delay is negative or not finite.
        """
        return self._add_timer(Timer(delay, None, target, args, kwargs))

    @overload
    def every(self, interval: float) -> Callable[[TimerFunction], TimerFunction]: ...
    @overload
    def every(
        self, interval: float, target: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Timer: ...
    def every(
        self, interval: float, target: Callable[..., Any] | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Call a function again and again: ``@service.every(60)``, or with the arguments of ``call_later``.

        The interval is in seconds; it precedes the first call, too. A reload keeps the time of the next
        call if name and interval are unchanged. A listener of ``events.PostReload`` that asks again for a
        timer that the reload has carried gets that one. A call that is due while an ``async`` target is
        still running is skipped.

        Returns:
            The timer, for ``cancel()``; used as a decorator, the function.

        Raises:
            TimerError: the interval is not more than 0, or not finite.
        """
        if target is not None:
            return self._add_repeating(Timer(interval, interval, target, args, kwargs))

        def register(function: TimerFunction) -> TimerFunction:
            self._add_repeating(Timer(interval, interval, function))
            return function

        return register

    def sleep(self, seconds: float) -> Deferred[None]:
        """Await this in an ``async def`` to wait.

        A reload treats an ``async`` listener or step that sleeps as one that waits in ``client.ask()``:
        it starts again from its top, or is cancelled. Lines of its client wait as long as it does.

        Args:
            seconds: 0 waits for the next turn of the reactor.

        Returns:
            Fires when the time is over. Cancelling it ends the wait.

        Raises:
            TimerError: the time is negative or not finite.
            ServiceStateError: the service is not started yet.
        """
        if not 0 <= seconds < math.inf:
            raise TimerError(seconds, "it is only possible to sleep for a finite time")
        slept: Deferred[None] = Deferred(lambda _: call.cancel())
        call = self.clock.callLater(seconds, slept.callback, None)
        return _noted(slept)

    def wait_for(
        self,
        event: type[EventT],
        *,
        match: Callable[[EventT], object] | None = None,
        timeout: float | None = None,
    ) -> Deferred[EventT]:
        """Await this in an ``async def`` to wait for an event.

        The listeners of the event are called first. A reload treats the code that waits as one that
        waits in ``sleep()``; what it lets run on in the old code hears events of the new classes.
        Lines of the client of the code wait until it has ended: await ``client.ask()`` for those.

        Args:
            event: a class of ``cletus.events``, or the application's own; subclasses are included.
            match: called with each such event; the wait ends with the first for which it returns true.
            timeout: seconds; by default the setting ``wait_timeout``. 0 means no limit.

        Returns:
            Fires with the event; fails with what ``match`` raises. Cancelling it ends the wait.

        Raises:
            WaitTimedOut: through the Deferred; it is a ``TimeoutError``.
            TimerError: the timeout is negative or not finite.
            ServiceStateError: the service is not started yet.
        """
        seconds = self.settings.wait_timeout if timeout is None else timeout
        if not 0 <= seconds < math.inf:
            raise TimerError(
                seconds, "it is only possible to wait for a finite time; 0 is no limit"
            )
        return _noted(self.dispatcher.waits.add(event, match, seconds, self.clock))

    # -- lifecycle -------------------------------------------------------------------------------

    def run(self, **settings: Any) -> None:
        """Run the service as a program until it is stopped; then end the process.

        Options of the command line override the settings. While others import the application
        (``cletus run``, a reload, a test), this does not run it.
        """
        if current_rebuild() is not None:
            return
        if current_loading() is not None:
            self.set("service.run()", settings)
        else:
            self._run(self, settings)

    def start(
        self,
        reactor: Any,
        *,
        doors: Iterable[Door] | None = None,
        attachments: Iterable[Attachment] | None = None,
    ) -> Deferred[None]:
        """Open the store, the doors and the watch on the application's files.

        Args:
            reactor: Twisted's reactor, or a ``Clock`` for tests.
            doors: in place of those that the settings name.
            attachments: in place of the control socket, the metrics port, and systemd's notification.

        Raises:
            ServiceStateError: the service was started before.
            CletusError: through the Deferred; everything that had been opened is closed again.
        """
        return self.lifecycle.start(reactor, doors, attachments)

    def stop(self) -> Deferred[None]:
        """Close the doors, tell the clients and close their connections, save the stores, close them.

        Returns:
            Fires when the service has stopped; does not fail.
        """
        return self.lifecycle.stop()

    @property
    def state(self) -> State:
        """Whether the service is idle, starting, running, stopping or stopped."""
        return self.lifecycle.state

    def reload(self) -> Deferred[ReloadReport]:
        """Reload the application's code at the next safe point.

        Returns:
            Fires with the report, also when the reload is refused.

        Raises:
            ServiceStateError: the service is not running.
        """
        return self.reloader.request()

    def rollback(self) -> Deferred[ReloadReport]:
        """Go back to the code before the latest reload. The files are not changed.

        The next edit of a file reloads the files again.

        Returns:
            As for ``reload()``.

        Raises:
            ReloadError: no earlier generation is kept (setting ``reload_keep``).
            ServiceStateError: the service is not running.
        """
        return self.reloader.rollback()

    def restart(
        self, *, check: bool = False, force: bool = False, client: Client | None = None
    ) -> Deferred[RestartReport]:
        """Replace this process by a new one, which everybody stays connected to.

        The new process has imported everything, and has taken everything over, before this one ends: if
        it does not start, nothing changes.

        Args:
            check: only find out whether a new process could take over.
            force: end code of the application that is at work, in place of waiting for it.
            client: who gets the report, also if it is the new process that sends it.

        Returns:
            Fires with the report of a restart that was refused, or was only a check. After any other,
            this process ends, and ``last_restart`` of the new one has the report.
        """
        asked_by = 0 if client is None else client.id
        restarter = self.lifecycle.restarter
        if restarter is None or self.state is not State.RUNNING:
            report = RestartReport(old_pid=os.getpid(), asked_by=asked_by)
            report.refuse(self._why_no_restart())
            return succeed(report)
        refused: Deferred[RestartReport] = Deferred()

        def ended(report: RestartReport) -> None:
            if not report.is_taken_over:
                refused.callback(report)

        restarter.request(check=check, force=force, asked_by=asked_by).addCallback(ended)
        return refused

    def _why_no_restart(self) -> str:
        if self.state is not State.RUNNING:
            return f"the service is {self.state.value}"
        if self.lifecycle.cluster is not None:
            return "the primary of a cluster has processes that stand by: see cletus handover"
        return "the process is not the service's own, as under twist: restart that"

    @property
    def reloader(self) -> Reloader:
        """The reloader of the application.

        Raises:
            ServiceStateError: the service is not running.
        """
        if self.lifecycle.reloader is None:
            raise ServiceStateError(f"the service is {self.state.value}: nothing to reload")
        return self.lifecycle.reloader

    @property
    def doors(self) -> tuple[Door, ...]:
        """The doors that are open."""
        return tuple(self.lifecycle.doors)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of the open doors, such as ``telnet 127.0.0.1:9000``."""
        return tuple(door.address for door in self.lifecycle.doors if door.address)

    def run_in_thread(
        self, call: Callable[..., Any], *args: Any, pool: Pool | None = None
    ) -> Deferred[Any]:
        """Call a function in a thread; at once if the reactor has none, as in tests.

        Args:
            call: the function.
            args: its arguments.
            pool: the threads that make the call. By default those of the reactor, which are for the
                application; saves, passwords and reloads have threads of their own.

        Returns:
            Fires in the reactor's thread with what the function returns or raises.
        """
        return call_in_thread(self.reactor, call, *args, pool=pool)

    def save_all(self) -> list[Unsaved]:
        """Save all active objects of all stores that can be saved, as one group.

        Returns:
            The objects that could not be saved, and why. All others are saved.
        """
        return self.session.save_all(rescue=True)

    def start_timers(self) -> None:
        """Start all timers that have not been started."""
        for timer in self.session.current.timers:
            timer.start(self.clock, self.dispatcher.ring)

    def _open_writer(self) -> Writer:
        in_thread = partial(self.run_in_thread, pool=SAVES)
        opener = open_read_only if succeeds_another_process() else open_writer
        return opener(self.settings, self.clock, in_thread, self.metrics)

    def stand_by(self) -> None:
        """Until ``claim_store()``, modules see what another process has saved, and change nothing of it.

        Raises:
            StoreUnusable: what the store needs cannot be imported.
        """
        backend_for(self.settings)  # what that imports, a takeover does not wait for
        in_thread = partial(self.run_in_thread, pool=SAVES)
        self.session.open_with(
            lambda: open_read_only(self.settings, self.clock, in_thread, self.metrics)
        )

    def claim_store(self, epoch: int) -> None:
        """Take the store as the primary of a cluster; what was loaded from it before is loaded again.

        Args:
            epoch: of this primary.

        Raises:
            StoreUnusable: it cannot be opened.
        """
        in_thread = partial(self.run_in_thread, pool=SAVES)
        session = self.session
        before = session.writer if session.is_open else None
        backend = None if before is None else before.backend
        seen = backend if isinstance(backend, ReadOnlyBackend) else None
        if before is not None and seen is None:
            before.close()  # a module has opened it: it was not told to stand by
        writer = open_writer(self.settings, self.clock, in_thread, self.metrics, epoch)
        session.replace_writer(writer)
        if seen is not None:
            # What modules have saved under new names; what others have saved meanwhile is newer.
            for document in seen.written():
                if document.key not in writer.keys(document.store):
                    writer.write(document.store, document.key, document.data)
            session.load_again()

    def adopt_store(self, descriptor: int, state: Any) -> None:
        """Go on with the store of another process; see ``cletus.storage.interfaces.Movable``."""
        in_thread = partial(self.run_in_thread, pool=SAVES)
        self.session.replace_writer(
            adopt_writer(self.settings, self.clock, in_thread, self.metrics, descriptor, state)
        )

    def _add_repeating(self, timer: Timer) -> Timer:
        # A reload carries timers, but its listeners often start again what they start at PreStart.
        if isinstance(subject.get(), PostReload):
            carried = self.session.current.timers.carried(timer)
            if carried is not None:
                return carried
        return self._add_timer(timer)

    def _add_timer(self, timer: Timer) -> Timer:
        timer.imported = self.session.application.is_importing()
        present: Any = subject.get()
        client = present if isinstance(present, Client) else getattr(present, "client", None)
        if client is not None:
            timer.creator = weakref.ref(client)
        self.session.defining.timers.add(timer)
        if self.session.staged is None and self.state in (State.STARTING, State.RUNNING):
            timer.start(self.clock, self.dispatcher.ring)
        return timer


def _noted(wait: Deferred[T]) -> Deferred[T]:
    """The Deferred; the listener task that is running, if any, is noted as waiting for it."""
    task = current_task()
    if task is not None:
        task.waits_for(wait)
    return wait


def _pop_class(settings: dict[str, Any], default: type[Settings]) -> type[Settings]:
    """The class of settings among keyword arguments, also by its old name; takes it out of them."""
    for name in ("settings_class", *ARGUMENTS["Service"]):
        if name in settings:
            new_name(ARGUMENTS["Service"], name, stacklevel=5)
            default = settings.pop(name)
    return default


def _refuse_second_import(application: Application) -> None:
    """Refuse a second service that the program's own file makes, imported under its name.

    With ``python app.py``, Python knows that file as ``__main__``: ``from app import service`` in another
    module runs it once more, and that module's listeners would be those of a service that nobody runs.

    Raises:
        ServiceNotFound: this is such an import.
    """
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if main is None or file is None or not application.roots:
        return
    root = application.roots[0]
    is_second = root.name != "__main__" and root.path == absolute_path(file)
    if is_second and any(issubclass(type(value), Service) for value in list(vars(main).values())):
        raise ServiceNotFound(
            f"{root.path.name} runs as __main__, and a module imports it again as {root.name!r}, which "
            f"would make a second service; start it with: cletus run {root.path.name}, or make the "
            "service in a module of its own"
        )
