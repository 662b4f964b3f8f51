"""The process that serves, when another one is to take over from it.

``Predecessor._restart`` is the whole of it, from top to bottom. The new process imports and checks beside
the running service. Only then, in one turn of the reactor, is everything handed over; until the new process
owns it, this one can go on as if nothing had been.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus import events
from cletus.errors import CletusError, RestartError
from cletus.logs import flush_log
from cletus.ops.systemd import has_systemd, name_main_process
from cletus.restart import minder
from cletus.restart.channel import (
    DESCRIPTORS_MAX,
    Channel,
    ChannelClosed,
    DeadlinePassed,
    Frame,
    FrameType,
    close_all,
    file_of,
)
from cletus.restart.draining import end_conversations, ends_with_process, work_of
from cletus.restart.minder_link import MinderLink
from cletus.restart.snapshot import FORMAT, EndedTask, Snapshot, saved_by_others, take_snapshot
from cletus.restart.thawing import listener_of
from cletus.service.interfaces import MovableDoor
from cletus.service.lifecycle import State
from cletus.service.restart_report import RestartOutcome, RestartReport
from cletus.service.service import Service
from cletus.service.succession import VARIABLE
from cletus.storage import save_all

_log = Logger()

#: Signals that wait while everything is handed over; the process that serves afterwards gets them.
_HELD: Final = (*minder.FORWARDED, signal.SIGINT)

_LOOK_EVERY: Final = 0.02
"""Seconds between two looks at whether code is still at work."""

_FAREWELL: Final = 1.0
"""Seconds that the last bytes may take: goodbyes, and the answer to who asked for the restart."""

_IMPORTS: Final = 3
"""So many new processes are started, as long as the code is reloaded while they import it."""

_NO_LIMIT: Final = 3600.0
"""Seconds that stand for no limit, where something must end some time."""


@dataclass(frozen=True, slots=True)
class Program:
    """How this process was started, and so how the next one is.

    Attributes:
        arguments: of the command.
        folder: the working folder, by the name under which it was entered: a link such as ``current`` is
            followed anew.
    """

    arguments: tuple[str, ...]
    folder: str

    @classmethod
    def present(cls) -> Program:
        """Of this process, which has just been started."""
        folder = os.environ.get("PWD", "")
        with suppress(OSError):
            if not folder or not os.path.samefile(folder, "."):
                folder = os.getcwd()
        return cls((sys.executable, *sys.orig_argv[1:]), folder or os.getcwd())


class _Child:
    """A new process, and the channel to it.

    Args:
        program: what it runs.
    """

    def __init__(self, program: Program) -> None:
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("LISTEN_") and name != "WATCHDOG_PID"
        }
        with theirs:
            environment[VARIABLE] = str(theirs.fileno())
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own command line
                    program.arguments,
                    cwd=program.folder,
                    env=environment,
                    pass_fds=(theirs.fileno(),),
                )
            except OSError as error:
                self.channel.close()
                raise RestartError(f"the new process cannot be started: {error}") from error

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def end(self) -> int:
        """Kill it, wait for its end, and return its exit code. Ending it twice is harmless."""
        self._process.kill()
        return self._process.wait()

    def give_up(self) -> None:
        """It is not needed: close the channel, and end it."""
        self.channel.close()
        self.end()

    def exit_code(self, timeout: float = 1.0) -> int | None:
        """Its exit code, if it ends by itself within these seconds."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def has_taken_over(self) -> bool:
        """Whether it had said so before its certain end."""
        with suppress(CletusError):
            while True:
                frame = self.channel.receive(deadline=time.monotonic() + 1.0)
                close_all(frame.descriptors)
                if frame.type is FrameType.TAKEN:
                    return True
        return False


