"""Start and stop of a service: opened in order, closed in reverse, whatever fails meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from cletus import Service, events
from cletus.errors import DoorError, ServiceStateError, ServiceStopped, SettingError, StoreUnusable
from cletus.service.interfaces import Components
from cletus.service.lifecycle import State
from cletus.storage import Document, Failure, Field, Store
from cletus.testing import Person
from tests.conftest import Log, result_of


class Door:
    """A door that records its calls."""

    def __init__(self, name: str, notes: list[str], error: Exception | None = None) -> None:
        self.address = f"{name} nowhere:1"
        self._name = name
        self._notes = notes
        self._error = error
        self.opening: Deferred[None] | None = None

    def open(self) -> Deferred[None]:
        self._notes.append(f"{self._name} opens")
        if self._error is not None:
            return fail(self._error)
        return self.opening or succeed(None)

    def close(self) -> Deferred[None]:
        self._notes.append(f"{self._name} closes")
        return succeed(None)


class Reloader:
    """A reloader that records its calls."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes

    def start(self) -> None:
        self._notes.append("reloader starts")

    def stop(self) -> None:
        self._notes.append("reloader stops")

    def request(self) -> Deferred[Any]:
        raise NotImplementedError

    def rollback(self) -> Deferred[Any]:
        raise NotImplementedError


@pytest.fixture
def notes() -> list[str]:
    """Events and calls, in order."""
    return []


@pytest.fixture
def idle(notes: list[str], log: Log) -> Service:
    """A service that has not been started; its events are recorded."""
    components = Components(
        doors=lambda service: (), reloader=lambda service: Reloader(notes), run=lambda *_: None
    )
    service = Service(store="memory:", components=components)

    @service.listen(events.Event)
    def note(event: events.Event) -> None:
        notes.append(type(event).__name__)

    return service


def test_it_starts_in_order_and_stops_in_reverse(
    idle: Service, clock: Clock, notes: list[str]
) -> None:
    doors = [Door("a", notes), Door("b", notes)]
    result_of(idle.start(clock, doors=doors))
    assert idle.state is State.RUNNING
    assert idle.addresses == ("a nowhere:1", "b nowhere:1")
    assert idle.reactor is clock
    result_of(idle.stop())
    assert notes == [
        *("PreStart", "a opens", "b opens", "reloader starts", "PostStart"),
        *("PreStop", "reloader stops", "b closes", "a closes", "PostStop"),
    ]
    assert idle.state is State.STOPPED
    assert idle.doors == ()


def test_a_door_that_cannot_be_opened_closes_the_open_ones(
    idle: Service, clock: Clock, notes: list[str]
) -> None:
    error = DoorError("b nowhere:1", "no")
    doors = [Door("a", notes), Door("b", notes, error), Door("c", notes)]
    started = idle.start(clock, doors=doors)
    with pytest.raises(DoorError):
        result_of(started)
    assert notes == ["PreStart", "a opens", "b opens", "a closes"]
    assert idle.state is State.STOPPED
    assert not idle.session.is_open
    result_of(idle.stop())
    assert notes[-1] == "a closes", "it has stopped already"


def test_attachments_open_last_and_close_first(
    idle: Service, clock: Clock, notes: list[str]
) -> None:
    attachments = [Door("socket", notes), Door("metrics", notes)]
    result_of(idle.start(clock, doors=[Door("door", notes)], attachments=attachments))
    opened = notes[notes.index("reloader starts") :]
    assert opened[:3] == ["reloader starts", "socket opens", "metrics opens"]
    notes.clear()
    result_of(idle.stop())
    assert [note for note in notes if note.endswith(("closes", "stops"))] == [
        *("metrics closes", "socket closes"),
        *("reloader stops", "door closes"),
    ]


class BrokenCluster:
    """One that does not know whether another process goes on."""

    def stays(self) -> Deferred[bool]:
        return fail(RuntimeError("no answer"))

    def close(self) -> Deferred[None]:
        return succeed(None)


def test_a_cluster_that_fails_does_not_prevent_the_stop(
    idle: Service, clock: Clock, notes: list[str], log: Log
) -> None:
    result_of(idle.start(clock, doors=[Door("a", notes)]))
    idle.lifecycle.cluster = BrokenCluster()  # type: ignore[assignment]  # it has what a stop asks
    result_of(idle.stop())
    assert notes[-4:] == ["PreStop", "reloader stops", "a closes", "PostStop"]
    assert idle.state is State.STOPPED
    (failure,) = log.take_failures()
    assert "no answer" in failure


