"""Requests of operators over the bus: what a control socket answers, from any machine.

A request is posted to ``REQUESTS`` under a name that its sender makes up; the primary posts its answer to the
stream of that name. One that comes while there is no primary is not answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cletus.cluster.bus import REQUESTS, Bus, Entry, answers_to
from cletus.errors import BadMessage, CallTimedOut, CletusError, ClusterError, ControlRefused
from cletus.logs.audit import audit
from cletus.ops.control.commands import find_command
from cletus.ops.control.messages import REPLIES, Answer, Refusal, Request, line_of
from cletus.service.service import Service

#: Characters of the name of a request.
_NAME_MAX: Final = 64

#: Requests that are under way at once; further ones are refused.
_UNDER_WAY_MAX: Final = 16

#: Names of requests that are known as answered, should the engine repeat one. Our choice.
_ANSWERED_MAX: Final = 1000


class Asked(msgspec.Struct, array_like=True, frozen=True):
    """A request on the bus.

    Attributes:
        name: of the stream of its answer.
        operator: who asks, for the log.
        request: as on a control socket.
    """

    name: str
    operator: str
    request: Request


_decoder: Final = msgspec.msgpack.Decoder(Asked)


class Requests:
    """Answers requests while this process is the primary.

    Args:
        service: which is asked.
        bus: of the cluster; open.
        confirm: asks the engine whether this process still is the primary. It may have hung since the request
            has come, and what it did then would be done where nobody is.
    """

    log = Logger()

    def __init__(self, service: Service, bus: Bus, confirm: Callable[[], Deferred[bool]]) -> None:
        self._service = service
        self._bus = bus
        self._confirm = confirm
        self._under_way = 0
        self._names: dict[str, None] = {}
        self.end = bus.read(REQUESTS, self._received)

    def _received(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            try:
                asked = _decoder.decode(entry.data)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                self.log.warn("A request that cannot be read was dropped")
                continue
            if asked.name in self._names or len(asked.name) > _NAME_MAX:
                continue  # an engine may repeat what it has lost
            self._names[asked.name] = None
            if len(self._names) > _ANSWERED_MAX:
                del self._names[next(iter(self._names))]
            Deferred.fromCoroutine(self._answer(asked)).addErrback(
                lambda failure: self.log.failure("A request could not be answered", failure)
            )

    async def _answer(self, asked: Asked) -> None:
        if self._under_way >= _UNDER_WAY_MAX:
            reply: Answer | Refusal = Refusal("too many requests are under way")
        else:
            self._under_way += 1
            try:
                reply = await self._reply_to(asked)
            finally:
                self._under_way -= 1
        try:
            await self._bus.post(answers_to(asked.name), line_of(reply))
        except ClusterError as error:
            self.log.warn("A request could not be answered: {reason}", reason=str(error))

    async def _reply_to(self, asked: Asked) -> Answer | Refusal:
        request = asked.request
        command = find_command(request.command)
        if command is None or command.outlives:
            return Refusal(f"{request.command!r} cannot be asked for over the bus")
        try:
            if not await self._confirm():
                return Refusal("this process was not the primary for a moment; ask again")
            audit(f"{asked.operator} has asked for {request.command}")
            return Answer(await command.run(self._service, **request.arguments))
        except CletusError as error:
            return Refusal(str(error))
        except (Exception, CallTimedOut) as error:  # noqa: BLE001 - of the application; the operator is told
            self.log.failure("{command} has failed", command=request.command)
            return Refusal(f"{type(error).__name__}: {error}")


async def ask(bus: Bus, name: str, operator: str, request: Request) -> Any:
    """Ask the primary; the answer, a JSON value.

    Args:
        bus: open; nothing reads this name's answers yet.
        name: of this request, that no other one has.
        operator: who asks, for the log.
        request: what is asked for.

    Raises:
        ControlRefused: it refuses.
        BadMessage: the answer cannot be read.
    """
    came: Deferred[bytes] = Deferred()

    def receive(entries: Sequence[Entry]) -> None:
        if not came.called:
            came.callback(entries[0].data)

    end = bus.read(answers_to(name), receive)
    try:
        await bus.post(REQUESTS, msgspec.msgpack.encode(Asked(name, operator, request)))
        reply = REPLIES.message((await came).rstrip(b"\n"))
    finally:
        end()
    if isinstance(reply, Answer):
        return reply.value
    if isinstance(reply, Refusal):
        raise ControlRefused(reply.error)
    raise BadMessage("not an answer")
