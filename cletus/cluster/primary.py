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
from cletus.cluster.code_in_force import CodeInForce
from cletus.cluster.gateway_door import GatewayDoor
from cletus.cluster.requests import Requests
from cletus.cluster.tenancy import SUCCEEDED, State, Tenancy
from cletus.errors import BusClosed, BusFull, ServiceStateError
from cletus.logs.background import flush_log
from cletus.restart.draining import ends_with_process, work_of
from cletus.service.interfaces import Door
from cletus.service.service import Service
from cletus.storage import Document
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
        standing = role.role if node.age < GONE else f"lost {role.role}"
        return {"role": standing, "name": name, "people": role.people, "age": node.age}
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
        self._unconfirmed = metrics.gauge(
            "cletus_cluster_unconfirmed_bytes", "Bytes for gateways that they have not shown yet."
        )
        self._silence = metrics.gauge(
            "cletus_cluster_silence_seconds", "How long the engine has not answered."
        )
        self._takeovers = metrics.counter(
            "cletus_cluster_takeovers", "Times that this process took another's place."
        )
        self._is_announcing = self._is_known = False
        self._hands_over = False
        self._requests: Requests | None = None
        self._code: CodeInForce | None = None
        self.tenancy = Tenancy(
            bus,
            service.reactor,
            lease=self._settings.cluster_lease,
            fenced=self._fenced,
            reclaimed=self._reclaimed,
        )
        service.clock.permit = self.tenancy.permits

    def claim(self) -> Deferred[int]:
        """As ``Cluster.claim``."""
        self._bus.open()
        self._announcing.start(ANNOUNCE).addErrback(self._failed)
        return Deferred.fromCoroutine(self._wait())

    def claim_after(self, epoch: int) -> Deferred[int]:
        """As ``Cluster.claim_after``."""
        return self.tenancy.claim_anew(epoch)

    async def _wait(self) -> int:
        epoch = await self.tenancy.wait()
        self.log.info("This process is the primary now, of epoch {epoch}", epoch=epoch)
        self._announce()
        nodes: list[Node] = await self._in_time(self._bus.nodes(), [])
        self._note_primary_before(nodes)
        return epoch

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
            session_interval=settings.session_interval,
        )
        return (self.door,)

    def started(self) -> Deferred[None]:
        """As ``Cluster.started``."""
        # Not before the gateways are heard: the engine lets a connection that waits for one stream go on
        # waiting when it is to read another one, and everybody with it.
        self._requests = Requests(self._service, self._bus, self.tenancy.confirm)
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
        asked = self._in_time(self._bus.nodes(), [])
        return (
            asked.addCallback(self._has_standby)
            .addCallback(self._settled)
            .addCallback(self._prepared)
        )

    def members(self) -> Deferred[list[dict[str, Any]]]:
        """As ``Cluster.members``. An engine that is away tells of none."""
        asked = self._bus.nodes().addCallback(lambda nodes: list(map(_member, nodes)))
        return self._in_time(asked, [])

    async def hand_over(self) -> list[str]:
        """As ``Cluster.hand_over``."""
        nodes: list[Node] = await self._in_time(self._bus.nodes(), [])
        if self.tenancy.state is not State.PRIMARY or not self._has_standby(nodes):
            raise ServiceStateError("no other process stands by: there is nobody to hand over to")
        checkpoints = None if self.door is None else self.door.checkpoints
        if checkpoints is not None:
            await self._in_time(checkpoints.look_anew(), None, 2 * self._settings.session_interval)
        self.exit_code = SUCCEEDED
        # Not at once, so that who has asked gets an answer.
        self._service.reactor.callLater(_ANSWER, self._service.stop)
        return self._stays_behind()

    def _stays_behind(self) -> list[str]:
        """What a handover does not carry, a sentence each."""
        checkpoints = None if self.door is None else self.door.checkpoints
        left_out = {} if checkpoints is None else checkpoints.left_out
        return [
            *(f"{place}: {reason}" for place, reason in left_out.items()),
            *(f"{work}, and is cut off if it goes on" for work in work_of(self._service)),
            *ends_with_process(self._service, self._service.reactor),
        ]

    def _has_standby(self, nodes: Iterable[Node]) -> bool:
        roles = [role_of(node) for node in nodes if node.age < GONE and node.name != self._name]
        return any(role is not None and role.role == "standby" for role in roles)

    def _settled(self, has_standby: bool) -> Deferred[bool]:
        """Wait for gateways that do not know where they are, no longer than until they would be lost."""
        if not has_standby or self.door is None:
            return succeed(has_standby)
        settled = Deferred.fromCoroutine(self.door.settle())
        waited = self._in_time(settled, None, self._settings.gateway_lease)
        return waited.addCallback(lambda _: has_standby)

    def _prepared(self, has_standby: bool) -> bool:
        self.tenancy.wait_no_more()
        self._hands_over = has_standby
        if has_standby and self.door is not None:
            self.door.prepare_handover()
        return has_standby

    def is_saved(self, document: Document) -> bool:
        """As ``Cluster.is_saved``."""
        checkpoints = None if self.door is None else self.door.checkpoints
        return checkpoints is not None and checkpoints.is_saved(document)

    def leave(self) -> Deferred[object]:
        """As ``Cluster.leave``."""
        if self.door is None:
            return succeed(None)
        return self._in_time(self.door.hand_over(), None)

    def close(self) -> Deferred[None]:
        """As ``Cluster.close``."""
        if self._announcing.running:
            self._announcing.stop()
        if self._requests is not None:
            self._requests.end()
        if self.door is not None:
            self.door.keep_no_more()
        # The last turn is sent at its end; what follows is released after that.
        turned = deferLater(self._service.reactor, 0, self._leave)
        return turned.addCallback(lambda _: self._bus.close())

    def _leave(self) -> Deferred[None]:
        checkpoints = None if self.door is None else self.door.checkpoints
        if checkpoints is not None and not self._hands_over:
            checkpoints.clear()
        self._bus.leave(self._name).addErrback(self._failed)
        return self._in_time(self.tenancy.release(), None)

    # -- while it runs ----------------------------------------------------------------------

    def _announce(self) -> None:
        self._waiting.set(self._bus.waiting)
        ledger = None if self.door is None else self.door.ledger
        self._unconfirmed.set(0 if ledger is None else ledger.kept)
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
        announced.addBoth(self._announced)

    def _announced(self, result: Failure | None) -> None:
        self._is_announcing = False
        if result is not None:
            self._failed(result)
        elif not self._is_known:  # from now on a primary that stops hands over to this process
            self._is_known = True
            self.log.info("Standing by until there is no primary")

    def _fenced(self) -> None:
        self.tenancy.stop()
        if self.door is not None:
            self.door.keep_no_more()
        self.log.warn("Another process is the primary: this one ends without saving")
        self._end()

    def _reclaimed(self, epoch: int) -> None:
        if self.door is not None and self.door.checkpoints is not None:
            self.door.checkpoints.forget()
        if self._code is not None:
            self._code.keep()
        ledger = None if self.door is None else self.door.ledger
        if ledger is not None and ledger.epoch != epoch:
            ledger.claimed_anew(epoch)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(BusClosed, BusFull):
            self.log.failure("The cluster has an error", failure)

    def _in_time(
        self, answer: Deferred[Any], otherwise: Any, seconds: float = _FAREWELL
    ) -> Deferred[Any]:
        """The answer, or this if it takes too long."""
        result: Deferred[Any] = Deferred()
        late = self._service.reactor.callLater(seconds, result.callback, otherwise)

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
