"""The life of a service: what is opened at its start, in order, is closed at its stop, in reverse."""

from __future__ import annotations

import enum
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from cletus import events
from cletus.errors import ServiceStateError
from cletus.parts import Door, Reloader

if TYPE_CHECKING:
    from cletus.service import Service


class State(enum.Enum):
    """Where in its life a service is."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Life:
    """Starts and stops one service.

    Args:
        service: which.

    Attributes:
        state: where in its life it is.
        doors: those that are open, in the order of their opening.
        reloader: what rebuilds the application, from the start on.
    """

    log = Logger()

    def __init__(self, service: Service) -> None:
        self._service = service
        self.state = State.IDLE
        self.doors: list[Door] = []
        self.reloader: Reloader | None = None
        self._empty: Deferred[None] | None = None

    def start(self, reactor: Any, doors: Iterable[Door]) -> Deferred[None]:
        """Open the store, the doors and the watch on the application's files.

        Raises:
            ServiceStateError: it was started before.
            CletusError: through the Deferred; whatever had been opened is closed again.
        """
        if self.state is not State.IDLE:
            raise ServiceStateError(f"the service is {self.state.value}: it can be started once")
        self.state = State.STARTING
        self._service.started_at = time.time()
        self._service.reactor = reactor
        return Deferred.fromCoroutine(self._start(doors))

    def stop(self) -> Deferred[None]:
        """Tell everybody, close the doors, save the stores, and let go of everything."""
        if self.state not in (State.STARTING, State.RUNNING):
            return succeed(None)
        self.state = State.STOPPING
        return Deferred.fromCoroutine(self._stop())

    def everybody_left(self) -> None:
        """For the service: the last client is gone."""
        if self._empty is not None:
            self._empty.callback(None)

    async def _start(self, doors: Iterable[Door]) -> None:
        service = self._service
        try:
            application = service.session.application.including(service.settings.reload_modules)
            service.session.application = application
            _ = service.session.writer  # opens it: an unusable store folder stops the start here
            await service.fire(events.PreStart(service))
            for door in doors:
                await door.open()
                self.doors.append(door)
            self.reloader = service.parts.reloader(service)
            self.reloader.start()
        except BaseException:
            await self._close()
            raise
        self.state = State.RUNNING
        service.start_timers()
        await service.fire(events.PostStart(service))

    async def _stop(self) -> None:
        await self._service.fire(events.PreStop(self._service))
        await self._close()
        await self._service.fire(events.PostStop(self._service))

    async def _close(self) -> None:
        """Undo the start, in reverse."""
        self._service.session.current.timers.cancel()
        if self.reloader is not None:
            self.reloader.stop()
        while self.doors:
            await self.doors.pop().close()
        await self._see_everybody_off()
        for failure in self._service.save_all():
            self.log.error("{failure}", failure=str(failure))
        self._service.session.close()
        self.state = State.STOPPED

    async def _see_everybody_off(self) -> None:
        if not self._service.clients:
            return
        self._empty = Deferred()
        self._service.write_all(self._service.settings.stop_notice)
        for client in self._service.clients:
            client.close("service stopped")
        await self._empty
