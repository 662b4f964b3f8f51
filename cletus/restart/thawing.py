"""The state of a service, put into the process that takes over. Nothing is read or sent here.

If anything of it fails, this process ends, and the one that has left the state goes on with it.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.logger import Logger

from cletus.client.client import Client
from cletus.client.dialogue import Dialogue
from cletus.errors import Disconnected, RestartError
from cletus.protocol.charset import telnet_encoder
from cletus.protocol.terminal import Terminal
from cletus.reload.state.statements import Path
from cletus.restart.by_name import Named, Reader, attribute_of, loads
from cletus.restart.snapshot import FORMATS, EndedTask
from cletus.service.interfaces import Door, Left, MovableDoor, Purpose
from cletus.service.listeners import Listener
from cletus.service.restart_report import RestartReport
from cletus.service.service import Service
from cletus.service.timers import Timer
from cletus.storage import Document, Store
from cletus.storage.interfaces import Movable
from cletus.storage.schema import DocumentState
from cletus.storage.versions import as_saved, is_outdated, merge_extra_fields

_log = Logger()


class LostTransport:
    """The end of a connection that is gone: its client is told, as soon as this process serves.

    Args:
        address: where they were.
        terminal: its state.
    """

    def __init__(self, address: str, terminal: Mapping[str, Any]) -> None:
        self.address = address
        self.terminal = Terminal(telnet_encoder())
        self.terminal.restore(terminal)

    def send(self, data: bytes) -> None:
        """Nobody is there."""

    def pause_reading(self) -> None:
        """Nothing comes."""

    def resume_reading(self) -> None:
        """Nothing comes."""

    def hide_input(self, hidden: bool) -> bytes:
        """Nothing."""
        return b""

    def prompt_mark(self) -> bytes:
        """Nothing."""
        return b""

    def message(self, package: str, data: Any) -> bytes:
        """Nothing."""
        return b""

    def note_memory(self) -> None:
        """Nothing is measured here."""

    def close(self) -> None:
        """It is closed."""

    def abort(self) -> None:
        """It is closed."""


class Thawing:
    """Puts one state into a service.

    Args:
        service: it is prepared, and does not run yet.
        doors: those of this process; some may be open.
        own, values: the parts of the ``Snapshot``.
        descriptors: its sockets, as they are called in this process.
        rehearsed: whether there are no sockets, since this is only a trial.

    Attributes:
        report: of the restart.
        lost: the clients whose connection is gone.
        minder: the socket on which the next process is named; -1 without one.
        lock: the descriptor of the store's lock; -1 without one.
        began: when the pause began, by ``time.monotonic()``.
        uptime: seconds since the start of the service.
        open_doors: those that listen.

    Raises:
        RestartError: the state is of a format that is not known here.
    """

    def __init__(
        self,
        service: Service,
        doors: Sequence[Door],
        own: bytes,
        values: bytes,
        descriptors: list[int],
        *,
        rehearsed: bool = False,
    ) -> None:
        self._service = service
        self._doors = doors
        self._own: dict[str, Any] = pickle.loads(own)  # noqa: S301 - from our own other process
        if self._own["format"] not in FORMATS:
            raise RestartError(
                f"the state is of format {self._own['format']}, which is not known here"
            )
        self._values = values
        self._descriptors = descriptors
        self._rehearsed = rehearsed
        self.report: RestartReport = self._own["report"]
        self.lost: list[Client] = []
        self.minder = self._descriptor(self._own["minder"])
        self.lock = self._descriptor(self._own["store"]["descriptor"])
        self.began: float = self._own["began"]
        self.uptime: float = self._own["service"]["uptime"]
        self.open_doors: list[Door] = []
        self._first: list[tuple[Timer, float]] = []
        self._restarted: list[Dialogue] = []
        self._dialogues_gone: list[Client] = []
        self._tasks: list[EndedTask] = []
        self._overlay: Any = service.session.writer.backend

    def _descriptor(self, number: int) -> int:
        return -1 if number < 0 or self._rehearsed else self._descriptors[number]

    def run(self) -> None:
        """Put everything in.

        Raises:
            Exception: whatever went wrong.
        """
        service, facts = self._service, self._own["service"]
        self._take_store()
        service.metrics.restore(facts["meters"])
        service.connections.next_id = facts["next_id"]
        service.session.current.number = facts["generation"] + 1
        self._take_sockets()
        timers, self._first = make_timers(service, self._own["timers"])
        self._make_objects()
        named = Named(service, dict(enumerate(timers)))
        self._fill(named)

    # -- what is made from plain data ------------------------------------------------------------

    def _take_store(self) -> None:
        store = self._own["store"]
        if store["url"] != self._service.settings.store:
            raise RestartError(
                f"setting store: it was {store['url']!r} and is {self._service.settings.store!r} now; "
                "stop the service to change it"
            )
        if not self._rehearsed:
            self._service.adopt_store(self._descriptor(store["descriptor"]), store["state"])

    def _take_sockets(self) -> None:
        doors = {door.configured: door for door in self._doors if isinstance(door, MovableDoor)}
        clients = {state["id"]: state for state in self._own["clients"]}
        lefts = [] if self._rehearsed else self._own["doors"]
        sockets: dict[int, tuple[str, Left | None]] = {}
        for configured, purpose, number, state, client_id in lefts:
            left = Left(purpose, self._descriptor(number), state, client_id)
            if client_id:
                sockets[client_id] = (configured, left)
            elif configured in doors and purpose is Purpose.NEW:
                with suppress(OSError):  # the peer has gone meanwhile
                    doors[configured].take_over(left, None)
            elif configured in doors:
                doors[configured].take_over(left, None)
                self.open_doors.append(doors[configured])
        for client_id, state in clients.items():
            configured, socket = sockets.get(client_id, ("", None))
            door = doors.get(configured) or _door_like(doors, configured)
            self._take_client(door, socket, state)

    def _take_client(
        self, door: MovableDoor | None, left: Left | None, state: Mapping[str, Any]
    ) -> None:
        if door is not None and left is not None:
            try:
                door.take_over(left, state)
                return
            except OSError:  # the peer has gone meanwhile
                pass
        if left is None:
            address, terminal = state["address"], state["terminal"]
        else:
            address, terminal = left.state["address"], left.state["connection"]["terminal"]
        transport = LostTransport(address, terminal)
        self.lost.append(self._service.connections.resumed(transport, state))

    def _make_objects(self) -> None:
        """Make an empty object for each that was active, or take the one that a module has made."""
        session = self._service.session
        states = session.current.statements
        for name, keys in self._own["stores"].items():
            store_cls: Any = session.find(name)
            if store_cls is None:
                continue  # the other process has saved them
            present = store_cls.manager.active()
            objects = {}
            for key in keys:
                objects[key] = present[key] if key in present else blank(store_cls, key)
            for key, obj in present.items():
                # What a module states anew is there from now on; what a listener has loaded is not.
                if key not in objects and ("store", store_cls.schema.name, key) in states.values:
                    objects[key] = obj
            store_cls.manager.set_active(objects)

    # -- values of the application -----------------------------------------------------------------

    def _fill(self, named: Named) -> None:
        reader = Reader(named, self._own["stated"])
        values = loads(self._values, reader)
        for name, (version, parked, typed, objects) in values["stores"].items():
            store_cls = self._service.session.find(name)
            if store_cls is not None:
                self._fill_store(store_cls, version, parked, typed, objects, reader)
        for number, attachments in values["clients"].items():
            named.clients[number].attach(attachments)
        for number, dialogues in values["dialogues"].items():
            client = named.clients[number]
            if not restore_dialogues(client, dialogues, self._restarted, self.report.warnings):
                self._dialogues_gone.append(client)
        for timer, call in zip(named.timers.values(), values["timers"], strict=True):
            self._fill_timer(timer, call, reader)
        self._fill_listeners(values["listeners"], reader)
        self._fill_service(values["service"], reader)
        self._tasks = values["tasks"]

    def _fill_store(
        self,
        store_cls: Any,
        version: int,
        parked: list[str],
        typed: list[str],
        objects: Iterable[tuple[str, str, dict[str, Any], dict[str, Any]]],
        reader: Reader,
    ) -> None:
        schema = store_cls.schema
        is_usual = version == store_cls.version and store_cls.from_dict is Store.from_dict
        get_active = store_cls.manager.get_active
        for key, document_state, data, others in objects:
            obj = get_active(key)
            path: Path = ("store", schema.name, key)
            kept = {}
            # As in a reload: of an object that is migrated, all values are the live ones.
            if reader.states(path) and is_usual and not is_outdated(store_cls, data, version):
                kept = {name: getattr(obj, name) for name in reader.newly_stated(path, obj)}
            if not (is_usual and schema.restore(obj, data)):
                flat, session_data = merge_extra_fields(data, parked)
                if version < store_cls.version:  # ``migrate`` knows values as a file has them
                    flat = as_saved(flat, typed)
                flat = store_cls.upgrade(flat, version)
                obj.from_dict(flat, session=True, parked=session_data)
            for name, value in others.items():
                setattr(obj, name, value)
            for name, value in kept.items():
                setattr(obj, name, value)
            if DocumentState[document_state] is DocumentState.CLEAN:
                schema.mark_clean(obj)

    def _fill_timer(self, timer: Timer, call: bytes | None, reader: Reader) -> None:
        if timer.imported or not timer.active:
            return
        if call is None:
            timer.cancel()
            return
        try:
            timer.target, timer.args, timer.kwargs = loads(call, reader)
        except Exception as error:  # noqa: BLE001 - as in a reload, it is cancelled and told
            self.report.warnings.append(f"a timer has ended: {error}")
            timer.cancel()
            return
        self._service.session.current.timers.add(timer)

    def _fill_listeners(self, listeners: Iterable[bytes], reader: Reader) -> None:
        for pickled in listeners:
            try:
                restore_listener(self._service, loads(pickled, reader))
            except Exception as error:  # noqa: BLE001 - as for timers
                self.report.warnings.append(f"a listener has ended: {error}")

    def _fill_service(self, attachments: Mapping[str, bytes], reader: Reader) -> None:
        present = self._service.attachments()
        for name, pickled in attachments.items():
            try:
                value = loads(pickled, reader)
            except Exception as error:  # noqa: BLE001 - as for timers
                self.report.warnings.append(f"service.{name} begins anew: {error}")
                continue
            restore_attachment(self._service, name, value, present)

    # -- afterwards ---------------------------------------------------------------------------------

    def begin(self) -> None:
        """This process serves: do what the other one had yet to do."""
        service = self._service
        writer = service.session.writer
        if isinstance(writer.backend, Movable):
            writer.backend.sign()
        for store, key, data in self._own["store"]["unsaved"]:
            writer.submit(Document(store, key, data)).addErrback(lambda _: None)
        self._save_what_was_written(writer)
        for timer, remaining in self._first:
            timer.start(service.clock, service.dispatcher.ring, remaining)
        service.start_timers()

    def rest(self) -> Iterator[Callable[[], object]]:
        """Begin again what was ended, and give lines to those who wait for them: a step for each."""
        service = self._service
        for client in self.lost:  # first: what others are told from now on, they have missed
            yield partial(client.disconnected, "restarted")
        for task in self._tasks:
            yield partial(self._restart_task, task)
        for client in self._dialogues_gone:
            yield client.show_input
            yield partial(client.write, "", service.settings.restart_notice)
        for dialogue in self._restarted:
            yield partial(self._restart_dialogue, dialogue)
        for client in service.clients:
            yield client.input.pump

    def _restart_task(self, task: EndedTask) -> None:
        self.report.restarted += restart_task(self._service, task, self.report.warnings)

    def _restart_dialogue(self, dialogue: Dialogue) -> None:
        dialogue.client.show_input()
        dialogue.client.write("", self._service.settings.restart_notice)
        dialogue.restart()

    def _save_what_was_written(self, writer: Any) -> None:
        """What modules and ``PreStart`` have saved here under new names; what is saved already is newer."""
        for document in getattr(self._overlay, "written", list)():
            if document.key not in writer.keys(document.store):
                writer.submit(document).addErrback(lambda _: None)


def _door_like(doors: Mapping[str, MovableDoor], configured: str) -> MovableDoor | None:
    """A door of the same name, for the connections of one that is gone."""
    name = configured.partition(" ")[0]
    return next((door for other, door in doors.items() if other.partition(" ")[0] == name), None)


def make_timers(
    service: Service, others: Iterable[tuple[float, float | None, bool, float, str]]
) -> tuple[list[Timer], list[tuple[Timer, float]]]:
    """The timers of another process. Those of module bodies are there already, and go on with their time.

    Args:
        service: it has not started its timers yet.
        others: delay, interval, whether a module body has made it, seconds until it is due, and the name
            of the target of each.

    Returns:
        A timer for each, without its call; and those to be started, with the seconds until they are due.
    """
    others = list(others)
    asked = [timer for timer in service.session.current.timers if timer.active]
    runtime = {name for _, _, imported, _, name in others if not imported}
    for timer in asked:
        if not timer.imported and timer.target_name in runtime:
            timer.cancel()  # a listener of PreStart has asked for it here as well
    timers = []
    first = []
    for delay, interval, imported, remaining, name in others:
        twin = next(
            (
                timer
                for timer in asked
                if imported
                and (timer.target_name, timer.delay, timer.interval) == (name, delay, interval)
            ),
            None,
        )
        if twin is not None:
            asked.remove(twin)
            first.append((twin, remaining))
        timer = twin or Timer(delay, interval, _gone)
        if twin is None and not imported:
            first.append((timer, remaining))
        elif twin is None:
            timer.cancel()
        timers.append(timer)
    return timers, first


def blank(store_cls: Any, key: str) -> Any:
    """An object with default values, without a call of the application's ``__init__``."""
    obj = object.__new__(store_cls)
    obj.key = key
    store_cls.schema.initialise(obj)
    return obj


