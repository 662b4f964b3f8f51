"""The two connections of a bus to its engine.

``Commands`` carries out commands in order, and repeats what was not answered when it is connected again.
``Readings`` waits for entries of streams. Nothing that the engine says raises past them: an error is logged,
the connection is closed, and everything is asked again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred, fail
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from cletus.cluster.address import Address
from cletus.cluster.bus import Entry
from cletus.cluster.resp import Argument, ConnectionDead, EngineError, RespProtocol, packed
from cletus.cluster.sealing import Seal
from cletus.errors import BusClosed, SealBroken

#: Seconds between two attempts to connect.
_RETRY: Final = 0.1

#: Attempts in a row after which is logged that none succeeds.
_ATTEMPTS: Final = 5

#: Bytes of commands that are sent ahead of their answers.
_AHEAD: Final = 1024 * 1024

#: Entries that are read at once, and milliseconds to wait for the first.
_READ_MAX: Final = 200
_READ_WAIT: Final = 500

#: Seconds between two looks at whether the engine has lost a stream.
_LOOK: Final = 1.0

_BEGINNING: Final = "0-0"

#: What changes the engine's memory.
SCRIPT: Final = Path(__file__).with_name("scripts.lua").read_bytes()

#: What a wrong answer of the engine may raise while it is parsed.
_WRONG: Final = (TypeError, ValueError, LookupError, AttributeError, msgspec.MsgspecError)

Connect = Callable[[Callable[[RespProtocol], None]], "EngineConnection"]


class EngineConnection:
    """One connection, kept by Twisted's ``ClientService``.

    Args:
        address: of the engine.
        reactor: Twisted's.
        authority: as in ``Address.endpoint``.
        connected: is called with each connection that is ready for commands.
    """

    log = Logger()

    def __init__(
        self,
        address: Address,
        reactor: Any,
        authority: str,
        connected: Callable[[RespProtocol], None],
    ) -> None:
        self._address = address
        self._connected = connected
        self._complained = ""
        self._is_closed = False
        self._protocol: RespProtocol | None = None

        def build() -> RespProtocol:
            self._protocol = RespProtocol(reactor, self._made)
            return self._protocol

        factory: Any = Factory.forProtocol(build)
        factory.noisy = False
        # Not its ``prepareConnection``: if that fails because the connection is lost, it fails itself.
        self._service = ClientService(
            address.endpoint(reactor, authority),
            factory,
            retryPolicy=self._retry,
            clock=reactor,
        )

    def open(self) -> None:
        """Connect, and go on doing so."""
        self._service.startService()

    def close(self) -> Deferred[None]:
        """Disconnect at once; fires when that has happened."""
        self._is_closed = True
        stopped = self._service.stopService()
        if self._protocol is not None:
            self._protocol.abort()
        return stopped

    def _retry(self, attempts: int) -> float:
        """After so many attempts without a connection; the first may follow a lost one."""
        if attempts == _ATTEMPTS:
            self.complain(f"no connection to {self._address}")
        return _RETRY

    def complain(self, reason: str) -> None:
        """Log why the engine cannot be used, once for each reason until it can."""
        if reason != self._complained and not self._is_closed:
            self._complained = reason
            self.log.warn("The engine of the cluster cannot be used: {reason}", reason=reason)

    def contented(self) -> None:
        """The engine does what it is asked."""
        if self._complained:
            self._complained = ""
            self.log.info("The engine of the cluster can be used again")

    def _made(self, protocol: RespProtocol) -> None:
        Deferred.fromCoroutine(self._prepare(protocol)).addErrback(
            lambda failure: self.log.failure("The engine cannot be prepared", failure)
        )

    async def _prepare(self, protocol: RespProtocol) -> None:
        address = self._address
        try:
            if address.password:
                user = [address.username] if address.username else []
                await protocol.send(packed(["AUTH", *user, address.password]))
            if address.database:
                await protocol.send(packed(["SELECT", address.database]))
            await protocol.send(packed(["SCRIPT", "LOAD", SCRIPT]))
        except (EngineError, ConnectionDead) as error:
            self.complain(str(error))
            protocol.abort()
        else:
            self._connected(protocol)


@dataclass(slots=True)
class _Command:
    packed: bytes
    size: int  # as counted in the backlog
    parse: Callable[[Any], Any]
    answer: Deferred[Any]


class Commands:
    """The connection that carries out commands in order."""

    def __init__(self, connect: Connect, clock: Any) -> None:
        self._clock = clock
        self._connection = connect(self._connected)
        self._protocol: RespProtocol | None = None
        self._waiting: deque[_Command] = deque()
        self._sent: deque[_Command] = deque()
        self._ahead = 0
        self._silent_since: float | None = None
        self._is_closed = False
        self.size = 0

    @property
    def silence(self) -> float:
        """As in ``Bus``."""
        since = self._silent_since
        return 0.0 if since is None else float(self._clock.seconds() - since)

    def open(self) -> None:
        """Connect."""
        self._connection.open()

    def close(self) -> Deferred[None]:
        """Disconnect; commands without an answer fail."""
        self._is_closed, self._protocol = True, None
        commands = [*self._sent, *self._waiting]
        self._sent.clear()
        self._waiting.clear()
        self.size, self._silent_since = 0, None
        for command in commands:
            command.answer.errback(BusClosed("the bus was closed"))
        return self._connection.close()

    def add(
        self, arguments: Sequence[Argument], parse: Callable[[Any], Any], size: int
    ) -> Deferred[Any]:
        """Carry out a command; its answer is parsed."""
        if self._is_closed:
            return fail(BusClosed("the bus is closed"))
        command = _Command(packed(arguments), size, parse, Deferred())
        if self._silent_since is None:
            self._silent_since = self._clock.seconds()
        self._waiting.append(command)
        self.size += size
        self._send()
        return command.answer

    def _connected(self, protocol: RespProtocol) -> None:
        self._lost()
        self._protocol = protocol
        self._send()

    def _send(self) -> None:
        while (protocol := self._protocol) is not None and self._waiting and self._ahead < _AHEAD:
            command = self._waiting.popleft()
            self._sent.append(command)
            self._ahead += len(command.packed)
            protocol.send(command.packed).addCallbacks(
                self._answered, self._failed, callbackArgs=(protocol,), errbackArgs=(protocol,)
            )

    def _answered(self, answer: Any, protocol: RespProtocol) -> None:
        if protocol is not self._protocol:
            return  # its commands are on their way again
        command = self._sent[0]
        try:
            result = command.parse(answer)
        except _WRONG as error:
            self._give_up(protocol, f"wrong answer: {error}")
            return
        self._sent.popleft()
        self._ahead -= len(command.packed)
        self.size -= command.size
        self._silent_since = self._clock.seconds() if self._sent or self._waiting else None
        self._connection.contented()
        command.answer.callback(result)
        self._send()

    def _failed(self, failure: Any, protocol: RespProtocol) -> None:
        if protocol is self._protocol:
            self._give_up(protocol, failure.getErrorMessage())

    def _give_up(self, protocol: RespProtocol, reason: str) -> None:
        self._connection.complain(reason)
        self._lost()
        protocol.abort()

    def _lost(self) -> None:
        self._protocol = None
        self._waiting.extendleft(reversed(self._sent))
        self._sent.clear()
        self._ahead = 0


@dataclass(slots=True)
class _Reading:
    receive: Callable[[Sequence[Entry]], None]
    cursor: str = _BEGINNING


class Readings:
    """The connection that waits for entries of streams."""

    log = Logger()

    def __init__(
        self,
        connect: Connect,
        clock: Any,
        key: Callable[[str], str],
        seal: Seal,
    ) -> None:
        self._clock = clock
        self._connection = connect(self._connected)
        self._protocol: RespProtocol | None = None
        self._readings: dict[str, _Reading] = {}
        self._key = key
        self._seal = seal
        self._added: Deferred[None] | None = None
        self._looked = 0.0

    def open(self) -> None:
        """Connect."""
        self._connection.open()

    def close(self) -> Deferred[None]:
        """Disconnect."""
        self._readings.clear()
        self._protocol = None
        return self._connection.close()

    def add(self, stream: str, receive: Callable[[Sequence[Entry]], None]) -> Callable[[], None]:
        """As ``Bus.read``."""
        self._readings[stream] = reading = _Reading(receive)
        added, self._added = self._added, None
        if (
            added is not None
        ):  # in the next turn, so that what else is added now is asked for as well
            self._clock.callLater(0, added.callback, None)

        def end() -> None:
            if self._readings.get(stream) is reading:
                del self._readings[stream]

        return end

    def _connected(self, protocol: RespProtocol) -> None:
        self._protocol = protocol
        Deferred.fromCoroutine(self._read(protocol)).addErrback(
            lambda failure: self.log.failure("The streams cannot be read", failure)
        )

    async def _read(self, protocol: RespProtocol) -> None:
        try:
            while protocol is self._protocol:
                if not self._readings:
                    self._added = Deferred()
                    await self._added
                    continue
                await self._look(protocol)
                await self._wait(protocol)
                self._connection.contented()
        except (EngineError, ConnectionDead) as error:
            self._connection.complain(str(error))
        except _WRONG as error:
            self._connection.complain(f"wrong answer: {error}")
        protocol.abort()

    async def _wait(self, protocol: RespProtocol) -> None:
        readings = dict(self._readings)
        keys = {self._key(stream).encode(): stream for stream in readings}
        command: list[Argument] = ["XREAD", "COUNT", _READ_MAX, "BLOCK", _READ_WAIT, "STREAMS"]
        command += [*keys, *(reading.cursor for reading in readings.values())]
        answer = await protocol.send(packed(command))
        for key, entries in answer or ():
            stream = keys[key]
            self._deliver(stream, readings[stream], entries)

    def _deliver(self, stream: str, reading: _Reading, raw: Any) -> None:
        if self._readings.get(stream) is not reading:
            return
        entries, name = [], self._key(stream)
        for cursor, fields in raw:
            try:
                data = self._seal.unseal(name, fields[1], once=True)
            except SealBroken as error:
                self.log.warn("An entry was refused: {reason}", reason=str(error))
            else:
                entries.append(Entry(cursor.decode(), data))
            reading.cursor = cursor.decode()
        if not entries:
            return
        try:
            reading.receive(entries)
        except Exception:  # noqa: BLE001 - the others are to have theirs
            self.log.failure("Entries of {stream} could not be handled", stream=stream)

    async def _look(self, protocol: RespProtocol) -> None:
        """Begin again with streams that the engine has lost, or has an older version of."""
        now = self._clock.seconds()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        for stream, reading in list(self._readings.items()):
            command: list[Argument] = ["XREVRANGE", self._key(stream), "+", "-", "COUNT", 1]
            for cursor, _ in await protocol.send(packed(command)):
                if position(cursor.decode()) < position(reading.cursor):
                    reading.cursor = _BEGINNING


def position(cursor: str) -> tuple[int, int]:
    """A cursor of the engine, as it orders them."""
    milliseconds, _, number = cursor.partition("-")
    return int(milliseconds), int(number)
