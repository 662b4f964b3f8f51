"""The process that takes over from another one, which serves until then.

It blocks between its import and the end of the handover, so that nothing is read, sent or called: its reactor
gets to run when the service is its own.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import socket
import time
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any, Final, NoReturn

import twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from cletus import events
from cletus.errors import CletusError, RestartError
from cletus.logs import flush_log
from cletus.restart.channel import Channel, ChannelClosed, FrameType, close_all, pieces_of
from cletus.restart.minder_link import MinderLink
from cletus.restart.predecessor import Predecessor, Program
from cletus.restart.snapshot import FORMATS
from cletus.restart.thawing import Thawing
from cletus.service.interfaces import Door
from cletus.service.lifecycle import State
from cletus.service.service import Service
from cletus.service.succession import VARIABLE, has_taken_over
from cletus.version import __version__

_SETTLE: Final = 0.05
"""Seconds until the attachments are opened: the other process has their sockets until its end."""

_RETRY: Final = 0.25
_RETRIES: Final = 40
"""Attempts to open an attachment whose port the other process still has."""


def channel_of(environment: Mapping[str, str] = os.environ) -> Channel | None:
    """The channel to the process that serves, if this one was started to take over from it."""
    number = environment.get(VARIABLE, "")
    if not number.isdecimal():
        return None
    try:
        connected = socket.socket(fileno=os.dup(int(number)))
    except OSError:  # somebody has set the variable
        return None
    return Channel(connected)


def say_no(reason: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Tell the process that serves, if there is one, why this one cannot take over; its end follows."""
    channel = channel_of(environment)
    if channel is not None:
        with suppress(CletusError):
            _send_no(channel, reason)
        channel.close()


def _send_no(channel: Channel, reason: str) -> None:
    payload = json.dumps({"reason": reason[:10_000]}).encode()
    channel.send(FrameType.NO, payload, deadline=time.monotonic() + 1.0)


def versions() -> dict[str, str]:
    """Of what a restart replaces."""
    return {
        "cletus": __version__,
        "python": platform.python_version(),
        "twisted": twisted.__version__,
    }


