"""A new primary goes on with what the one before has kept on the bus (``checkpoint.py``).

It is put back before gateways say who is there: the clients are made of it, too, so that all that refers to
them finds them. When their gateway has answered, they go on; who is not there any more is disconnected then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
from twisted.internet.task import deferLater
from twisted.logger import Logger

from cletus.client.client import Client
from cletus.client.dialogue import Dialogue
from cletus.cluster.checkpoint import (
    ATTRIBUTE,
    CLIENT,
    FACTS,
    GATEWAY,
    LISTENER,
    SLICE,
    TIMER,
    Kept,
    KeptClient,
    SavedDigests,
    digest_of,
)
from cletus.cluster.primary_ledger import GATEWAY_LOST, PrimaryLedger
from cletus.cluster.value_codec import decode
from cletus.errors import NotSaved
from cletus.restart.by_name import Named, Reader
from cletus.restart.snapshot import EndedTask
from cletus.restart.thawing import (
    LostTransport,
    blank,
    make_timers,
    restart_task,
    restore_attachment,
    restore_dialogues,
    restore_listener,
)
from cletus.service.service import Service
from cletus.service.timers import Timer
from cletus.storage.saving import read_saved, understand
from cletus.storage.schema import DocumentState, Schema

_kept: Final = msgspec.msgpack.Decoder(Kept)
_client: Final = msgspec.msgpack.Decoder(KeptClient)

Person = Callable[[Mapping[str, Any], Mapping[str, Any]], "Client | None"]


class Resumption:
    """Puts the pieces of a checkpoint back.

    Args:
        service: its modules are imported, and its store is open; timers are not started.
        saved: of its stores.
        pieces: what ``Bus.session()`` has returned.

    Attributes:
        timers: by the numbers that they have in the pieces.
    """

    log = Logger()

    def __init__(self, service: Service, saved: SavedDigests, pieces: Mapping[str, bytes]) -> None:
        self._service = service
        self._saved = saved
        self._pieces = pieces
        self._reader: Reader | None = self._new_reader({})
        self._lost: list[Client] = []
        self._restarted: list[Dialogue] = []
        self._incomplete: set[Client] = set()
        self._tasks: dict[Client, list[EndedTask]] = {}
        self._values: dict[Client, bytes] = {}
        self.timers: dict[int, Timer] = {}

    def _new_reader(self, timers: Mapping[int, Timer]) -> Reader:
        # The code is the same, so that nothing in it counts as stated anew.
        return Reader(Named(self._service, timers))

    def restore_gateways(self, ledger: PrimaryLedger) -> None:
        """Tell the ledger of the gateways that the primary before has lost. To be called before ``run()``."""
        for name, data in self._with(GATEWAY):
            self._attempt(f"gateway {name}", self._restore_gateway, ledger, data)

    def _restore_gateway(self, ledger: PrimaryLedger, data: bytes) -> None:
        lines, remnant = msgspec.msgpack.decode(data)
        ledger.restore_remnant(lines, remnant)

    async def run(self, resume_person: Person) -> None:
        """Put everything back, in slices. What cannot be read is left out, and logged.

        Nothing else of the service may run until it has returned. It returns early if the service is stopped.

        Args:
            resume_person: makes a client of what their door has left and of their state; ``None`` if
                their gateway is gone.
        """
        service = self._service
        seconds, state = service.clock.seconds, service.state
        end = seconds() + SLICE
        for _ in self._steps(resume_person):
            if seconds() >= end:
                await deferLater(service.reactor, 0)
                if service.state is not state:
                    break
                end = seconds() + SLICE
        # The reader knows all that is stated now, which the next reload replaces.
        self._reader, self._pieces, self._values = None, {}, {}

    def _steps(self, resume_person: Person) -> Iterator[None]:
        """Each is one piece."""
        self._attempt(FACTS, self._take_facts)
        first = self._attempt(TIMER, self._make_timers) or []
        objects = []
        for store_cls, kept in self._make_objects():
            yield
            objects.append((store_cls, kept))
        people: dict[tuple[str, int], tuple[str, KeptClient]] = {}
        for name, data in sorted(self._with(CLIENT), key=lambda item: int(item[0])):
            yield
            piece = self._attempt(f"client {name}", _client.decode, data)
            if piece is not None:
                # Of two of one connection, the former was not removed before its primary was lost.
                people[piece.left["gateway"], piece.left["conn"]] = (name, piece)
        for name, piece in people.values():
            yield
            self._attempt(f"client {name}", self._make_client, piece, resume_person)
        self._reader = self._new_reader(self.timers)
        yield from self._fill_objects(objects)
        for client, values in self._values.items():
            yield
            self._attempt(client, self._fill_client, client, values)
        for number, timer in self.timers.items():
            yield
            self._attempt(f"timer {number}", self._fill_timer, timer, number)
        for name, data in self._with(LISTENER):
            self._attempt(f"listener {name}", self._add_listener, data)
        present = self._service.attachments()
        for name, data in self._with(ATTRIBUTE):
            self._attempt(f"service.{name}", self._attach, name, data, present)
        for timer, remaining in first:
            timer.start(self._service.clock, self._service.dispatcher.ring, remaining)

    def take_timers(self) -> dict[int, Timer]:
        """Those that were put back, once; a reload replaces them."""
        timers, self.timers = self.timers, {}
        return timers

    def begin(self) -> None:
        """The service runs: those whose gateway is gone have lost their link."""
        lost, self._lost = self._lost, []
        for client in lost:
            client.disconnected(GATEWAY_LOST)

    def goes_on(self, client: Client, *, has_moved_on: bool, was_asked: bool) -> bool:
        """A client's gateway has answered, and they are there.

        Args:
            client: whom ``run`` has made.
            has_moved_on: whether lines of theirs were handled after their piece was taken.
            was_asked: whether a question or a dialogue waited for their next line at the end.

        Returns:
            Whether lines that the primary before may have been given are dropped: nobody asks now what
            they are an answer to.
        """
        tasks = self._tasks.pop(client, [])
        dialogues = client.dialogues
        is_whole = client not in self._incomplete
        self._incomplete.discard(client)
        if has_moved_on and not was_asked:
            client.input.stop_dialogues()  # they have ended
            return False
        restarts = any(dialogue in self._restarted for dialogue in dialogues)
        if is_whole and not (has_moved_on or tasks or restarts):
            return False  # all is as it was
        self._ask_again(client, tasks)
        return True

    def _ask_again(self, client: Client, tasks: list[EndedTask]) -> None:
        client.show_input()
        warnings: list[str] = []
        for task in tasks:
            restart_task(self._service, task, warnings)
        for words in warnings:
            self.log.warn("{words}", words=words)
        if tasks:
            return
        client.write("", self._service.settings.restart_notice)
        if client.dialogues:
            top = client.dialogues[-1]
            top.suspend()
            top.resume()

    # -- the pieces -------------------------------------------------------------------------

    def _with(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        for name, data in self._pieces.items():
            if name.startswith(prefix):
                yield name.removeprefix(prefix), data

    def _decode(self, data: bytes) -> Any:
        assert self._reader is not None  # noqa: S101 - run() has not returned
        return decode(data, self._reader, self._service.session.application.owns)

    def _attempt(self, place: object, call: Callable[..., Any], *args: Any) -> Any:
        """One step. A failure is logged and does not keep the others from being taken."""
        try:
            return call(*args)
        except Exception as error:  # noqa: BLE001 - of the application's code, or of other code than it was
            reason = str(error) or repr(error)
            self.log.warn("{place} is not as it was: {reason}", place=str(place), reason=reason)
            return None

    def _take_facts(self) -> None:
        if FACTS in self._pieces:
            service = self._service
            generation, next_id = self._decode(self._pieces[FACTS])
            service.session.current.number = max(service.session.generation, generation)
            service.connections.next_id = max(service.connections.next_id, next_id)

    def _make_timers(self) -> list[tuple[Timer, float]]:
        now = self._service.clock.now()
        numbers, others = [], []
        for number, data in sorted(self._with(TIMER), key=lambda item: int(item[0])):
            delay, interval, imported, due, target, _ = self._decode(data)
            numbers.append(int(number))
            others.append((delay, interval, imported, due - now, target))
        timers, first = make_timers(self._service, others)
        self.timers = dict(zip(numbers, timers, strict=True))
        return first

    def _fill_timer(self, timer: Timer, number: int) -> None:
        if timer.imported or not timer.active:
            return
        try:
            call = self._decode(self._pieces[f"{TIMER}{number}"])[-1]
            timer.target, timer.args, timer.kwargs = self._decode(call)
        except Exception:
            timer.cancel()
            raise
        self._service.session.current.timers.add(timer)

    def _add_listener(self, data: bytes) -> None:
        restore_listener(self._service, self._decode(data))

    def _attach(self, name: str, data: bytes, present: Mapping[str, Any]) -> None:
        restore_attachment(self._service, name, self._decode(data), present)

    # -- objects ----------------------------------------------------------------------------

    def _make_objects(self) -> Iterator[tuple[Any, dict[str, Kept]]]:
        """The store classes, and of each what is kept of its objects, which are made empty."""
        stores: dict[str, dict[str, Kept]] = defaultdict(dict)
        for name, data in self._pieces.items():
            store, separator, key = name.partition("/")
            if separator and not name.startswith(":"):
                try:
                    stores[store][key] = _kept.decode(data)
                except (msgspec.MsgspecError, ValueError) as error:
                    self.log.warn("{name} cannot be read: {error}", name=name, error=str(error))
        for name, kept in stores.items():
            store_cls: Any = self._service.session.find(name)
            if store_cls is None:
                self.log.warn("the code has no store {name}, which was active", name=name)
                continue
            present = store_cls.manager.active()
            objects = {
                key: present[key] if key in present else blank(store_cls, key) for key in kept
            }
            store_cls.manager.set_active({**present, **objects})
            yield store_cls, kept

    def _fill_objects(self, stores: list[tuple[Any, dict[str, Kept]]]) -> Iterator[None]:
        writer = self._service.session.writer
        for store_cls, kept in stores:
            active = store_cls.manager.get_active
            keys = [] if store_cls.schema.is_temporary else list(kept)
            with writer.read_ahead(store_cls.schema.name, keys):
                for key, piece in kept.items():
                    yield
                    obj = active(key)
                    self._attempt(obj, self._fill_object, store_cls, obj, piece)

    def _fill_object(self, store_cls: Any, obj: Any, kept: Kept) -> None:
        schema: Schema = store_cls.schema
        try:
            if not schema.is_temporary and not self._fill_saved(schema, obj, kept):
                store_cls.manager.remove_active(obj)  # it was deleted meanwhile
                return
        except Exception:
            store_cls.manager.remove_active(obj)
            raise
        state, version, fields, others = self._decode(kept.values)
        if schema.is_temporary:
            fields = store_cls.upgrade(fields, version)
        obj.from_dict(fields, session=True, parked=list(fields))
        for name, value in others.items():
            setattr(obj, name, value)
        if DocumentState[state] is DocumentState.CLEAN and not schema.is_temporary:
            schema.mark_clean(obj)

    def _fill_saved(self, schema: Schema, obj: Any, kept: Kept) -> bool:
        """Give it its permanent fields; false if it was deleted."""
        writer = self._service.session.writer
        try:
            saved_as, data = read_saved(writer, schema, obj.key)
        except NotSaved:
            saved_as, data = "", b""
        digest = digest_of(data) if data else b""
        self._saved.note(schema.name, obj.key, digest)
        if kept.document and digest in kept.bases:
            obj.from_json(kept.document)
        elif data:
            understand(obj, data, writer, saved_as)
        return bool(data) or b"" in kept.bases

    # -- clients ----------------------------------------------------------------------------

    def _make_client(self, piece: KeptClient, resume_person: Person) -> None:
        state, left = piece.state, piece.left
        terminal = left["connection"]["terminal"]
        terminal["types"] = tuple(terminal["types"])
        now = self._service.clock.now()
        state["age"] = max(0.0, now - state["age"])
        state["input"]["idle"] = max(0.0, now - state["input"]["idle"])
        client = resume_person(left, state)
        if client is None:
            transport = LostTransport(left["address"], terminal)
            client = self._service.connections.resumed(transport, state)
            self._lost.append(client)
        self._values[client] = piece.values

    def _fill_client(self, client: Client, values: bytes) -> None:
        self._incomplete.add(client)
        asking, attachments, dialogues, tasks = self._decode(values)
        client.attach(attachments)
        warnings: list[str] = []
        is_whole = restore_dialogues(client, dialogues.values(), self._restarted, warnings)
        self._tasks[client] = list(tasks.values())
        if is_whole and asking == len(dialogues) + len(tasks):
            self._incomplete.discard(client)
        for words in warnings:
            self.log.warn("{words}", words=words)
