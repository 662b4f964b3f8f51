"""Starting and stopping a service: what the start opens in order, the stop closes in reverse."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger

from cletus import events
from cletus.errors import (
    CallTimedOut,
    ServiceStateError,
    ServiceStopped,
    SettingError,
    StoreClaimed,
    StoreLocked,
)
from cletus.service.interfaces import Attachment, Cluster, Components, Door, Reloader, Restarter
from cletus.service.siblings import with_siblings

if TYPE_CHECKING:
    from cletus.service.service import Service


#: Seconds between two attempts of a primary to open a store that the one before still has.
_LOCKED = 1.0


class State(enum.Enum):
    """The states of a service, in their order."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Lifecycle:
    """Starts one service and stops it.

    Attributes:
        state: the state of the service.
        doors: the open doors.
        reloader: the reloader while the service runs, else ``None``.
        restarter: replaces the process; ``None`` where that is not the service's own.
        cluster: of whose processes this is one; ``None`` if it is the only one.
    """

    log = Logger()

    def __init__(self, service: Service, components: Components) -> None:
        self._service = service
        self._components = components
        self.state = State.IDLE
        self.doors: list[Door] = []
        self.reloader: Reloader | None = None
        self.restarter: Restarter | None = None
        self.cluster: Cluster | None = None
        self._attachments: list[Attachment] = []
        self._waiting: list[Deferred[None]] = []
        self._prepared: Reloader | None = None
        self._unopened: list[Attachment] | None = None
        self._started = 0.0  # by the service's clock
        self._stays: bool | None = None  # whether another process goes on; None: not asked yet

    @property
    def uptime(self) -> float:
        """Seconds since the start; 0.0 before it."""
        clock = self._service.clock
        return 0.0 if self.state is State.IDLE else float(clock.seconds() - self._started)

    def start(
        self,
        reactor: Any,
        doors: Iterable[Door] | None = None,
        attachments: Iterable[Attachment] | None = None,
    ) -> Deferred[None]:
        """Open the store, the doors and the attachments; see ``Service.start()``."""
        self._begin(reactor)
        return Deferred.fromCoroutine(self._start(doors, attachments))

    def prepare(self, reactor: Any) -> Deferred[list[Door]]:
        """Do what a start can do while another process still serves, for taking over from that.

        ``take_over()`` and then ``resume()`` follow.

        Returns:
            Fires with the doors that the settings ask for; none is open. Fails as ``start()`` does.
        """
        self._begin(reactor)
        return Deferred.fromCoroutine(self._prepare_doors())

    def take_over(self, doors: Iterable[Door], uptime: float) -> None:
        """The service runs here now, with these doors, and has run for so many seconds elsewhere."""
        self.doors = list(doors)
        self._started = self._service.clock.seconds() - uptime
        self._service.started_at = time.time() - uptime
        self.state = State.RUNNING

    async def resume(self) -> None:
        """Watch the application's files, and open the attachments, after ``take_over()``.

        Raises:
            CletusError: an attachment cannot be opened; it is tried again by the next call.
        """
        reloader, self._prepared = self._prepared, None
        if reloader is not None:
            self.reloader = reloader
            reloader.start()
        if self._unopened is None:
            self._unopened = list(self._components.attachments(self._service))
        while self._unopened and self.state is State.RUNNING:
            await self._unopened[0].open()
            self._attachments.append(self._unopened.pop(0))

    def stop(self) -> Deferred[None]:
        """Close everything; see ``Service.stop()``. A step that fails is logged and hinders no other.

        Returns:
            Fires when the service has stopped; at once if it has not been started.
        """
        if self.state is State.IDLE:
            return succeed(None)
        ended = self.when_stopped()
        if self.state in (State.STARTING, State.RUNNING):
            self.state = State.STOPPING
            Deferred.fromCoroutine(self._stop())
        return ended

    def when_stopped(self) -> Deferred[None]:
        """A Deferred that fires when the service has stopped, also because its start failed."""
        if self.state is State.STOPPED:
            return succeed(None)
        ended: Deferred[None] = Deferred()
        self._waiting.append(ended)
        return ended

    # -- opening ----------------------------------------------------------------------------

    def _begin(self, reactor: Any) -> None:
        if self.state is not State.IDLE:
            raise ServiceStateError(f"the service is {self.state.value}: it can be started once")
        self.state = State.STARTING
        self._service.started_at = time.time()
        self._service.reactor = reactor
        self._started = reactor.seconds()

    async def _prepare(self, *, restarted: bool = False) -> Reloader:
        service = self._service
        service.call_timeout.start(service.reactor)
        self._include_modules()
        if not restarted:
            await self._claim()
        _ = service.session.writer  # opens it: an unusable store folder stops the start here
        # Made before the application does anything: it notes what the modules have stated.
        reloader = self._components.reloader(service)
        await service.fire(events.PreStart(service, restarted))
        self._check_not_stopped()
        return reloader

    async def _claim(self) -> None:
        """In a cluster, wait until this process is the primary, and take the store."""
        self.cluster = self._components.cluster(self._service)
        if self.cluster is None:
            return
        epoch = await self.cluster.claim()
        self._check_not_stopped()
        while True:
            try:
                self._service.claim_store(epoch)
            except (
                StoreClaimed
            ) as error:  # the engine does not know, or this is not the primary any more
                self.log.warn("Claiming anew: {reason}", reason=str(error))
                epoch = await self.cluster.claim_after(error.epoch)
                self._check_not_stopped()
            except StoreLocked as error:  # the primary before has not noticed yet, and has it
                self.log.warn("Waiting for the store: {reason}", reason=str(error))
                await deferLater(self._service.reactor, _LOCKED)
                self._check_not_stopped()
            else:
                return

    async def _prepare_doors(self) -> list[Door]:
        self._prepared = await self._prepare(restarted=True)
        return list(self._components.doors(self._service))

    async def _start(
        self, doors: Iterable[Door] | None, attachments: Iterable[Attachment] | None
    ) -> None:
        service, components = self._service, self._components
        try:
            reloader = await self._prepare()
            if doors is None:
                doors = self.cluster.doors() if self.cluster else components.doors(service)
            for door in doors:
                await door.open()
                self.doors.append(door)
                self._check_not_stopped()
            self.reloader = reloader
            reloader.start()
            if attachments is None:
                attachments = components.attachments(service)
            for attachment in attachments:
                self._attachments.append(attachment)  # first: if opening it fails, it is closed
                await attachment.open()
                self._check_not_stopped()
        except BaseException:
            if self.state is State.STARTING:
                await self._close()
            else:
                await self._close_doors()  # the stop did not know of the last door yet
            raise
        self.state = State.RUNNING
        service.start_timers()
        # Not waited for: a listener may run as long as the service does.
        service.fire(events.PostStart(service))
        if self.cluster is None:
            return
        await self.cluster.started()
        if self.cluster.takeover is not None:
            service.fire(events.TakenOver(service, self.cluster.takeover))

    def _include_modules(self) -> None:
        session = self._service.session
        try:
            names = self._service.settings.reload_modules
            session.application = with_siblings(session.application.with_main().including(names))
        except ImportError as error:
            reason = f"names a module that cannot be imported: {error}"
            raise SettingError("reload_modules", reason) from error

    def _check_not_stopped(self) -> None:
        """Called after each wait of the start. Raises ``ServiceStopped`` if the service was stopped."""
        if self.state is not State.STARTING:
            raise ServiceStopped("the service was stopped while it started")

    # -- closing ----------------------------------------------------------------------------

    async def _stop(self) -> None:
        service = self._service
        await self._ask_whether_it_goes_on()
        await service.fire(events.PreStop(service))
        await self._close()
        await service.fire(events.PostStop(service))
        self._ended()

    async def _ask_whether_it_goes_on(self) -> None:
        if self._stays is None and self.cluster is not None:
            await self._attempt(self._ask_cluster)
        if not self._stays:
            self._service.connections.accepting = False

    async def _ask_cluster(self) -> None:
        self._stays = False  # unless it answers
        if self.cluster is not None:
            self._stays = await self.cluster.stays()

    async def _close(self) -> None:
        """Undo the start, in reverse."""
        await self._ask_whether_it_goes_on()
        while self._attachments:
            await self._attempt(self._attachments.pop().close)
        self._service.session.current.timers.cancel()
        reloader, self.reloader = self.reloader, None
        if reloader is not None:
            await self._attempt(reloader.stop)
        await self._close_doors()
        if not self._stays:
            await self._attempt(self._service.connections.close_all)
        await self._attempt(self._save)
        if self.cluster is not None and self._stays:
            await self._attempt(self.cluster.leave)
        await self._attempt(self._service.session.close)
        if self.cluster is not None:
            await self._attempt(self.cluster.close)
        starting, self.state = self.state is State.STARTING, State.STOPPED
        if starting:
            self._ended()

    async def _close_doors(self) -> None:
        while self.doors:
            await self._attempt(self.doors.pop().close)

    async def _attempt(self, close: Callable[[], Any]) -> None:
        """Take one step of closing; a failure is logged and does not keep the others from being taken."""
        try:
            await maybeDeferred(close)
        except (Exception, CallTimedOut):  # noqa: BLE001 - what is still open must be closed, above all the stores
            self.log.failure("A part of the service could not be closed")

    def _save(self) -> None:
        if self.cluster is not None and self._stays:
            # People wait: what is saved already is not written again.
            unsaved = self._service.session.save_all(rescue=True, is_saved=self.cluster.is_saved)
        else:
            unsaved = self._service.save_all()
        for failure in unsaved:
            self.log.error("{unsaved}", unsaved=str(failure))

    def _ended(self) -> None:
        self._service.call_timeout.stop()
        waiting, self._waiting = self._waiting, []
        for ended in waiting:
            ended.callback(None)
