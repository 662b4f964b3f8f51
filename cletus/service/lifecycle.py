"""The life of a service: what is opened at its start, in order, is closed at its stop, in reverse."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger

from cletus import events
from cletus.errors import ServiceStateError, ServiceStopped, SettingError
from cletus.service.interfaces import Attachment, Components, Door, Reloader

if TYPE_CHECKING:
    from cletus.service.service import Service


class State(enum.Enum):
    """Where in its life a service is."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Lifecycle:
    """Starts one service and stops it.

    Args:
        service: the service.
        components: what it is put together from.

    Attributes:
        state: where it stands.
        doors: those that are open.
        reloader: what rebuilds the application, from the start to the stop.
    """

    log = Logger()

    def __init__(self, service: Service, components: Components) -> None:
        self._service = service
        self._components = components
        self.state = State.IDLE
        self.doors: list[Door] = []
        self.reloader: Reloader | None = None
        self._attachments: list[Attachment] = []
        self._waiting: list[Deferred[None]] = []

    def start(
        self,
        reactor: Any,
        doors: Iterable[Door] | None = None,
        attachments: Iterable[Attachment] | None = None,
    ) -> Deferred[None]:
        """Open the store, the doors and the watch on the application's files.

        Args:
            reactor: Twisted's reactor, or a ``Clock`` for tests.
            doors: in place of those of the components.
            attachments: in place of those of the components.

        Raises:
            ServiceStateError: it was started before.
            CletusError: through the Deferred; whatever had been opened is closed again.
        """
        if self.state is not State.IDLE:
            raise ServiceStateError(f"the service is {self.state.value}: it can be started once")
        self.state = State.STARTING
        self._service.started_at = time.time()
        self._service.reactor = reactor
        return Deferred.fromCoroutine(self._start(doors, attachments))

    def stop(self) -> Deferred[None]:
        """Tell everybody, close the doors, save the stores, and let go of everything.

        Whatever part of that fails is logged, and the others are done all the same.

        Returns:
            A Deferred that fires when it has stopped; also if it was stopping already.
        """
        if self.state is State.IDLE:
            return succeed(None)
        ended = self.when_stopped()
        if self.state in (State.STARTING, State.RUNNING):
            self.state = State.STOPPING
            self._service.connections.accepting = False
            Deferred.fromCoroutine(self._stop())
        return ended

    def when_stopped(self) -> Deferred[None]:
        """Fires when the service has stopped, for whatever reason."""
        if self.state is State.STOPPED:
            return succeed(None)
        ended: Deferred[None] = Deferred()
        self._waiting.append(ended)
        return ended

    # -- opening ----------------------------------------------------------------------------

    async def _start(
        self, doors: Iterable[Door] | None, attachments: Iterable[Attachment] | None
    ) -> None:
        service, components = self._service, self._components
        try:
            self._include_modules()
            _ = service.session.writer  # opens it: an unusable store folder stops the start here
            await service.fire(events.PreStart(service))
            self._go_on()
            for door in components.doors(service) if doors is None else doors:
                await door.open()
                self.doors.append(door)
                self._go_on()
            self.reloader = components.reloader(service)
            self.reloader.start()
            if attachments is None:
                attachments = components.attachments(service)
            for attachment in attachments:
                self._attachments.append(attachment)  # also one that opens halfway is closed
                await attachment.open()
                self._go_on()
        except BaseException:
            if self.state is State.STARTING:
                await self._close()
            else:
                await self._close_doors()  # the stop did not know of the last one yet
            raise
        self.state = State.RUNNING
        service.start_timers()
        # Not waited for: what begins here may be meant to last as long as the service.
        service.fire(events.PostStart(service))

    def _include_modules(self) -> None:
        session = self._service.session
        try:
            session.application = session.application.including(
                self._service.settings.reload_modules
            )
        except ImportError as error:
            reason = f"names what cannot be imported: {error}"
            raise SettingError("reload_modules", reason) from error

    def _go_on(self) -> None:
        """After each wait of the start. Raises ``ServiceStopped`` if it was stopped meanwhile."""
        if self.state is not State.STARTING:
            raise ServiceStopped("the service was stopped while it started")

    # -- closing ----------------------------------------------------------------------------

    async def _stop(self) -> None:
        service = self._service
        await service.fire(events.PreStop(service))
        await self._close()
        await service.fire(events.PostStop(service))
        self._ended()

    async def _close(self) -> None:
        """Undo the start, in reverse."""
        while self._attachments:
            await self._attempt(self._attachments.pop().close)
        self._service.session.current.timers.cancel()
        reloader, self.reloader = self.reloader, None
        if reloader is not None:
            await self._attempt(reloader.stop)
        await self._close_doors()
        await self._attempt(self._service.connections.close_all)
        await self._attempt(self._save)
        await self._attempt(self._service.session.close)
        starting, self.state = self.state is State.STARTING, State.STOPPED
        if starting:
            self._ended()

    async def _close_doors(self) -> None:
        while self.doors:
            await self._attempt(self.doors.pop().close)

    async def _attempt(self, close: Callable[[], Any]) -> None:
        """One step of closing. If it fails, the others are taken all the same."""
        try:
            await maybeDeferred(close)
        except Exception:  # noqa: BLE001 - what is still open must be closed, above all the stores
            self.log.failure("A part of the service could not be closed")

    def _save(self) -> None:
        for failure in self._service.save_all():
            self.log.error("{unsaved}", unsaved=str(failure))

    def _ended(self) -> None:
        waiting, self._waiting = self._waiting, []
        for ended in waiting:
            ended.callback(None)
