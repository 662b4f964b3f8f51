"""The service: it owns everything that lives, and persists across reloads.

``service = Service()`` in the application's module, run again while that module is being rebuilt,
gives back the running instance.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, overload

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cletus import events
from cletus.client.attributes import ApplicationAttributes
from cletus.client.client import Client, Who, write_all
from cletus.client.interfaces import Transport
from cletus.errors import ServiceStateError, SettingError
from cletus.meters import Meters
from cletus.reactor.clock import ServiceClock
from cletus.reactor.threads import call_in_thread
from cletus.reactor.turn import Turn
from cletus.renamed import with_old_names
from cletus.service.application import application_of, maker_of
from cletus.service.connections import Connections
from cletus.service.construction import current_loading, current_rebuild
from cletus.service.dispatch import Dispatcher
from cletus.service.interfaces import Attachment, Components, Door, Reloader
from cletus.service.lifecycle import Lifecycle, State
from cletus.service.listeners import Listener, OnReload
from cletus.service.report import ReloadReport
from cletus.service.session import Session
from cletus.service.timers import Timer
from cletus.settings.files import from_environment
from cletus.settings.settings import Settings, Sources
from cletus.storage import Unsaved, Writer, open_writer

ListenerFunction = TypeVar("ListenerFunction", bound=Callable[[Any], Any])

#: Of the module: ``service.log`` is a name that an application may want for itself.
_log = Logger()


@with_old_names
class Service(ApplicationAttributes):
    """One application's service.

    A subclass's own ``__init__`` is run once; a reload does not run it again.

    Args:
        kind: the class of its settings: ``cletus.Settings``, or the application's own subclass.
        components: what it is put together from, in place of the usual ones.
        settings: as for ``configure()``.

    Attributes:
        session: the live state: store classes, active objects, generation number.
        settings: all settings as they are in force.
        clock: the time and timers of that reactor.
        metrics: what is counted; ``metrics.counter("talker_logins", "...")`` is one of your own.
        connections: the table of clients, and what doors report of them.
        dispatcher: what calls the application's code.
        turn: what is done once at the end of a reactor turn.
        started_at: when it was started, in seconds since the epoch; 0.0 before.
        last_reload: the report of the latest reload, or ``None``.
        lifecycle: what starts and stops it.
        sources: where its settings come from; a reload replaces them.
    """

    def __new__(cls, *args: Any, **settings: Any) -> Service:
        """The running instance while its application is being rebuilt, else a new one."""
        rebuild = current_rebuild()
        if rebuild is None:
            return super().__new__(cls)
        running: Service = rebuild.service
        rebuild.service_class = cls
        settings.pop("components", None)
        if cls.__init__ is not Service.__init__:
            # Its arguments are its own, and Python does not call it for an object of the old class.
            old = running.sources.type
            kind = getattr(sys.modules.get(old.__module__), old.__name__, old)
            settings = running._made_with
        else:
            kind = args[0] if args else settings.pop("kind", Settings)
        rebuild.sources.type = kind
        running.configure(**settings)
        return running

    def __init__(
        self,
        kind: type[Settings] = Settings,
        *,
        components: Components | None = None,
        **settings: Any,
    ) -> None:
        if current_rebuild() is not None:
            return
        loading = current_loading()
        components = components or Components.default
        self._run = components.run
        self._made_with = settings
        application = application_of(maker_of(self)) if loading is None else loading.application
        self.session = Session(application, self._open_writer)
        self.sources = Sources(kind)
        self.settings: Settings = self.sources.settings()
        self.lifecycle = Lifecycle(self, components)
        self.clock = ServiceClock()
        self.metrics = Meters()
        self.dispatcher = Dispatcher(self.session, self.metrics, lambda: self.settings.error_notice)
        self.turn = Turn(self.clock.callLater, self.metrics.deliveries)
        self.last_reload: Any = None
        self.started_at = 0.0
        self.connections = Connections(self, self.dispatcher, self.metrics)
        self._seal("session", "lifecycle", "clock", "connections", "dispatcher", "turn")
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
        """Set settings without running; keywords are the names of ``cletus.settings.Settings``.

        In a module body that a reload runs again, they come into force with the commit.

        Raises:
            SettingError: a name is unknown, or a value is of the wrong type.
        """
        rebuild = current_rebuild()
        if rebuild is not None and rebuild.service is self:
            return rebuild.sources.update("module body", settings)
        importing = self.session.application.is_importing()
        return self.set("module body" if importing else "service.configure()", settings)

    def read_settings(self, folder: Path, environment: Mapping[str, str]) -> Settings:
        """Take what ``cletus.toml`` (or ``pyproject.toml``) and the environment say.

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
        """Set what one of ``settings.SOURCES`` says. Raises as ``configure()`` does."""
        sources = self.sources.copy()
        sources.update(source, changes)
        return self._take(sources, source)

    def _take(self, sources: Sources, source: str) -> Settings:
        settings = sources.settings()
        used = self.state is State.IDLE and self.session.is_open  # by a module that was imported
        if used and settings.store != self.settings.store:
            raise SettingError("store", f"is {self.settings.store!r} and in use", source=source)
        self.sources, self.settings = sources, settings
        return settings

    # -- listeners and events ---------------------------------------------------------------

    def listen(
        self, event: type[events.Event], *, on_reload: OnReload = "restart", package: str = ""
    ) -> Callable[[ListenerFunction], ListenerFunction]:
        """Have the decorated function called for each event of this class.

        Args:
            event: a class of ``cletus.events``.
            on_reload: for an ``async def`` that waits in ``client.ask()`` while the code is
                reloaded: ``"restart"`` starts the new code from its top with the same event;
                ``"cancel"`` ends it, so that its ``finally`` runs.
            package: of ``events.Gmcp``, the one to hear of; ``gmcp()`` is shorter.
        """

        def register(function: ListenerFunction) -> ListenerFunction:
            imported = self.session.application.is_importing()
            listener = Listener(event, function, on_reload, imported, package)
            self.session.defining.listeners.add(listener)
            return function

        return register

    def fire(self, event: events.Event) -> Deferred[None]:
        """Call the listeners of an event; fires when those that are ``async`` have ended.

        It never fails: what a listener raises is logged.
        """
        return self.dispatcher.fire(event)

    def gmcp(
        self, package: str, *, on_reload: OnReload = "restart"
    ) -> Callable[[ListenerFunction], ListenerFunction]:
        """Have the decorated function called for the messages of one GMCP package.

        Args:
            package: its name, such as ``Char.Login``; what is inside it (``Char.Login.Credentials``)
                is heard as well. Case does not matter.
            on_reload: as for ``listen()``. The function takes an ``events.Gmcp``.
        """
        return self.listen(events.Gmcp, on_reload=on_reload, package=package)

    # -- people -----------------------------------------------------------------------------

    @property
    def clients(self) -> tuple[Client, ...]:
        """Everybody who is connected, in the order of their coming."""
        return tuple(self.connections)

    def write_all(
        self,
        *lines: object,
        exclude: Who = None,
        filter: Callable[[Client], bool] | None = None,  # noqa: A002 - the name is fixed by the API
    ) -> None:
        """Send whole lines to everybody, but for those excluded or not accepted by the filter."""
        write_all(self.connections, *lines, exclude=exclude, filter=filter)

    def connected(self, transport: Transport, *, door: str) -> Client:
        """For doors: as ``connections.connected``."""
        return self.connections.connected(transport, door=door)

    def message_received(self, client: Client, package: str, data: Any) -> None:
        """For doors: as ``connections.message_received``."""
        self.connections.message_received(client, package, data)

    def resized(self, client: Client) -> None:
        """For doors: as ``connections.resized``."""
        self.connections.resized(client)

    # -- timers -----------------------------------------------------------------------------

    def call_later(
        self, delay: float, target: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Timer:
        """Call this once, after so many seconds; a reload in between does not touch its time.

        Args:
            delay: seconds.
            target: a function at the top level of its module, or a method of a store object.
            *args: what it is called with.
            **kwargs: what it is called with.

        Returns:
            The handle, for ``cancel()``.

        Raises:
            TimerError: the delay is negative or not finite.
        """
        return self._add_timer(Timer(delay, None, target, args, kwargs))

    @overload
    def every(self, interval: float) -> Callable[[ListenerFunction], ListenerFunction]: ...
    @overload
    def every(
        self, interval: float, target: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Timer: ...
    def every(
        self, interval: float, target: Callable[..., Any] | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Call this every so many seconds: ``@service.every(60)``, or as ``call_later`` is called.

        A reload keeps its phase if name and interval stay, and starts it anew if they do not. A call
        that is due while an ``async`` target is still at work is left out.

        Returns:
            The handle, for ``cancel()``; used as a decorator, the function.

        Raises:
            TimerError: the interval is not more than 0, or not finite.
        """
        if target is not None:
            return self._add_timer(Timer(interval, interval, target, args, kwargs))

        def register(function: ListenerFunction) -> ListenerFunction:
            self._add_timer(Timer(interval, interval, function))
            return function

        return register

    # -- life -------------------------------------------------------------------------------

    def run(self, **settings: Any) -> None:
        """Run until stopped, as a program: options of the command line override the settings.

        Returns at once when called by a module body that a reload runs again.
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
            attachments: in place of the control socket and what else the settings name.

        Raises:
            CletusError: through the Deferred; whatever had been opened is closed again.
        """
        return self.lifecycle.start(reactor, doors, attachments)

    def stop(self) -> Deferred[None]:
        """Tell everybody, close the doors, save the stores, and let go of everything."""
        return self.lifecycle.stop()

    @property
    def state(self) -> State:
        """Where in its life the service is."""
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
        """Go back to the code before its last change; the files are not touched.

        The next edit of a file goes forward again.

        Returns:
            As ``reload()``.

        Raises:
            ReloadError: no earlier generation is kept (setting ``reload_keep``).
            ServiceStateError: the service is not running.
        """
        return self.reloader.rollback()

    @property
    def reloader(self) -> Reloader:
        """What rebuilds the application.

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
        """What the doors listen on, for people: ``telnet 127.0.0.1:9000``."""
        return tuple(door.address for door in self.lifecycle.doors)

    def run_in_thread(self, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Call this in one of the reactor's threads; at once where there are none, as in tests."""
        return call_in_thread(self.reactor, call, *args)

    def save_all(self) -> list[Unsaved]:
        """Save every active object of every store that can be saved, as one group.

        Returns:
            What could not be saved, and why; it does not hinder the others.
        """
        return self.session.save_all()

    def start_timers(self) -> None:
        """Let the time of all timers run that does not run yet."""
        for timer in self.session.current.timers:
            timer.start(self.clock, self.dispatcher.ring)

    # -- inside -----------------------------------------------------------------------------

    def _open_writer(self) -> Writer:
        return open_writer(self.settings, self.clock, self.run_in_thread, self.metrics)

    def _add_timer(self, timer: Timer) -> Timer:
        timer.imported = self.session.application.is_importing()
        self.session.defining.timers.add(timer)
        if self.session.staged is None and self.state in (State.STARTING, State.RUNNING):
            timer.start(self.clock, self.dispatcher.ring)
        return timer