class Successor:
    """Takes over one service.

    Args:
        service: it was imported, and not started.
        reactor: Twisted's; it runs.
        program: how this process was started.
        channel: to the process that serves.
    """

    log = Logger()

    def __init__(self, service: Service, reactor: Any, program: Program, channel: Channel) -> None:
        self._service = service
        self._reactor = reactor
        self._program = program
        self._channel = channel
        self._doors: list[Door] = []
        self._opened: list[Door] = []
        os.set_inheritable(channel.fileno(), False)
        inherited = int(os.environ[VARIABLE])
        if inherited != channel.fileno():
            os.close(inherited)
            os.environ[VARIABLE] = str(channel.fileno())

    def start(self) -> Deferred[None]:
        """In place of ``Service.start()``. Fires when this process serves; it ends if it does not."""
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        try:
            hello = self._channel.receive()
            self._doors = await self._service.lifecycle.prepare(self._reactor)
            if self._service.metrics.mistakes.value:
                raise RestartError("a listener of PreStart has failed; the log says why")
            await self._open_new_doors(json.loads(hello.payload)["doors"])
            thawing = self._take_over()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the other process goes on
            if not isinstance(error, (CletusError, ChannelClosed)):
                self.log.failure("This process cannot take over")
            self._end(
                f"{error}" if isinstance(error, CletusError) else f"{type(error).__name__}: {error}"
            )
        self._serve(thawing)

    # -- before it serves ------------------------------------------------------------------------

    async def _open_new_doors(self, left: list[str]) -> None:
        """Open the doors that the other process does not have."""
        for door in self._doors:
            if getattr(door, "configured", "") not in left:
                await door.open()
                self._opened.append(door)

    def _take_over(self) -> Thawing:
        """Say that everything is imported, wait for the state, and put it in.

        Raises:
            BaseException: whatever went wrong.
        """
        service, channel = self._service, self._channel
        facts = {"formats": FORMATS, "versions": versions(), "stores": list(service.session.stores)}
        channel.send(FrameType.IMPORTED, json.dumps(facts).encode())
        head = channel.receive()
        if head.type is not FrameType.HEAD:
            raise RestartError("the other process goes on")
        gc.disable()  # as the other process has done, until this one serves
        rehearsed = json.loads(head.payload)["rehearsed"]
        own, values = pieces_of(head.descriptors[0])
        close_all(head.descriptors)
        descriptors = self._receive_descriptors()
        thawing = Thawing(service, self._doors, own, values, descriptors, rehearsed=rehearsed)
        thawing.run()
        if rehearsed:
            channel.send(FrameType.READY)
            self._end("")
        close_all(set(descriptors) - {thawing.minder, thawing.lock})
        self._confirm()
        return thawing

    def _receive_descriptors(self) -> list[int]:
        descriptors: list[int] = []
        while (frame := self._channel.receive()).type is FrameType.DESCRIPTORS:
            descriptors += frame.descriptors
        if frame.type is not FrameType.END:
            raise RestartError("the other process goes on")
        return descriptors

    def _confirm(self) -> None:
        """Agree with the other process on who serves. If it is dead, it is this one."""
        try:
            self._channel.send(FrameType.READY)
            frame = self._channel.receive()
        except ChannelClosed:
            return
        if frame.type is not FrameType.GO:
            raise RestartError("the other process goes on")
        with suppress(ChannelClosed):
            self._channel.send(FrameType.TAKEN)

    def _end(self, reason: str) -> NoReturn:
        """This process does not serve: end it, and leave everything as it was."""
        if reason:
            with suppress(CletusError):
                _send_no(self._channel, reason)
        for door in self._opened:
            with suppress(Exception):  # its end is near, and that of its sockets
                door.close()
        flush_log()
        os._exit(1 if reason else 0)

    # -- it serves ---------------------------------------------------------------------------------

    def _serve(self, thawing: Thawing) -> None:
        service, report = self._service, thawing.report
        self._channel.close()
        has_taken_over()
        link = self._follow_minder(thawing.minder)
        service.lifecycle.restarter = Predecessor(service, self._reactor, self._program, link)
        service.lifecycle.take_over([*thawing.open_doors, *self._opened], thawing.uptime)
        self._attempt(thawing.begin)
        report.new_pid = os.getpid()
        report.versions = versions()
        report.dropped = len(thawing.lost)
        report.kept = len(service.clients) - len(thawing.lost)
        service.last_restart = report
        report.pause = time.monotonic() - thawing.began
        gc.enable()
        service.metrics.restarts.add(outcome=report.outcome.value)
        service.metrics.restart_pause.observe(report.pause)
        for step in thawing.rest():
            self._attempt(step)
        service.fire(events.PostRestart(service, report))
        self.log.info("{report}", report=str(report))
        for client in service.clients:
            if client.id == report.asked_by:
                client.write(*str(report).split("\n"))
        opening = Deferred.fromCoroutine(self._open_the_rest())
        opening.addErrback(
            lambda failure: self.log.failure("Not everything could be opened", failure)
        )

    def _attempt(self, step: Callable[[], object]) -> None:
        """Take one step. The other process has ended, so the next steps follow even if this one fails."""
        try:
            step()
        except Exception:  # noqa: BLE001 - see above
            self.log.failure("A part of the restart has failed")

    def _follow_minder(self, descriptor: int) -> MinderLink | None:
        """The way to the minder, which is told of this process, unless the other one has done so."""
        if descriptor < 0:
            return None
        return MinderLink(socket.socket(fileno=descriptor), self._reactor, self._minder_was_killed)

    def _minder_was_killed(self) -> None:
        self.log.error("the process that waits for this one was killed: stopping")
        self._reactor.stop()

    async def _open_the_rest(self) -> None:
        """Watch the files, open the control socket, the metrics, and tell systemd that all is ready."""
        await deferLater(self._reactor, _SETTLE)
        for attempt in range(_RETRIES):
            if self._service.state is not State.RUNNING:
                return
            try:
                await self._service.lifecycle.resume()
                return
            except CletusError as error:
                if attempt == _RETRIES - 1:
                    self.log.error("not opened after the restart: {error}", error=str(error))
            await deferLater(self._reactor, _RETRY)