def restore_dialogues(
    client: Client,
    dialogues: Iterable[tuple[str, str, Mapping[str, Any]]],
    restarted: list[Dialogue],
    warnings: list[str],
) -> bool:
    """Put a client's dialogues back, each at its step.

    Args:
        client: it has none.
        dialogues: module and name of the class, and ``Dialogue.snapshot()``, of each.
        restarted: gets those whose step is gone; they begin again.
        warnings: gets a sentence for each whose class is gone.

    Returns:
        Whether all could be put back.
    """
    caller: Dialogue | None = None
    is_whole = True
    for module, name, state in dialogues:
        cls = attribute_of(module, name)
        if not (isinstance(cls, type) and issubclass(cls, Dialogue) and cls.steps):
            warnings.append(f"dialogue {module}.{name} is gone: it has ended for {client!r}")
            is_whole = False
            caller = None
            continue
        dialogue = object.__new__(cls)
        Dialogue.__init__(dialogue)
        waits_for_it = caller if caller is not None and caller.awaits_result else None
        result = dialogue.restore(state, client, waits_for_it)
        result.addErrback(lambda failure: failure.trap(Disconnected) and None)
        client.input.dialogues.append(dialogue)
        if state["step"] not in cls.steps:
            restarted.append(dialogue)
        caller = dialogue
    return is_whole