def test_an_attachment_that_cannot_be_opened_fails_the_start(
    idle: Service, clock: Clock, notes: list[str]
) -> None:
    """It is closed, too: it may have opened in part."""
    attachments = [Door("socket", notes, DoorError("socket", "is taken"))]
    with pytest.raises(DoorError):
        result_of(idle.start(clock, doors=[Door("door", notes)], attachments=attachments))
    assert idle.state is State.STOPPED
    assert notes[-3:] == ["socket closes", "reloader stops", "door closes"]


def test_a_store_that_cannot_be_opened_opens_nothing_else(
    idle: Service, clock: Clock, notes: list[str]
) -> None:
    idle.configure(store="cloud:nine")
    with pytest.raises(StoreUnusable):
        result_of(idle.start(clock, doors=[Door("a", notes)]))
    assert notes == []


def test_a_module_to_rebuild_that_is_missing_is_named(idle: Service, clock: Clock) -> None:
    idle.configure(reload_modules=("nosuch_module",))
    with pytest.raises(SettingError, match=r"'reload_modules'.*nosuch_module"):
        result_of(idle.start(clock))


def test_it_is_started_once(idle: Service, clock: Clock) -> None:
    result_of(idle.start(clock))
    with pytest.raises(ServiceStateError, match="running"):
        idle.start(clock)
    idle.stop()
    with pytest.raises(ServiceStateError, match="stopped"):
        idle.start(clock)


def test_stopping_an_idle_service_does_nothing(idle: Service, clock: Clock) -> None:
    result_of(idle.stop())
    result_of(idle.start(clock))
    assert idle.state is State.RUNNING


def test_the_doors_open_when_the_listeners_of_prestart_are_done(
    idle: Service, clock: Clock, notes: list[str]
) -> None:
    ready: Deferred[None] = Deferred()

    @idle.listen(events.PreStart)
    async def prestart(event: events.PreStart) -> None:
        await ready

    started = idle.start(clock, doors=[Door("a", notes)])
    assert notes == ["PreStart"]
    ready.callback(None)
    assert started.called
    assert notes[1] == "a opens"


def test_the_start_does_not_wait_for_listeners_of_poststart(idle: Service, clock: Clock) -> None:
    @idle.listen(events.PostStart)
    async def poststart(event: events.PostStart) -> None:
        await Deferred()

    result_of(idle.start(clock))


def test_a_stop_during_the_start_cancels_the_start(
    idle: Service, clock: Clock, notes: list[str]
) -> None:
    """Whatever the start is waiting for."""
    ready: Deferred[None] = Deferred()

    @idle.listen(events.PreStart)
    async def prestart(event: events.PreStart) -> None:
        await ready

    started = idle.start(clock, doors=[Door("a", notes)])
    result_of(idle.stop())
    assert notes == ["PreStart", "PreStop", "PostStop"]
    ready.callback(None)
    with pytest.raises(ServiceStopped):
        result_of(started)
    assert notes == ["PreStart", "PreStop", "PostStop"]
    assert idle.state is State.STOPPED


def test_a_door_that_opens_during_the_stop_is_closed(
    idle: Service, clock: Clock, notes: list[str]
) -> None:
    door = Door("a", notes)
    door.opening = Deferred()
    started = idle.start(clock, doors=[door, Door("b", notes)])
    idle.stop()
    door.opening.callback(None)
    with pytest.raises(ServiceStopped):
        result_of(started)
    assert notes == ["PreStart", "a opens", "PreStop", "PostStop", "a closes"]


