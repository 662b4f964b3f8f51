"""The bus on Valkey, or on Redis 7.0 or later; see ``bus.py``.

All keys begin with ``cletus:{NAME}:``, whose braces keep them together where keys are spread. Names of
nodes can be read in the engine; all values are sealed, and so are the names of values of the session.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred, fail, gatherResults
from twisted.logger import Logger

from cletus.cluster.address import Address
from cletus.cluster.bus import (
    ANSWER,
    ENTRY_MAX,
    FREE,
    LEASES_MAX,
    REQUESTS,
    STREAM_MAX,
    TELLS,
    Entry,
    Lease,
    Node,
    frames_for,
)
from cletus.cluster.pipeline import SCRIPT, Commands, EngineConnection, Readings
from cletus.cluster.resp import Argument, RespProtocol
from cletus.cluster.sealing import NoSeal, Seal
from cletus.errors import BusFull, EntryTooLarge, SealBroken

#: What a command counts for in ``cluster_backlog``, besides its data.
_COMMAND: Final = 100

_DIGEST: Final = hashlib.sha1(SCRIPT, usedforsecurity=False).hexdigest()  # as the engine names it


class ValkeyBus:
    """The connection of one process to an engine. It fulfils ``Bus``.

    Args:
        address: of the engine.
        reactor: Twisted's.
        name: of the service, whose keys no other one uses.
        seal: seals what is sent.
        backlog: maximum bytes that wait for the engine.
        authority: as in ``Address.endpoint``.
    """

    log = Logger()

    def __init__(
        self,
        address: Address,
        reactor: Any,
        *,
        name: str,
        seal: Seal | None = None,
        backlog: int = 64 * 1024 * 1024,
        authority: str = "",
    ) -> None:
        self._name = name
        self._seal = seal or NoSeal()
        self._backlog = backlog
        self._number = 0
        self._identifier = secrets.token_hex(8)

        def connect(connected: Callable[[RespProtocol], None]) -> EngineConnection:
            return EngineConnection(address, reactor, authority, connected)

        self._commands = Commands(connect, reactor)
        self._readings = Readings(connect, reactor, self._key, self._seal)

    # -- opening and closing ----------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """As in ``Bus``."""
        return self._commands.size

    @property
    def silence(self) -> float:
        """As in ``Bus``."""
        return self._commands.silence

    def open(self) -> None:
        """As in ``Bus``."""
        self._commands.open()
        self._readings.open()

    def close(self) -> Deferred[None]:
        """As in ``Bus``."""
        both = gatherResults([self._readings.close(), self._commands.close()], consumeErrors=True)
        return both.addCallback(lambda _: None)

    # -- lease ------------------------------------------------------------------------------

    def lease(self, lease: float) -> Deferred[Lease]:
        """As in ``Bus``."""
        longest = _milliseconds(LEASES_MAX * lease)
        return self._script("lease", ("lease",), [longest], parse=_lease, size=0)

    def claim(self, lease: float, *, after: int = 0, held: int = 0) -> Deferred[int]:
        """As in ``Bus``."""
        keys, longest = ("lease", TELLS, REQUESTS), _milliseconds(LEASES_MAX * lease)
        arguments = [_milliseconds(lease), after, longest, held]
        return self._script("claim", keys, arguments, size=0)

    def renew(self, epoch: int, lease: float) -> Deferred[int]:
        """As in ``Bus``."""
        return self._script("renew", ("lease",), [epoch, _milliseconds(lease)], size=0)

    def release(self, epoch: int) -> Deferred[int]:
        """As in ``Bus``."""
        return self._script("release", ("lease",), [epoch, _milliseconds(FREE)], size=0)

    # -- streams ----------------------------------------------------------------------------

    def read(self, stream: str, receive: Callable[[Sequence[Entry]], None]) -> Callable[[], None]:
        """As in ``Bus``. What was sealed and read once is not delivered again."""
        return self._readings.add(stream, receive)

    def tell(self, data: bytes) -> Deferred[None]:
        """As in ``Bus``."""
        return self._append(TELLS, data, "")

    def post(self, stream: str, data: bytes) -> Deferred[None]:
        """As in ``Bus``."""
        return self._append(stream, data, "" if stream == REQUESTS else _milliseconds(ANSWER))

    def _append(self, stream: str, data: bytes, kept: int | str) -> Deferred[None]:
        if len(data) > ENTRY_MAX:
            return fail(EntryTooLarge(len(data), ENTRY_MAX))
        sealed = self._seal.seal(self._key(stream), data)
        return self._script("append", (stream,), [STREAM_MAX, kept, sealed], parse=_nothing)

    # -- the primary ------------------------------------------------------------------------

    def turn(self, epoch: int, entries: Mapping[str, bytes], cursor: str = "") -> Deferred[int]:
        """As in ``Bus``."""
        largest = max(map(len, entries.values()), default=0)
        if largest > ENTRY_MAX:
            return fail(EntryTooLarge(largest, ENTRY_MAX))
        streams = [frames_for(gateway) for gateway in entries]
        sealed = [
            self._seal.seal(self._key(stream), data)
            for stream, data in zip(streams, entries.values(), strict=True)
        ]
        return self._script("turn", (TELLS, *streams), [epoch, STREAM_MAX, cursor, *sealed])

    def acks(self) -> Deferred[dict[str, bytes]]:
        """As in ``Bus``."""
        return self._ask(["HGETALL", self._key("acks")], self._acks)

    def _acks(self, answer: Any) -> dict[str, bytes]:
        return dict(self._unsealed("acks", _pairs(answer)))

    def lose(self, epoch: int, gateway: str) -> Deferred[int]:
        """As in ``Bus``."""
        return self._script("lose", (frames_for(gateway), "acks", "nodes"), [epoch, gateway])

    # -- a gateway --------------------------------------------------------------------------

    def ack(self, gateway: str, data: bytes, cursor: str) -> Deferred[None]:
        """As in ``Bus``."""
        sealed = self._sealed("acks", gateway, data)
        keys = ("acks", frames_for(gateway))
        return self._script("ack", keys, [gateway, sealed, cursor], parse=_nothing)

    # -- values -----------------------------------------------------------------------------

    def announce(self, node: str, data: bytes) -> Deferred[None]:
        """As in ``Bus``."""
        sealed = self._sealed("nodes", node, data)
        return self._script("announce", ("nodes",), [node, sealed], parse=_nothing)

    def leave(self, node: str) -> Deferred[None]:
        """As in ``Bus``."""
        return self._script("leave", ("nodes",), [node], parse=_nothing)

    def nodes(self) -> Deferred[list[Node]]:
        """As in ``Bus``."""
        return self._script("nodes", ("nodes",), [], parse=self._nodes)

    def _nodes(self, answer: Any) -> list[Node]:
        now, raw = answer
        announced: dict[str, int] = {}
        values = []
        for name, value in _pairs(raw):
            at, _, sealed = value.partition(b" ")
            announced[name] = int(at)
            values.append((name, sealed))
        return [
            Node(name, max(0, now - announced[name]) / 1000, data)
            for name, data in sorted(self._unsealed("nodes", values))
        ]

    def checkpoint(
        self, epoch: int, values: Mapping[str, bytes], removed: Collection[str] = ()
    ) -> Deferred[int]:
        """As in ``Bus``."""
        arguments: list[Argument] = [epoch, len(removed), *map(self._seal.hide, removed)]
        for name, data in values.items():
            hidden = self._seal.hide(name)
            arguments += [
                hidden,
                self._sealed("session", hidden, msgspec.msgpack.encode((name, data))),
            ]
        return self._script("checkpoint", ("session",), arguments)

    def session(self) -> Deferred[dict[str, bytes]]:
        """As in ``Bus``."""
        return self._ask(["HGETALL", self._key("session")], self._session)

    def _session(self, answer: Any) -> dict[str, bytes]:
        values = self._unsealed("session", _pairs(answer))
        return dict(_NAMED.decode(data) for _, data in values)

    def set_code(self, epoch: int, data: bytes) -> Deferred[int]:
        """As in ``Bus``."""
        return self._script("code", ("code",), [epoch, self._sealed("code", "", data)])

    def code(self) -> Deferred[bytes]:
        """As in ``Bus``."""
        return self._ask(["GET", self._key("code")], self._code)

    def _code(self, answer: Any) -> bytes:
        values = [] if answer is None else [("", answer)]
        return next((data for _, data in self._unsealed("code", values)), b"")

    # -- keys, seals and scripts ------------------------------------------------------------

    def _key(self, name: str) -> str:
        return f"cletus:{{{self._name}}}:{name}"

    def _sealed(self, key: str, field: str, data: bytes) -> bytes:
        return self._seal.seal(f"{self._key(key)} {field}", data)

    def _unsealed(self, key: str, values: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        """Those of the values that were sealed with our key; the others are logged."""
        opened = []
        for field, sealed in values:
            try:
                opened.append((field, self._seal.unseal(f"{self._key(key)} {field}", sealed)))
            except SealBroken as error:
                self.log.warn("A value was refused: {reason}", reason=str(error))
        return opened

    def _script(
        self,
        name: str,
        keys: Sequence[str],
        arguments: Sequence[Argument],
        *,
        parse: Callable[[Any], Any] | None = None,
        size: int | None = None,
    ) -> Deferred[Any]:
        """Run a command of ``scripts.lua``.

        Args:
            name: of the command.
            keys: without what all keys begin with.
            arguments: after its name and number.
            parse: makes the result of the answer; by default it is an epoch.
            size: as counted in the backlog; by default that of the arguments. With 0 it is never refused.
        """
        if size is None:
            size = _COMMAND + sum(len(each) for each in arguments if isinstance(each, bytes))
        self._number += 1
        names = [self._key("epoch"), self._key(f"bus:{self._identifier}"), *map(self._key, keys)]
        command = ["EVALSHA", _DIGEST, len(names), *names, name, self._number, *arguments]
        return self._ask(command, parse or _epoch, size)

    def _ask(
        self, command: Sequence[Argument], parse: Callable[[Any], Any], size: int = _COMMAND
    ) -> Deferred[Any]:
        if size and self._backlog and self.waiting + size > self._backlog:
            return fail(BusFull(self.waiting, self._backlog))
        return self._commands.add(command, parse, size)


_NAMED: Final = msgspec.msgpack.Decoder(tuple[str, bytes])


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _epoch(answer: Any) -> int:
    if not isinstance(answer, int):
        raise TypeError("not a number")
    return answer


def _nothing(_answer: Any) -> None:
    return None


def _lease(answer: Any) -> Lease:
    if answer is None:
        return Lease.NONE
    return Lease.FREE if answer == b"free" else Lease.HELD


def _pairs(answer: Any) -> list[tuple[str, bytes]]:
    """The fields and values of a hash."""
    return [(field.decode(), value) for field, value in zip(answer[::2], answer[1::2], strict=True)]
