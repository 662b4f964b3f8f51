"""A process that runs the service if it is the primary, and stands by until then."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.cluster.bus import SERVER, Bus, Node
from cletus.cluster.checkpoint import CheckpointedBackend, Checkpoints, Kept, Name, kept_of
from cletus.cluster.code_in_force import CodeInForce
from cletus.cluster.gateway_door import GatewayDoor
from cletus.cluster.requests import Requests
from cletus.cluster.tenancy import SUCCEEDED, State, Tenancy
from cletus.errors import BusClosed, BusFull, ServiceStateError
from cletus.logs.background import flush_log
from cletus.service.interfaces import Door
from cletus.service.service import Service
from cletus.storage.interfaces import Backend
from cletus.version import __version__

#: Seconds between two announcements, and after how many without one a process counts as gone.
ANNOUNCE: Final = 1.0
GONE: Final = 5.0

#: Seconds after which a process that is gone is forgotten.
FORGOTTEN: Final = 60.0

#: Seconds between a handover and its answer to the operator.
_ANSWER: Final = 0.1

#: Seconds that a stop waits for the engine; then the lease runs out.
_FAREWELL: Final = 2.0


class Role(msgspec.Struct, frozen=True):
    """What a process that can be the primary announces.

    Attributes:
        role: ``primary`` or ``standby``.
        host: its machine.
        pid: its process.
        version: of Cletus.
        epoch: of the primary, else 0.
        people: how many clients the primary has.
    """

    role: str
    host: str
    pid: int
    version: str = __version__
    epoch: int = 0
    people: int = 0


def role_of(node: Node) -> Role | None:
    """What this process is; ``None`` if it is a gateway, or cannot be read."""
    if not node.name.startswith(SERVER):
        return None
    try:
        return msgspec.msgpack.decode(node.data, type=Role)
    except msgspec.MsgspecError:
        return None


def _member(node: Node) -> dict[str, Any]:
    role = role_of(node)
    if role is not None:
        name = f"{role.host}, process {role.pid}"
        return {"role": role.role, "name": name, "people": role.people, "age": node.age}
    people = 0
    with suppress(msgspec.MsgspecError, TypeError, LookupError):
        people = msgspec.msgpack.decode(node.data)["people"]
    return {"role": "gateway", "name": node.name, "people": people, "age": node.age}


def end_at_once() -> None:
    """End this process, which is not the primary any more: nothing is said or saved."""
    flush_log()
    os._exit(SUCCEEDED)


class Primary:
    """This process of a cluster. It fulfils ``Cluster``.

    Args:
        service: which runs here if this is the primary.
        bus: it is not open.
        end: ends the process.

    Attributes:
        tenancy: whether this is the primary.
        door: of the people at gateways; ``None`` in a standby.
        takeover: as in ``Cluster``.
        exit_code: with which the process ends; 75 if it has handed over, so that it is started again.
    """

    log = Logger()

    def __init__(self, service: Service, bus: Bus, end: Callable[[], None] = end_at_once) -> None:
        self._service = service
        self._settings = service.settings
        self._bus = bus
        self._end = end
        self._host, self._pid = socket.gethostname(), os.getpid()
        self._name = f"{SERVER}{self._host}.{self._pid}.{os.urandom(4).hex()}"
        self._announcing = LoopingCall(self._announce)
        self._announcing.clock = service.reactor
        self.door: GatewayDoor | None = None
        self.exit_code = 0
        self.takeover: bool | None = None
        metrics = service.metrics
        self._waiting = metrics.gauge(
            "cletus_cluster_waiting_bytes", "Bytes for the engine that it has not taken yet."
        )
        self._silence = metrics.gauge(
            "cletus_cluster_silence_seconds", "How long the engine has not answered."
        )
        self._takeovers = metrics.counter(
            "cletus_cluster_takeovers", "Times that this process took another's place."
        )
        self._is_announcing = False
        self._requests: Requests | None = None
        self._kept: dict[Name, Kept] = {}
        self._checkpoints: Checkpoints | None = None
        self._code: CodeInForce | None = None
        self.tenancy = Tenancy(
            bus,
            service.clock,
            lease=self._settings.cluster_lease,
            fenced=self._fenced,
            reclaimed=self._reclaimed,
        )

    def claim(self) -> Deferred[int]:
        """As ``Cluster.claim``."""
        self._bus.open()
        self._announcing.start(ANNOUNCE).addErrback(self._failed)
        self.log.info("Standing by until there is no primary")
        return Deferred.fromCoroutine(self._wait())

    async def _wait(self) -> int:
        epoch = await self.tenancy.wait()
        self.log.info("This process is the primary now, of epoch {epoch}", epoch=epoch)
        self._announce()
        self._requests = Requests(self._service, self._bus)
        nodes: list[Node] = await self._in_time(self._bus.nodes(), [])
        self._note_primary_before(nodes)
        if self._settings.session_interval:
            self._kept = kept_of(await self._bus.session())
        return epoch

    def wrap(self, backend: Backend) -> Backend:
        """As ``Cluster.wrap``."""
        if not self._settings.session_interval:
            return backend
        checkpointed = CheckpointedBackend(backend, self._kept)
        self._kept = {}
        self._checkpoints = Checkpoints(
            self._service,
            checkpointed,
            self._bus,
            epoch=lambda: self.tenancy.epoch,
            check=self.tenancy.check,
            interval=self._settings.session_interval,
        )
        self._checkpoints.start()
        return checkpointed

    def _note_primary_before(self, nodes: Iterable[Node]) -> None:
        """Whether there was one, and forget those that ended long ago without a word."""
        servers = [
            node for node in nodes if node.name.startswith(SERVER) and node.name != self._name
        ]
        for node in servers:
            if node.age > FORGOTTEN:
                self._bus.leave(node.name).addErrback(self._failed)
        recent = [role_of(node) for node in servers if node.age <= FORGOTTEN]
        lost = any(role is not None and role.role == "primary" for role in recent)
        if self.tenancy.was_free or lost:
            self.takeover = self.tenancy.was_free
            self._takeovers.add(1, planned="yes" if self.takeover else "no")

    def doors(self) -> Iterable[Door]:
        """As ``Cluster.doors``: the gateways."""
        settings = self._settings
        self.door = GatewayDoor(
            self._service,
            self._bus,
            epoch=self.tenancy.epoch,
            lease=settings.gateway_lease,
            backlog=settings.cluster_backlog,
            fenced=self._fenced,
            claim=self.tenancy.claim_anew,
        )
        return (self.door,)

    def started(self) -> Deferred[None]:
        """As ``Cluster.started``."""
        if not self._settings.cluster_key:
            return succeed(None)
        self._code = CodeInForce(
            self._service,
            self._bus,
            epoch=lambda: self.tenancy.epoch,
            check=self.tenancy.check,
        )
        return Deferred.fromCoroutine(self._code.take()).addErrback(self._failed)

    def stays(self) -> Deferred[bool]:
        """As ``Cluster.stays``: whether there is a standby."""
        if self.tenancy.state is not State.PRIMARY:
            return succeed(False)
        asked = self._bus.nodes().addCallback(self._has_standby)
        return self._in_time(asked, False)

    def members(self) -> Deferred[list[dict[str, Any]]]:
        """As ``Cluster.members``. An engine that is away tells of none."""
        asked = self._bus.nodes().addCallback(lambda nodes: list(map(_member, nodes)))
        return self._in_time(asked, [])

    async def hand_over(self) -> None:
        """As ``Cluster.hand_over``."""
        if not await self.stays():
            raise ServiceStateError("no other process stands by: there is nobody to hand over to")
        self.exit_code = SUCCEEDED
        # Not at once, so that who has asked gets an answer.
        self._service.reactor.callLater(_ANSWER, self._service.stop)

    def _has_standby(self, nodes: Iterable[Node]) -> bool:
        roles = [role_of(node) for node in nodes if node.age < GONE and node.name != self._name]
        has_standby = any(role is not None and role.role == "standby" for role in roles)
        if has_standby and self.door is not None:
            self.door.take_no_more()
        return has_standby

    def close(self) -> Deferred[None]:
        """As ``Cluster.close``."""
        if self._announcing.running:
            self._announcing.stop()
        if self._requests is not None:
            self._requests.end()
        if self._checkpoints is not None:
            self._checkpoints.stop()
        # The last turn is sent at its end; what follows is released after that.
        turned = deferLater(self._service.reactor, 0, self._leave)
        return turned.addCallback(lambda _: self._bus.close())

    def _leave(self) -> Deferred[None]:
        self._bus.leave(self._name).addErrback(self._failed)
        return self._in_time(self.tenancy.release(), None)

    # -- while it runs ----------------------------------------------------------------------

    def _announce(self) -> None:
        self._waiting.set(self._bus.waiting)
        self._silence.set(self._bus.silence)
        if self._is_announcing:  # the engine is away, and one word of us is enough
            return
        self._is_announcing = True
        service, epoch = self._service, self.tenancy.epoch
        role = Role(
            "primary" if epoch else "standby",
            self._host,
            self._pid,
            epoch=epoch,
            people=len(service.clients) if epoch else 0,
        )
        announced = self._bus.announce(self._name, msgspec.msgpack.encode(role))
        announced.addErrback(self._failed).addCallback(self._announced)

    def _announced(self, _: object) -> None:
        self._is_announcing = False

    def _fenced(self) -> None:
        self.tenancy.stop()
        if self._checkpoints is not None:
            self._checkpoints.stop()
        self.log.warn("Another process is the primary: this one ends without saving")
        self._end()

    def _reclaimed(self, epoch: int) -> None:
        if self._checkpoints is not None:
            self._checkpoints.forget()
        if self._code is not None:
            self._code.keep()
        ledger = None if self.door is None else self.door.ledger
        if ledger is not None and ledger.epoch != epoch:
            ledger.claimed_anew(epoch)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(BusClosed, BusFull):
            self.log.failure("The cluster has an error", failure)

    def _in_time(self, answer: Deferred[Any], otherwise: Any) -> Deferred[Any]:
        """The answer, or this if the engine takes too long."""
        result: Deferred[Any] = Deferred()
        late = self._service.reactor.callLater(_FAREWELL, result.callback, otherwise)

        def answered(value: Any) -> None:
            try:
                late.cancel()
            except (AlreadyCalled, AlreadyCancelled):
                return
            result.callback(value)

        def failed(failure: Failure) -> Any:
            self._failed(failure)
            return otherwise

        answer.addErrback(failed).addCallback(answered)
        return result
