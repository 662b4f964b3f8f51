"""What a primary has beside what it saves, kept on the bus, so that the next one goes on with it.

It is in pieces: each active object with its session fields, each client with their dialogues, each timer,
and what the application has set on the service. Each is looked at once in ``session_interval``, a few in a
turn, and sent if it differs from what was sent before. ``resumption.py`` puts them back.

The piece of an object has the digest of the document that was saved when it was made. If another document
has been saved since, that one's permanent fields win: a checkpoint never takes back a save.

A client and their user are taken in one turn. Other objects may be up to ``session_interval`` apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus import events
from cletus.client.client import Client
from cletus.client.listener_task import ListenerTask
from cletus.cluster.bus import Bus
from cletus.cluster.value_codec import encode
from cletus.errors import BusClosed, BusFull, CallTimedOut, NotSaved, StorageError
from cletus.restart.by_name import Named, Naming
from cletus.restart.draining import awaited_dialogue, end_task, waits_for_person
from cletus.restart.snapshot import EndedTask, dialogue_state, object_state, runtime_listeners
from cletus.service.service import Service
from cletus.service.timers import Timer
from cletus.storage import Document, Store
from cletus.storage.backends.writer import Writer
from cletus.storage.saving import read_saved
from cletus.storage.schema import Schema
from cletus.storage.versions import EXTRA_FIELDS, session_names

#: Seconds of each slice, and between two of them.
SLICE: Final = 0.002
PAUSE: Final = 0.01

#: Bytes after which the pieces of a handover are sent, and the next ones begun.
CHUNK: Final = 256 * 1024

_DIGEST_SIZE: Final = 16

#: What the names of pieces begin with; those of objects are ``store/key``.
FACTS: Final = ":facts"
CLIENT: Final = ":client/"
TIMER: Final = ":timer/"
GATEWAY: Final = ":gateway/"
LISTENER: Final = ":listener/"
ATTRIBUTE: Final = ":service/"


class Kept(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The piece of an object.

    Attributes:
        bases: the digest of the document that was saved when this was made, empty if there was none; and
            those of what was on its way.
        document: the object's document; empty if it is just the one that is saved.
        values: state of the document, version, session fields and other attributes.
    """

    bases: list[bytes]
    document: bytes
    values: bytes