class _HeldSignals:
    """Signals that come while everything is handed over.

    A mask would not do: it is the main thread's, and the system gives a signal to any thread without it.
    """

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._handlers = {number: signal.signal(number, self._hold) for number in _HELD}

    def _hold(self, number: int, _frame: object) -> None:
        self._numbers.append(number)

    def release(self) -> None:
        """They are for this process."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for held in self._numbers:
            os.kill(os.getpid(), held)

    def hand_on(self, pid: int) -> None:
        """They are for this other process. Those of the keyboard, it has got itself."""
        for number in set(self._numbers) & set(minder.FORWARDED):
            os.kill(pid, number)


@dataclass(frozen=True, slots=True)
class _Taken:
    """The end of this process: another one has taken over.

    Attributes:
        child: that process.
        doors: those that it has now.
        moved: the ids of the clients who are connected to it.
        signals: those that have come meanwhile.
        named: the socket on which the other process is named to the minder, outside of systemd.
        minded: the minder's end of it, if this process becomes the minder.
    """

    child: _Child
    doors: list[MovableDoor]
    moved: set[int]
    signals: _HeldSignals
    named: socket.socket | None
    minded: socket.socket | None


class Incoming:
    """Calls back when something can be read from a descriptor; for the reactor."""

    def __init__(self, descriptor: int, call: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self.doRead = call

    def fileno(self) -> int:
        """Of the channel."""
        return self._descriptor

    def connectionLost(self, reason: object) -> None:
        """The reactor ends."""

    def logPrefix(self) -> str:
        """For Twisted's own log."""
        return "restart"