def test_clients_are_told_and_gone_before_the_stores_are_saved(
    idle: Service, clock: Clock, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Visit(Store):
        service = idle
        lines = Field(0)

    result_of(idle.start(clock))
    people = [Person(idle, clock) for _ in range(2)]
    visit = Visit("first")

    @idle.listen(events.Disconnect)
    def disconnect(event: events.Disconnect) -> None:
        visit.lines += 1
        assert idle.session.is_open

    written: list[bytes] = []

    def write_many(documents: Sequence[Document]) -> list[Failure]:
        written.extend(document.data for document in documents)
        return []

    monkeypatch.setattr(idle.session.writer, "write_many", write_many)
    stopped = idle.stop()
    assert not stopped.called
    for person in people:
        assert person.new_text() == "The service is going down. Goodbye!\n"
    assert stopped.called
    assert b'"lines": 2' in written[0]
    assert notes[-3:] == ["Disconnect", "Disconnect", "PostStop"]


def test_a_second_stop_waits_for_the_same_end(idle: Service, clock: Clock) -> None:
    ready: Deferred[None] = Deferred()

    @idle.listen(events.PreStop)
    async def prestop(event: events.PreStop) -> None:
        await ready

    result_of(idle.start(clock))
    ends = [idle.stop(), idle.stop(), idle.lifecycle.when_stopped()]
    assert not any(end.called for end in ends)
    ready.callback(None)
    assert all(end.called for end in ends)
    result_of(idle.stop())


def test_a_failure_to_close_leaves_nothing_else_open(
    idle: Service, clock: Clock, notes: list[str], log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each failure is logged, and the service stops."""

    def fails() -> None:
        raise OSError("it does not close")

    doors = [Door("a", notes), Door("b", notes)]
    monkeypatch.setattr(doors[1], "close", fails)
    result_of(idle.start(clock, doors=doors))
    monkeypatch.setattr(idle, "save_all", fails)
    monkeypatch.setattr(idle.lifecycle.reloader, "stop", fails)
    result_of(idle.stop())
    assert notes[-2:] == ["a closes", "PostStop"]
    assert not idle.session.is_open
    assert len(log.take_failures()) == 3


def test_an_object_that_cannot_be_saved_is_logged(idle: Service, clock: Clock, log: Log) -> None:
    class Visit(Store):
        service = idle
        mood: Any = Field(None)

    result_of(idle.start(clock))
    Visit("first").mood = object()
    result_of(idle.stop())
    (logged,) = log.take_failures()
    assert "<Visit 'first'> was not saved" in logged


def test_a_client_who_connects_during_the_stop_is_told_and_closed(
    idle: Service, clock: Clock
) -> None:
    """The handshake of the door may have taken a while."""
    result_of(idle.start(clock))
    alice = Person(idle, clock)
    stopped = idle.stop()
    late = Person(idle, clock)
    assert late.screen == "The service is going down. Goodbye!\n"
    assert not late.client.connected
    alice.new_text()
    assert stopped.called
    later = Person(idle, clock)
    assert later.screen == "The service is going down. Goodbye!\n"
    assert idle.clients == ()


def test_after_the_stop_nothing_can_be_saved(idle: Service, clock: Clock) -> None:
    """Otherwise the store would be opened again, and locked until the process ends."""

    class Visit(Store):
        service = idle

    result_of(idle.start(clock))
    visit = Visit("first")
    result_of(idle.stop())
    with pytest.raises(StoreUnusable, match="has stopped"):
        visit.save()


def test_timers_run_from_the_start_to_the_stop(idle: Service, clock: Clock) -> None:
    rung: list[float] = []
    idle.every(10, lambda: rung.append(clock.seconds()))
    clock.advance(100)
    result_of(idle.start(clock))
    clock.pump([5, 5, 10])
    assert rung == [110, 120]
    result_of(idle.stop())
    clock.advance(100)
    assert rung == [110, 120]
    assert clock.getDelayedCalls() == []


def test_the_doors_are_asked_for_at_the_start(clock: Clock) -> None:
    """The settings that name them may change until then."""
    asked: list[Service] = []

    def doors(service: Service) -> Iterator[Door]:
        asked.append(service)
        yield Door("a", [])

    components = replace(Components.default, doors=doors, attachments=lambda _: ())
    service = Service(store="memory:", reload=False, components=components)
    result_of(service.start(clock))
    assert asked == [service]
    assert service.addresses == ("a nowhere:1",)
    result_of(service.stop())


@pytest.mark.parametrize("how", ["at the stop", "before"])
def test_an_async_listener_may_still_save_a_user_who_has_left(
    idle: Service, clock: Clock, how: str
) -> None:
    """The stores are closed when the listeners of ``Disconnect`` have ended."""

    class Visit(Store):
        service = idle

    work: Deferred[None] = Deferred()

    @idle.listen(events.Disconnect)
    async def disconnect(event: events.Disconnect) -> None:
        await work
        visit = Visit("first")
        visit.save()
        Visit.manager.remove_active(visit)

    result_of(idle.start(clock))
    alice = Person(idle, clock)
    if how == "before":
        alice.hangs_up()
    stopped = idle.stop()
    alice.new_text()
    assert not stopped.called
    backend: Any = idle.session.writer._backend
    work.callback(None)
    assert stopped.called
    assert set(backend._stores["visit"]) == {"first"}
    clock.advance(10)
    assert clock.getDelayedCalls() == []


def test_a_listener_of_disconnect_that_takes_too_long_is_not_waited_for(
    idle: Service, clock: Clock
) -> None:
    @idle.listen(events.Disconnect)
    async def disconnect(event: events.Disconnect) -> None:
        await Deferred()

    idle.configure(close_timeout=3.0)
    result_of(idle.start(clock))
    Person(idle, clock).hangs_up()
    stopped = idle.stop()
    clock.advance(2.9)
    assert not stopped.called
    clock.advance(0.2)
    assert stopped.called
    assert clock.getDelayedCalls() == []