class KeptClient(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The piece of a client.

    The first two are plain data, which needs no look at each value: that took half of a handover.

    Attributes:
        state: of ``Client.snapshot()``.
        left: by its door.
        values: attributes, dialogues and listeners, which are the application's.
    """

    state: dict[str, Any]
    left: dict[str, Any]
    values: bytes


_encode_kept: Final = msgspec.msgpack.Encoder().encode


def digest_of(data: bytes) -> bytes:
    """What tells two documents apart."""
    return hashlib.blake2b(data, digest_size=_DIGEST_SIZE).digest()


class SavedDigests:
    """The digests of documents as they are saved.

    Args:
        writer: of the service's stores.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._digests: dict[tuple[str, str], bytes] = {}
        writer.noted = self._note

    def _note(self, documents: Iterable[Document]) -> None:
        for document in documents:
            digest = digest_of(document.data) if document.data else b""
            self.note(document.store, document.key, digest)

    def note(self, store: str, key: str, digest: bytes) -> None:
        """This is the digest of a document; empty if there is none."""
        self._digests[store, key] = digest

    def of(self, schema: Schema, key: str) -> bytes:
        """That of this document; empty if there is none.

        Raises:
            StorageError: it cannot be read.
        """
        digest = self._digests.get((schema.name, key))
        if digest is None:
            try:
                digest = digest_of(read_saved(self._writer.backend, schema, key)[1])
            except NotSaved:
                digest = b""
            # The writer's thread may have written, and noted, another one meanwhile.
            digest = self._digests.setdefault((schema.name, key), digest)
        return digest

    def bases_of(self, schema: Schema, key: str) -> list[bytes]:
        """That of this document, and those of what is on its way: any of them may be the saved one soon.

        Raises:
            StorageError: as ``of``.
        """
        coming = self._writer.coming(schema.name, key)  # first: what is safe then is saved
        return [self.of(schema, key), *(digest_of(document.data) for document in coming)]

    def has(self, document: Document) -> bool:
        """Whether it is the one that is saved, as far as is known, and no other is on its way."""
        saved = self._digests.get((document.store, document.key))
        return saved == digest_of(document.data) and not self._writer.coming(
            document.store, document.key
        )

    def keep_only(self, names: Iterable[tuple[str, str]]) -> None:
        """Forget the others."""
        for name in set(self._digests).difference(names):
            self._digests.pop(name, None)


class Checkpoints:
    """Takes and sends the pieces.

    Args:
        service: whose they are; it runs.
        bus: open.
        people: returns the clients, and of each what tells what their door leaves for another process.
        saved: of the service's stores.
        epoch: returns that of this primary.
        answered: is given the engine's answers.
        is_ready: whether all who were clients of the primary before are clients here.
        interval: seconds in which each piece is looked at once.
        sent: the pieces that the bus has, by name.
        numbers: those of the timers that have one.
        lost_gateways: returns what counts if one of them comes back, by name, as plain data.

    Attributes:
        left_out: what could not be taken in the latest round, by place, each with the reason.
    """

    log = Logger()

    def __init__(
        self,
        service: Service,
        bus: Bus,
        people: Callable[[], Iterable[tuple[Client, Callable[[], dict[str, Any]]]]],
        saved: SavedDigests,
        *,
        epoch: Callable[[], int],
        answered: Callable[[int], object],
        is_ready: Callable[[], bool],
        interval: float,
        sent: Mapping[str, bytes] = {},
        numbers: Mapping[Timer, int] = {},
        lost_gateways: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._service = service
        self._bus = bus
        self._people = people
        self._saved = saved
        self._epoch = epoch
        self._answered = answered
        self._is_ready = is_ready
        self._interval = interval
        self._sent = {name: digest_of(data) for name, data in sent.items()}
        self._numbers = dict(numbers)
        self._lost_gateways = lost_gateways
        self._last_number = max(self._numbers.values(), default=0)
        self._naming: Naming | None = None
        self._pieces: Iterator[tuple[str, Callable[[], bytes | None]]] | None = None
        self._seen: set[str] = set()
        self._timers: list[tuple[str, bytes | None]] | None = None
        self._ended: dict[Client, list[EndedTask]] = {}
        self._begun = 0.0
        self._call: Any = None
        self._told: set[str] = set()
        self._waiting: list[Deferred[None]] = []
        self._leaving_out: dict[str, str] = {}
        self.left_out: dict[str, str] = {}
        # What is named may be old code in a moment, which a reload wants to see go.
        service.listen(events.PreReload)(self._abandon)

    def start(self) -> None:
        """Take a few pieces now and then."""
        self._call = self._service.reactor.callLater(PAUSE, self._take_slice)

    def stop(self) -> None:
        """Send nothing more. Stopping twice is harmless."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._round_has_ended()

    def look_anew(self) -> Deferred[None]:
        """Begin a round now. Fires when it has ended; ``left_out`` is true of this moment then."""
        ended: Deferred[None] = Deferred()
        self._waiting.append(ended)
        self._pieces = None  # the round under way has passed what may have changed
        if self._call is None:
            self._round_has_ended()
        else:
            self._call.reset(0)
        return ended

    def _round_has_ended(self) -> None:
        waiting, self._waiting = self._waiting, []
        for ended in waiting:
            ended.callback(None)

    def gateways_lost(self) -> None:
        """Send what counts if they come back now: soon nothing on the bus tells what they were sent."""
        pieces = {name: self._piece(name, take) for name, take in self._of_gateways()}
        self._send({name: data for name, data in pieces.items() if data is not None}, ())

    def forget(self) -> None:
        """The engine has lost it all: send everything again."""
        self._sent.clear()

    def end_here(self) -> None:
        """Take what comes to an end in this process before it has sent everything, and end it.

        Timers are cancelled; ``async`` listeners that start again run their ``finally`` blocks.
        """
        self.stop()
        self._timers = [(name, take()) for name, take in self._of_timers()]
        self._service.session.current.timers.cancel()
        for client in self._service.clients:
            client.input.hold()
            going_on = [task for task in client.input.tasks if _goes_on(client, task)]
            self._ended[client] = [EndedTask.of(client, task) for task in going_on]
            for task in going_on:
                end_task(client, task)

    def is_saved(self, document: Document) -> bool:
        """As ``Cluster.is_saved``."""
        return self._saved.has(document)

    def clear(self) -> Deferred[object]:
        """There is no next primary: take everything from the bus."""
        self.stop()
        return self._send({}, tuple(self._sent))

    def send_all(self) -> Deferred[object]:
        """Send what the bus does not have yet, at once and as a whole; fires when it is there."""
        self.stop()
        self._begin_round(at_once=True)
        values: dict[str, bytes] = {}
        size = 0
        for name, take in self._pieces or ():
            data = self._piece(name, take)
            if data is not None:
                values[name] = data
                size += len(data)
            if size > CHUNK:
                self._send(values, ())
                values, size = {}, 0
        # The bus carries them out in this order, so the last is there when all are.
        return self._send(values, self._end_round())

    # -- rounds -----------------------------------------------------------------------------

    def _take_slice(self) -> None:
        self._call = None
        try:
            pause = self._slice()
        except (Exception, CallTimedOut):  # noqa: BLE001 - the next round may do better
            self.log.failure("The checkpoint has an error")
            self._pieces, pause = None, self._interval
        self._call = self._service.reactor.callLater(pause, self._take_slice)

    def _slice(self) -> float:
        """Take pieces for a moment. Returns the seconds until the next ones."""
        seconds = self._service.clock.seconds
        end = seconds() + SLICE
        if self._pieces is None:
            if not self._is_ready():
                return PAUSE
            self._begin_round()
            assert self._pieces is not None  # noqa: S101 - for the type checker
        values: dict[str, bytes] = {}
        removed: list[str] = []
        for name, take in self._pieces:
            data = self._piece(name, take)
            if data is not None:
                values[name] = data
            if seconds() >= end and not name.startswith(CLIENT):  # their user is next
                pause = 0.0 if seconds() - self._begun > self._interval else PAUSE
                break
        else:
            removed = self._end_round()
            self._round_has_ended()
            pause = max(PAUSE, self._begun + self._interval - seconds())
        self._send(values, removed)
        return pause

    def _begin_round(self, *, at_once: bool = False) -> None:
        self._begun = self._service.clock.seconds()
        self._seen = set()
        self._leaving_out = {}
        self._naming = None
        self._pieces = self._all_pieces(at_once=at_once)

    def _end_round(self) -> list[str]:
        """The names of pieces that are gone."""
        self._pieces, self._naming = None, None
        self.left_out = self._leaving_out
        gone = [name for name in self._sent if name not in self._seen]
        for name in gone:
            del self._sent[name]
        self._numbers = {timer: number for timer, number in self._numbers.items() if timer.active}
        objects = (name.partition("/") for name in self._seen if not name.startswith(":"))
        self._saved.keep_only([(store, key) for store, _, key in objects])
        return gone

    def _abandon(self, _event: object) -> None:
        self._pieces, self._naming = None, None

    def _piece(self, name: str, take: Callable[[], bytes | None]) -> bytes | None:
        """A piece, if it has to be sent."""
        data = take()
        if data is None:
            return None
        self._seen.add(name)
        digest = digest_of(data)
        if self._sent.get(name) == digest:
            return None
        self._sent[name] = digest
        return data

    def _send(self, values: dict[str, bytes], removed: Sequence[str]) -> Deferred[object]:
        if not (values or removed):
            return succeed(None)
        sent = self._bus.checkpoint(self._epoch(), values, removed)
        return sent.addCallback(self._answered).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if failure.check(BusFull):
            self.forget()  # the engine is away; what was not taken is sent in a later round
        elif not failure.check(BusClosed):
            self.log.failure("The checkpoint has an error", failure)

    # -- the pieces -------------------------------------------------------------------------

    def _all_pieces(self, *, at_once: bool) -> Iterator[tuple[str, Callable[[], bytes | None]]]:
        """All, by name. What is not taken at once has the user of each client again, right after them."""
        service = self._service
        yield FACTS, self._facts
        yield from self._of_gateways()
        for store_cls in tuple(service.session.current.stores.values()):
            for key, obj in tuple(store_cls.manager.active().items()):
                yield f"{store_cls.schema.name}/{key}", partial(self._object, obj)
        for client, leave in self._people():
            yield f"{CLIENT}{client.id}", partial(self._client, client, leave)
            user = client.user
            if isinstance(user, Store) and not at_once:
                yield f"{type(user).schema.name}/{user.key}", partial(self._active, user)
        if self._timers is None:
            yield from self._of_timers()
        else:
            yield from ((name, partial(_same, data)) for name, data in self._timers)
        for name, value in service.attachments().items():
            yield f"{ATTRIBUTE}{name}", partial(self._value, f"service.{name}", value)
        for number, (listener, call) in enumerate(runtime_listeners(service)):
            place = f"listener {listener.function_name}"
            yield f"{LISTENER}{number}", partial(self._value, place, call)

    def _facts(self) -> bytes:
        service = self._service
        return self._encode((service.session.generation, service.connections.next_id))

    def _object(self, obj: Store) -> bytes | None:
        store_cls = type(obj)
        schema = store_cls.schema
        try:
            _, state, data, others = object_state(obj)
            parked = data.get("_parked", {})
            bases = [b""] if schema.is_temporary else self._saved.bases_of(schema, obj.key)
        except (Exception, CallTimedOut) as error:  # noqa: BLE001 - a field's serialise() is the application's code
            self._leave_out(f"store {schema.name}", error)
            return None
        document = b""
        if schema.is_temporary:
            fields = {name: value for name, value in data.items() if name not in EXTRA_FIELDS}
        else:
            fields = {name: data[name] for name in session_names(store_cls) if name in data}
            try:
                document = obj.to_json().encode()
            except StorageError as error:  # it cannot be saved either
                self._leave_out(f"store {schema.name}, what is saved", error)
        if bases == [digest_of(document)]:
            document = b""
        values = self._fitting(
            f"store {schema.name}", (state, store_cls.version), {**parked, **fields}, others
        )
        return _encode_kept(Kept(bases, document, values))

    def _active(self, obj: Store) -> bytes | None:
        return self._object(obj) if type(obj).manager.get_active(obj.key) is obj else None

    def _client(self, client: Client, leave: Callable[[], dict[str, Any]]) -> bytes | None:
        if not client.connected:
            return None
        state, now = client.snapshot(), self._service.clock.now()
        # A date does not change, as an age does, and so the piece is not sent in each round.
        state["age"] = round(now - state["age"])
        lines = state["input"]
        lines |= {"lines": [], "over": False, "idle": round(now - lines["idle"])}
        state["output"] |= {"pieces": b"", "again": None}
        stack = client.dialogues
        going_on = [task for task in client.input.tasks if _goes_on(client, task)]
        for task in going_on:  # it starts its dialogue again itself
            awaited = awaited_dialogue(client, task)
            stack = stack if awaited is None else stack[: stack.index(awaited)]
        ended = [*self._ended.get(client, ()), *(EndedTask.of(client, task) for task in going_on)]
        dialogues = {
            f"dialogue {number}, {dialogue!r}": dialogue_state(dialogue)
            for number, dialogue in enumerate(stack)
        }
        tasks = {f"listener {number}, {task.function}": task for number, task in enumerate(ended)}
        asking = len(dialogues) + len(tasks)
        if client.input.questions and not tasks:
            asking += 1  # of code that cannot start again
        values = self._fitting("client", (asking,), client.attachments(), dialogues, tasks)
        return _encode_kept(KeptClient(state, leave(), values))

    def _of_gateways(self) -> Iterator[tuple[str, Callable[[], bytes | None]]]:
        for name, remnant in self._lost_gateways().items():
            yield f"{GATEWAY}{name}", partial(msgspec.msgpack.encode, remnant)

    def _of_timers(self) -> Iterator[tuple[str, Callable[[], bytes | None]]]:
        for timer in self._service.session.current.timers:
            if timer.active:
                yield f"{TIMER}{self._number_of(timer)}", partial(self._timer, timer)

    def _timer(self, timer: Timer) -> bytes | None:
        if not timer.active:
            return None
        call: bytes | None = b""
        if not timer.imported:
            parts = (timer.target, timer.args, timer.kwargs)
            call = self._value(f"timer {timer.target_name}", parts)
        if call is None:
            return None
        due = round(self._service.clock.now() + timer.remaining, 1)
        return self._encode(
            (timer.delay, timer.interval, timer.imported, due, timer.target_name, call)
        )

    def _number_of(self, timer: Timer) -> int | None:
        number = self._numbers.get(timer)
        if not timer.active and self._timers is None:
            return None
        if number is None and timer.active:
            self._last_number += 1
            number = self._numbers[timer] = self._last_number
        return number

    # -- values -----------------------------------------------------------------------------

    def _encode(self, value: Any) -> bytes:
        service = self._service
        if self._naming is None:
            self._naming = Naming(Named(service, {}), self._number_of)
        return encode(value, self._naming, service.session.application.owns)

    def _value(self, place: str, value: Any) -> bytes | None:
        try:
            return self._encode(value)
        except (Exception, CallTimedOut) as error:  # noqa: BLE001 - of the application's code
            self._leave_out(place, error)
            return None

    def _fitting(self, place: str, head: tuple[Any, ...], *parts: dict[str, Any]) -> bytes:
        """The head and these values; those that cannot move are left out."""
        try:
            return self._encode((*head, *parts))
        except (Exception, CallTimedOut):  # noqa: BLE001 - of the application's code
            fitting = [
                {
                    name: value
                    for name, value in part.items()
                    if self._value(f"{place}, {name}", value) is not None
                }
                for part in parts
            ]
            return self._encode((*head, *fitting))

    def _leave_out(self, place: str, error: Exception | CallTimedOut) -> None:
        reason = str(error) or repr(error)
        self._leaving_out[place] = reason
        if place not in self._told:
            self._told.add(place)
            self.log.warn(
                "{place} is not kept for the next primary: {reason}", place=place, reason=reason
            )


def _same(data: bytes | None) -> bytes | None:
    return data


def _goes_on(client: Client, task: ListenerTask) -> bool:
    """Whether a listener can start again elsewhere, and would not be called there for its line anyway."""
    if task.listener.on_reload != "restart" or not waits_for_person(client, task):
        return False
    return not (isinstance(task.event, events.Receive) and client.input.reader.is_busy)