class Predecessor:
    """Restarts one service whose process this is; the ``Restarter`` of its lifecycle.

    Args:
        service: it runs in this process alone.
        reactor: Twisted's.
        program: how this process was started.
        link: to the minder; ``None`` for the first process.
    """

    log = Logger()

    def __init__(
        self,
        service: Service,
        reactor: Any,
        program: Program,
        link: MinderLink | None = None,
    ) -> None:
        self._service = service
        self._reactor = reactor
        self._program = program
        self._link = link
        self._is_busy = False

    def request(
        self, *, check: bool = False, force: bool = False, asked_by: int = 0
    ) -> Deferred[RestartReport]:
        """As ``Restarter.request``."""
        answer: Deferred[RestartReport] = Deferred()
        Deferred.fromCoroutine(self._request(answer, check, force, asked_by)).addErrback(_log_bug)
        return answer

    async def _request(
        self, answer: Deferred[RestartReport], check: bool, force: bool, asked_by: int
    ) -> None:
        service = self._service
        report = RestartReport(old_pid=os.getpid(), asked_by=asked_by)
        problem = self._problem()
        if problem:
            report.refuse(problem)
            answer.callback(report)
            return
        self._is_busy = True
        taken: _Taken | None = None
        try:
            taken = await self._restart(report, check=check, force=force)
        except CletusError as error:
            report.refuse(str(error))
        except Exception as error:  # noqa: BLE001 - the service goes on, whatever it was
            self.log.failure("The restart has failed")
            report.refuse(f"{type(error).__name__}: {error}")
        finally:
            self._is_busy = False
        if taken is not None:
            self._end(taken, report, answer)
        service.metrics.restarts.add(outcome=report.outcome.value)
        if report.ok:
            self.log.info("{report}", report=str(report))
        else:
            self.log.error("{report}", report=str(report))
            service.fire(events.RestartFailed(service, report))
        answer.callback(report)

    def _problem(self) -> str:
        service = self._service
        if service.state is not State.RUNNING:
            return f"the service is {service.state.value}"
        if self._is_busy:
            return "another restart is under way"
        for door in service.doors:
            if not isinstance(door, MovableDoor):
                return f"the door {door.address} cannot be handed to another process"
        if not IReactorFDSet.providedBy(self._reactor) or not hasattr(socket, "SCM_RIGHTS"):
            return "this system cannot hand sockets to another process"
        return ""

    # -- from top to bottom ----------------------------------------------------------------------

    async def _restart(self, report: RestartReport, *, check: bool, force: bool) -> _Taken | None:
        """Restart. Returns what is known of the process that has taken over; ``None`` after a check.

        Raises:
            Exception: why it was refused.
        """
        service = self._service
        report.phase = "reload"
        await self._reload_ends()
        report.phase = "veto"
        asked = events.PreRestart(service)
        await service.fire(asked)
        if asked.vetoes:
            raise RestartError("; ".join(asked.vetoes))
        report.phase = "check"
        take_snapshot(
            service, RestartReport()
        )  # a trial: what cannot move is known before anything starts
        if service.settings.restart_rehearsal or check:
            await self._rehearse(report)
        if check:
            report.outcome = RestartOutcome.CHECKED
            report.phase = ""
            return None
        for _ in range(_IMPORTS):
            generation = service.session.generation
            with report.timed("import"):
                child, facts = await self._start_child(report)
            try:
                report.phase = "drain"
                await self._reload_ends()
                await self._drain(force=force)
                self._check_running()
            except BaseException:
                child.give_up()
                raise
            if service.session.generation == generation and not self._is_reloading:
                return self._hand_over(child, facts, report, force=force)
            child.give_up()  # the code was reloaded meanwhile: the new process may have the former code
        raise RestartError("the code is reloaded again and again; try again when it is not")

    def _check_running(self) -> None:
        if self._service.state is not State.RUNNING:
            raise RestartError(f"the service is {self._service.state.value}")

    @property
    def _is_reloading(self) -> bool:
        return getattr(self._service.lifecycle.reloader, "is_running", False)

    async def _reload_ends(self) -> None:
        """Wait while a reload is under way: who saves and restarts at once wants both.

        Raises:
            RestartError: it is still under way after ``restart_drain``.
        """
        service = self._service
        deadline = service.clock.seconds() + service.settings.restart_drain
        while self._is_reloading:
            if service.clock.seconds() >= deadline:
                raise RestartError("a reload is under way")
            await deferLater(self._reactor, _LOOK_EVERY)

    # -- the new process ---------------------------------------------------------------------------

    async def _start_child(self, report: RestartReport) -> tuple[_Child, dict[str, Any]]:
        """Start a process, and wait until it has imported everything."""
        report.phase = "import"
        child = _Child(self._program)
        doors = [door.configured for door in self._service.doors if isinstance(door, MovableDoor)]
        timeout = self._service.settings.restart_import_timeout
        try:
            child.channel.send(FrameType.HELLO, json.dumps({"doors": doors}).encode())
            frame = await self._frame_of(child, timeout or None, "import everything")
            facts: dict[str, Any] = json.loads(frame.payload)
            if frame.type is not FrameType.IMPORTED:
                raise RestartError(facts["reason"])
            if FORMAT not in facts["formats"]:
                raise RestartError(f"the new version does not know the state's format {FORMAT}")
            self._check_running()
        except BaseException:
            child.give_up()
            raise
        report.versions = facts["versions"]
        return child, facts

    async def _frame_of(self, child: _Child, timeout: float | None, task: str) -> Frame:
        """The next frame of a process, while this one goes on serving."""
        arrived: Deferred[None] = Deferred()
        incoming = Incoming(child.channel.fileno(), lambda: _fire(arrived))
        self._reactor.addReader(incoming)
        late = None if timeout is None else self._reactor.callLater(timeout, _fire, arrived)
        try:
            await arrived
        finally:
            self._reactor.removeReader(incoming)
        if late is not None and not late.active():
            raise RestartError(
                f"the new process did not {task} within {timeout:g} s (restart_import_timeout)"
            )
        if late is not None:
            late.cancel()
        try:
            return child.channel.receive(deadline=time.monotonic() + 1.0)
        except ChannelClosed:
            code = child.exit_code()
            raise RestartError(
                f"the new process ended before it could {task} (exit code {code}); the log says why"
            ) from None

    async def _rehearse(self, report: RestartReport) -> None:
        """Have a process that is thrown away take over a copy of the state, without the sockets."""
        with report.timed("rehearsal"):
            child, _ = await self._start_child(report)
            try:
                report.phase = "rehearsal"
                snapshot = take_snapshot(self._service, RestartReport())
                deadline = time.monotonic() + 1.0
                self._send_state(child, snapshot, deadline, rehearsed=True)
                frame = await self._frame_of(
                    child, self._service.settings.restart_import_timeout or None, "take the state"
                )
                if frame.type is not FrameType.READY:
                    raise RestartError(json.loads(frame.payload)["reason"])
            finally:
                child.give_up()

    # -- waiting -------------------------------------------------------------------------------------

    async def _drain(self, *, force: bool) -> None:
        """Wait until no code is at work.

        Raises:
            RestartError: it is still at work after ``restart_drain``.
        """
        service = self._service
        deadline = service.clock.seconds() + service.settings.restart_drain
        await deferLater(self._reactor, 0)  # so that no socket's event is left of this turn
        while work := work_of(service):
            if service.clock.seconds() >= deadline:
                if force:
                    return
                others = f" (and {len(work) - 1} more)" if len(work) > 1 else ""
                raise RestartError(f"{work[0]}{others}; --force ends it")
            await deferLater(self._reactor, _LOOK_EVERY)

    # -- handing over: one turn of the reactor ----------------------------------------------------------

    def _hand_over(
        self, child: _Child, facts: dict[str, Any], report: RestartReport, *, force: bool
    ) -> _Taken:
        """Hand everything over.

        Raises:
            Exception: why it was refused; everything goes on here.
        """
        service = self._service
        began = time.monotonic()
        deadline = began + (service.settings.restart_timeout or _NO_LIMIT)
        doors = [door for door in service.doors if isinstance(door, MovableDoor)]
        signals, hold, tasks = _HeldSignals(), ExitStack(), list[EndedTask]()
        named, minded = None if self._link is None else self._link.named, None
        if named is None and not has_systemd():  # this process is to become the minder
            minded, named = socket.socketpair()
            hold.callback(minded.close)
            hold.callback(named.close)
        if gc.isenabled():  # a collection among so many new objects would double the pause
            gc.disable()
            hold.callback(gc.enable)
        try:
            with report.timed("freeze"):
                for client in service.clients:  # what is typed from now on is for the new process
                    hold.enter_context(client.input.held())
                for door in doors:
                    door.finish_reading()
                if not force and (work := work_of(service)):
                    raise RestartError(f"{work[0]}; try again")
                tasks = end_conversations(service, service.settings.restart_notice)
                self._save_for_good(facts, report)
                service.turn.run()
                service.session.writer.settle()
                lefts = {door: door.leave() for door in doors}
                moved = {left.client_id for of_door in lefts.values() for left in of_door} - {0}
                report.outcome, report.new_pid = RestartOutcome.TAKEN_OVER, child.pid
                report.kept, report.dropped = len(moved), len(service.clients) - len(moved)
                report.notes += ends_with_process(service, self._reactor)
                number = -1 if named is None else named.fileno()
                snapshot = take_snapshot(service, report, lefts, tasks, number, began)
            with report.timed("hand over"):
                self._send_state(child, snapshot, deadline, rehearsed=False)
                self._expect(child, FrameType.READY, deadline)
                child.channel.send(FrameType.GO, deadline=deadline)
                self._expect(child, FrameType.TAKEN, deadline)
        except BaseException as error:
            phase = report.phase
            reason = self._abort(child, error)
            if reason is None:  # it had taken over, and is dead: a crash of the service
                self.log.critical(
                    "the new process has taken over and ended: {error}", error=str(error)
                )
                flush_log()
                os._exit(1)
            self._stay(doors, tasks, hold)
            signals.release()
            report.outcome, report.new_pid, report.phase = RestartOutcome.REFUSED, 0, phase
            report.notes.clear()
            raise reason from error
        report.pause, report.phase = time.monotonic() - began, ""
        return _Taken(child, doors, moved, signals, named, minded)

    def _save_for_good(self, facts: dict[str, Any], report: RestartReport) -> None:
        """Save the objects of stores that the new code does not have: they end with this process."""
        parked = [
            obj
            for store in self._service.session.current.parked.values()
            for obj in store.objects.values()
        ]
        objects = [*saved_by_others(self._service, facts["stores"]), *parked]
        if not objects:
            return
        failed = save_all(objects, rescue=True)
        names = sorted({type(obj).__name__ for obj in objects})
        report.warnings.append(
            f"the new code has no store {', '.join(names)}: {len(objects) - len(failed)} objects were saved"
        )

    def _send_state(
        self, child: _Child, snapshot: Snapshot, deadline: float, *, rehearsed: bool
    ) -> None:
        file = file_of((snapshot.own, snapshot.values))
        try:
            head = json.dumps({"rehearsed": rehearsed}).encode()
            child.channel.send(FrameType.HEAD, head, (file,), deadline=deadline)
        finally:
            os.close(file)
        descriptors = [] if rehearsed else snapshot.descriptors
        for start in range(0, len(descriptors), DESCRIPTORS_MAX):
            some = descriptors[start : start + DESCRIPTORS_MAX]
            child.channel.send(FrameType.DESCRIPTORS, b"", some, deadline=deadline)
        child.channel.send(FrameType.END, deadline=deadline)

    def _expect(self, child: _Child, frame_type: FrameType, deadline: float) -> None:
        frame = child.channel.receive(deadline=deadline)
        if frame.type is FrameType.NO:
            raise RestartError(json.loads(frame.payload)["reason"])
        if frame.type is not frame_type:
            raise RestartError(f"the new process said {frame.type.name}")

    # -- it does not take over -----------------------------------------------------------------------

    def _abort(self, child: _Child, error: BaseException) -> BaseException | None:
        """End the new process, and wait for that. Returns the reason; ``None`` if it has taken over."""
        with suppress(CletusError):
            child.channel.send(FrameType.ABORT, deadline=time.monotonic() + 0.1)
        code = child.end()
        taken = child.has_taken_over()
        child.channel.close()
        if taken:
            return None
        if isinstance(error, DeadlinePassed):
            return RestartError(f"{error} (restart_timeout)")
        if isinstance(error, ChannelClosed):
            return RestartError(f"the new process ended while it took over (exit code {code})")
        return error

    def _stay(
        self, doors: Sequence[MovableDoor], tasks: Sequence[EndedTask], hold: ExitStack
    ) -> None:
        """Go on here: begin again what was ended."""
        service = self._service
        for door in doors:
            door.stay()
        clients = {client.id: client for client in service.clients}
        for task in tasks:
            client, listener = clients.get(task.client_id), listener_of(service, task)
            if client is not None and client.connected and listener is not None:
                client.write("", service.settings.restart_notice)
                service.dispatcher.call(listener, task.event)
        hold.close()

    # -- it has taken over ---------------------------------------------------------------------------

    def _end(
        self, taken: _Taken, report: RestartReport, answer: Deferred[RestartReport]
    ) -> NoReturn:
        """End this process, without a return to the reactor: nothing is read, saved or called any more."""
        child = taken.child
        try:
            for door in taken.doors:
                door.left()
            self.log.info("{report}", report=str(report))
            answer.callback(report)
            goodbye = self._service.settings.restart_goodbye
            for client in self._service.clients:
                if client.id not in taken.moved:
                    client.part(goodbye)
            self._flush()
            with suppress(OSError, ValueError):
                sys.stdout.flush()
            if has_systemd():
                name_main_process(child.pid)
            elif taken.minded is not None:
                flush_log()
                self._service.call_timeout.stop()  # its alarm would go off in the next program
                become_minder(taken.minded, child.pid, taken.signals)
            elif taken.named is not None:
                taken.named.send(b"%d\n" % child.pid)
            taken.signals.hand_on(child.pid)
        except Exception:  # noqa: BLE001 - the other process serves, whatever it is
            self.log.failure("The end of the old process was not in order")
        finally:
            flush_log()
            os._exit(0)

    def _flush(self) -> None:
        """Send what is queued for those who do not move: answers and goodbyes."""
        deadline = time.monotonic() + _FAREWELL
        while time.monotonic() < deadline:
            writers = [writer for writer in self._reactor.getWriters() if writer.fileno() >= 0]
            if not writers:
                break
            poll = select.poll()
            for writer in writers:
                poll.register(writer, select.POLLOUT)
            ready = {
                number for number, _ in poll.poll(1000 * max(0.0, deadline - time.monotonic()))
            }
            for writer in writers:
                if writer.fileno() in ready and self._is_written(writer):
                    self._reactor.removeWriter(writer)

    def _is_written(self, writer: Any) -> bool:
        """Send what one has queued; whether it is over with it."""
        try:
            return writer.doWrite() is not None
        except Exception:  # noqa: BLE001 - it is gone
            return True


def become_minder(named: socket.socket, pid: int, signals: _HeldSignals) -> NoReturn:
    """Go on as the program that waits for the serving process; see ``minder``."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)  # until it has handlers of its own
    signals.hand_on(pid)
    os.set_inheritable(named.fileno(), True)
    arguments = [sys.executable, "-I", "-S", minder.__file__, str(named.fileno()), str(pid)]
    os.execv(sys.executable, arguments)  # noqa: S606 - our own program


def _log_bug(failure: Failure) -> None:
    _log.failure("a restart has failed", failure=failure)


def _fire(deferred: Deferred[None]) -> None:
    if not deferred.called:
        deferred.callback(None)