def restore_listener(service: Service, call: tuple[Any, Any, Any, str]) -> None:
    """Register a listener of another process: its event, function, ``on_reload`` and package."""
    event, function, on_reload, package = call
    present = service.session.current.listeners
    listener = Listener(event, function, on_reload, False, package)
    if listener not in tuple(present):
        present.add(listener)


def restore_attachment(service: Service, name: str, value: Any, present: Mapping[str, Any]) -> None:
    """Give the service a value that the application has set on it in another process.

    Args:
        service: whose.
        name: of the attribute.
        value: of the attribute.
        present: what the modules of this process have set already; a container of theirs stays, and gets
            what the other one has.
    """
    own = present.get(name)
    if name not in present:
        setattr(service, name, value)
    elif isinstance(own, (list, set, dict)) and type(own) is type(value):
        own.clear()
        (own.extend if isinstance(own, list) else own.update)(value)


def restart_task(service: Service, task: EndedTask, warnings: list[str]) -> bool:
    """Start again what was ended in another process, after a notice. Returns whether it has started."""
    client = next((client for client in service.clients if client.id == task.client_id), None)
    listener = listener_of(service, task)
    if client is None:
        return False
    client.write("", service.settings.restart_notice)
    if listener is None:
        warnings.append(f"listener {task.function} is gone, and has ended for {client!r}")
        return False
    with client.input.held():
        service.dispatcher.call(listener, task.event)
    return True


def listener_of(service: Service, task: EndedTask) -> Listener | None:
    """The listener of this process that starts again what was ended."""
    for listener in service.session.current.listeners:
        event_class = (listener.event.__module__, listener.event.__qualname__)
        if (listener.function_name, event_class) == (task.function, task.event_class):
            return listener
    return None


def _gone() -> None:
    """What a timer calls whose own target is not known yet."""
