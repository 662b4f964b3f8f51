"""A process of a cluster: it stands by, becomes the primary, hands over, and ends when it is succeeded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.task import Clock

from cletus import Service, events
from cletus.cluster.bus import REQUESTS, TELLS, frames_for
from cletus.cluster.connect import bus_for
from cletus.cluster.gateway_service import NoReloader, gateway_service
from cletus.cluster.memory import MemoryBus, MemoryEngine
from cletus.cluster.primary import Primary, role_of
from cletus.cluster.relay import Relay
from cletus.errors import (
    ServiceStopped,
    SettingError,
    StoreClaimed,
    StoreLocked,
    UnknownStoreScheme,
)
from cletus.service.interfaces import Components
from cletus.service.lifecycle import State
from cletus.settings.settings import Settings
from cletus.storage import Field, Store
from cletus.storage.backends import urls
from cletus.storage.backends.memory import Memory
from cletus.testing import Log, MemoryDoor, StepClock

LEASE = Settings().cluster_lease


class Process:
    """One that runs the service if it is the primary.

    Attributes:
        ended: how often it was told to end at once.
        heard: lines that it has handled.
    """

    def __init__(self, house: House, **settings: Any) -> None:
        self.ended = 0
        self.heard: list[str] = []
        self.bus = MemoryBus(house.engine)
        components = Components(
            doors=lambda _service: (),
            reloader=NoReloader,
            run=lambda _service, _settings: None,
            cluster=lambda service: Primary(service, self.bus, self._end),
        )
        given = {"cluster": "valkey://localhost", "store": house.store, "line_rate": 0, **settings}
        self.service = Service(components=components, **given)
        self.service.stand_by()  # as ``cletus run`` does before the application is imported
        self.user = type("User", (Store,), {"service": self.service, "score": Field(0)})
        self.service.listen(events.Connect)(self._connected)
        self.service.listen(events.Receive)(self._received)
        self.started: list[Any] = []
        self._clock = house.clock

    def start(self) -> Process:
        self.service.start(self._clock).addBoth(self.started.append)
        return self

    def _connected(self, event: Any) -> None:
        event.client.user = self.user("ann")

    def _received(self, event: Any) -> None:
        self.heard.append(event.data)
        event.client.write(f"You said {event.data}")

    def _end(self) -> None:
        self.ended += 1
        self.bus.cut()

    @property
    def is_primary(self) -> bool:
        return self.service.lifecycle.state is State.RUNNING


class House:
    """An engine, a gateway, and the time.

    Attributes:
        gateway_bus: that of the latest gateway.
    """

    gateway_bus: MemoryBus

    def __init__(self) -> None:
        self.clock = StepClock()
        self.engine = MemoryEngine(self.clock)
        self.store = f"memory:house-{id(self)}"

    def process(self, **settings: Any) -> Process:
        return Process(self, **settings).start()

    def gateway(self) -> MemoryDoor:
        bus = self.gateway_bus = MemoryBus(self.engine)
        bus.open()
        service = gateway_service(lambda _service: (), line_rate=0)
        relay = Relay(service, bus, "g", incarnation=1)
        service.start(self.clock)
        self.advance(0.1)
        relay.open()
        self.advance(0.1)
        return MemoryDoor(service)

    def advance(self, seconds: float) -> None:
        for _ in range(max(1, round(seconds / 0.05))):
            self.clock.advance(0.05)

    def until(self, condition: Callable[[], Any]) -> None:
        for _ in range(1000):
            if condition():
                return
            self.clock.advance(0.05)
        raise AssertionError("it does not come true")


@pytest.fixture
def house(log: Log) -> House:
    return House()


def test_a_standby_starts_when_there_is_no_primary(house: House) -> None:
    """Nothing of it runs before; not even ``PreStart``."""
    first = house.process()
    house.until(lambda: first.is_primary)
    second = Process(house)
    begun: list[Any] = []
    second.service.listen(events.PreStart)(begun.append)
    second.start()
    house.advance(20)
    assert not second.is_primary
    assert not begun
    assert second.service.lifecycle.doors == []
    first.bus.cut()
    house.advance(7)
    assert second.is_primary
    assert len(begun) == 1


def test_a_process_stands_by_when_the_others_know_of_it(house: House, log: Log) -> None:
    """Not before: a primary that stops then would not hand over."""
    house.engine.stop()
    first = house.process()
    house.advance(5)
    assert "Standing by" not in log.text
    house.engine.start()
    house.until(lambda: first.is_primary)
    assert log.text.index("Standing by") < log.text.index("is the primary now")


def test_a_standby_has_imported_what_its_store_needs(house: House) -> None:
    """So a takeover does not wait for it, and what is not installed is noticed before it is needed."""
    house.store = "nowhere:talker"
    with pytest.raises(UnknownStoreScheme):
        Process(house)


def test_c3_gateways_that_know_of_a_later_epoch_go_on(house: House) -> None:
    """The engine comes back empty with its clock set back by an hour, and the primary is lost with it."""
    house.engine.ahead = 3600.0
    first, second = house.process(), house.process()
    house.until(lambda: first.is_primary)
    ann = house.gateway().connect()
    ann.says("one")
    house.until(lambda: first.heard)
    first.bus.cut()
    house.engine.forget()
    house.engine.ahead = 0.0
    ann.says("two")
    house.until(lambda: second.heard)
    house.advance(2)
    ann.says("three")
    house.until(lambda: "You said three" in ann.transcript)
    assert second.heard == ["two", "three"]
    assert second.ended == 0
    first.bus.mend()
    house.until(lambda: first.ended)


def test_people_at_gateways_stay_when_a_primary_is_lost(house: House) -> None:
    """What they type meanwhile comes once, in order; the first one is told to end when it is heard again."""
    first, second = house.process(), house.process()
    house.until(lambda: first.is_primary)
    ann = house.gateway().connect()
    house.advance(1)
    ann.says("one")
    house.until(lambda: first.heard)
    first.bus.cut()
    ann.says("two")
    ann.says("three")
    house.until(lambda: len(second.heard) == 2)
    assert first.heard == ["one"]
    assert second.heard == ["two", "three"]
    house.until(lambda: "You said three" in ann.transcript)
    assert ann.connected
    first.bus.mend()
    house.until(lambda: first.ended)
    assert first.ended == 1


def test_c5_c11_a_primary_that_has_hung_does_nothing_before_it_knows_that_it_is_the_primary(
    house: House,
) -> None:
    """Neither timers nor waiting code nor lines that had come before: it may have been succeeded."""
    first, second = house.process(), house.process()
    house.until(lambda: first.is_primary)
    ann = house.gateway().connect()
    ann.says("before")
    house.until(lambda: first.heard)
    done: list[str] = []
    first.service.call_later(1.0, done.append, "timer")
    first.service.clock.callLater(1.0, done.append, "call")
    Clock.advance(house.clock, 3.0)  # it hangs, for less than its lease
    assert done == ["timer", "call"]
    first.bus.cut()
    first.service.call_later(LEASE + 1, done.append, "late timer")
    first.service.clock.callLater(LEASE + 1, done.append, "late call")
    house.until(lambda: second.is_primary)
    ann.says("late")
    house.until(lambda: second.heard)
    first.bus.mend()
    Clock.advance(house.clock, 1.0)
    house.advance(1)
    assert first.ended == 1
    assert done == ["timer", "call"]
    assert (first.heard, second.heard) == (["before"], ["late"])


def test_c5_a_line_that_had_come_before_a_hang_is_not_handled_before_that_is_known(
    house: House,
) -> None:
    """It was read from the engine with another, in whose handling the process hangs."""
    first, second = house.process(), house.process()
    house.until(lambda: first.is_primary)
    ann = house.gateway().connect()

    def hang(event: events.Receive) -> None:
        if event.data == "one":
            first.bus.cut()
            house.clock.rightNow += LEASE + 1

    first.service.listen(events.Receive)(hang)
    ann._wire.put(b"one\r\ntwo\r\n")
    house.until(lambda: second.heard)
    first.bus.mend()
    house.advance(1)
    assert first.ended == 1
    assert (first.heard, second.heard) == (["one"], ["one", "two"])


def test_c11_what_was_due_while_the_engine_was_away_is_done_when_it_is_back(house: House) -> None:
    """Late, once; by the same primary."""
    first = house.process()
    house.until(lambda: first.is_primary)
    done: list[str] = []
    house.engine.stop()
    house.advance(5)
    first.service.call_later(2.0, done.append, "timer")
    first.service.clock.callLater(2.0, done.append, "call")
    house.advance(10)
    assert done == []
    house.engine.start()
    house.advance(1)
    assert done == ["timer", "call"]
    assert first.is_primary


def test_what_gateways_have_not_confirmed_is_counted(house: House) -> None:
    """It goes down when they have shown it."""
    first = house.process()
    unconfirmed = first.service.metrics.gauge("cletus_cluster_unconfirmed_bytes", "")
    house.until(lambda: first.is_primary)
    ann = house.gateway().connect()
    house.advance(3)
    house.gateway_bus.cut()
    first.service.write_all("news" * 1000)
    house.advance(2)
    assert unconfirmed.value > 4000
    house.gateway_bus.mend()
    house.advance(3)
    assert "news" in ann.transcript
    assert unconfirmed.value < 100


def test_a_primary_that_was_lost_is_not_listed_as_another_one(house: House) -> None:
    """It is named as lost as long as it is remembered."""
    first, second = house.process(), house.process()
    house.until(lambda: first.is_primary)
    first.bus.cut()
    house.until(lambda: second.is_primary)
    house.advance(1)
    members: list[Any] = []
    second.service.lifecycle.cluster.members().addCallback(members.extend)
    house.until(lambda: members)
    assert sorted(member["role"] for member in members) == ["lost primary", "primary"]


def test_c11_code_that_other_libraries_call_can_wait_until_the_engine_has_confirmed(
    house: House,
) -> None:
    """By ``service.sleep(0)``; and what it saves in the background waits by itself."""
    first = house.process()
    house.until(lambda: first.is_primary)
    done: list[str] = []
    house.engine.stop()
    house.advance(LEASE + 1)
    first.service.sleep(0).addCallback(lambda _: done.append("slept"))
    first.user("ann").save_soon().addCallback(lambda _: done.append("saved"))
    house.advance(5)
    assert done == []
    house.engine.start()
    house.until(lambda: len(done) == 2)
    assert first.is_primary


def test_a_primary_that_stops_hands_over(house: House) -> None:
    """Nobody is disconnected or told good-bye, and the standby goes on at once."""
    first, second = house.process(), house.process()
    house.until(lambda: first.is_primary)
    ann = house.gateway().connect()
    ann.says("hello")
    house.until(lambda: first.heard)
    house.advance(2)
    first.service.stop()
    ann.says("again")
    house.advance(1)
    assert first.service.lifecycle.state is State.STOPPED
    assert second.is_primary
    assert first.ended == 0
    house.until(lambda: second.heard)
    assert ann.connected
    assert "going down" not in ann.transcript
    assert (first.heard, second.heard) == (["hello"], ["again"])


@pytest.mark.parametrize("answers", [True, False])
def test_c8_a_handover_waits_for_a_gateway_that_lacks_something(
    house: House, answers: bool
) -> None:
    """It is to say first where it is: nobody else knows what has to be sent again. But not for ever."""
    first, second = house.process(), house.process()
    house.until(lambda: first.is_primary)
    ann = house.gateway().connect()
    house.advance(1)
    link = first.service.lifecycle.cluster.door.ledger.links["g"]
    house.engine.delay = 0.2
    sent = house.engine.memory.streams[frames_for("g")]
    ann.says("one")
    house.until(lambda: sent and b"You said one" in sent[-1].data)
    house.engine.drop(frames_for("g"))
    ann.says("two")
    house.until(lambda: not link.is_greeted)
    if not answers:
        house.gateway_bus.cut()
    first.service.stop()
    house.until(lambda: second.is_primary)
    house.gateway_bus.mend()
    house.advance(10)
    ann.says("three")
    house.until(lambda: "You said three" in ann.transcript)
    assert second.heard[-1] == "three"
    if answers:
        assert first.heard + second.heard == ["one", "two", "three"]
        assert [ann.transcript.count(f"You said {line}") for line in ("one", "two")] == [1, 1]


def test_gateways_are_heard_before_requests_are(house: House) -> None:
    """A connection that waits for one stream at the engine waits up to half a second before it asks for two."""
    first = Process(house)
    streams: list[str] = []
    read = first.bus.read
    first.bus.read = lambda stream, receive: (  # type: ignore[method-assign]
        streams.append(stream),
        read(stream, receive),
    )[1]
    first.start()
    house.until(lambda: first.is_primary)
    house.advance(0.1)
    assert streams == [TELLS, REQUESTS]


def test_the_last_one_says_good_bye(house: House) -> None:
    only = house.process()
    house.until(lambda: only.is_primary)
    ann = house.gateway().connect()
    house.advance(1)
    only.service.stop()
    house.until(lambda: only.service.lifecycle.state is State.STOPPED)
    house.until(lambda: not ann.connected)
    assert "going down" in ann.transcript


def test_a_stop_does_not_wait_for_an_engine_that_is_away(house: House) -> None:
    only = house.process()
    house.until(lambda: only.is_primary)
    house.engine.stop()
    only.service.stop()
    house.advance(10)
    assert only.service.lifecycle.state is State.STOPPED


def test_c16_what_waits_for_an_engine_that_is_away_does_not_grow(house: House) -> None:
    """Whether a process is the primary or stands by, and whoever is connected."""
    first, second = house.process(), house.process()
    house.until(lambda: first.is_primary)
    house.advance(2)
    house.engine.stop()
    house.advance(60)
    before = first.bus.waiting, second.bus.waiting
    house.advance(600)
    assert (first.bus.waiting, second.bus.waiting) == before


def test_a_standby_can_be_stopped(house: House) -> None:
    """The primary stays."""
    first = house.process()
    house.until(lambda: first.is_primary)
    second = house.process()
    house.advance(1)
    second.service.stop()
    house.advance(10)
    assert second.service.lifecycle.state is State.STOPPED
    assert first.is_primary
    assert first.ended == 0


def test_nodes_tell_who_is_what(house: House) -> None:
    first, second = house.process(), house.process()
    house.until(lambda: first.is_primary)
    house.gateway().connect()
    house.advance(2)
    nodes: list[Any] = []
    first.bus.nodes().addCallback(nodes.extend)
    house.advance(0.1)
    roles = {role.role: role for role in map(role_of, nodes) if role is not None}
    assert len(nodes) == 3
    assert set(roles) == {"primary", "standby"}
    assert (roles["primary"].people, roles["standby"].people) == (1, 0)
    assert roles["primary"].epoch > roles["standby"].epoch == 0
    del second


def test_a_primary_knows_whether_it_goes_on(house: House) -> None:
    """``TakenOver`` comes after ``PostStart``; the very first one gets none."""
    processes = [Process(house) for _ in range(3)]
    fired: list[list[Any]] = [[], [], []]
    for process, its in zip(processes, fired, strict=True):
        process.service.listen(events.PostStart)(its.append)
        process.service.listen(events.TakenOver)(its.append)
    first, second, third = processes
    first.start()
    house.until(lambda: first.is_primary)
    second.start()
    house.advance(2)
    first.service.stop()
    house.until(lambda: second.is_primary)
    third.start()
    house.advance(2)
    second.bus.cut()
    house.until(lambda: third.is_primary)
    house.advance(0.1)
    assert [type(event).__name__ for event in fired[0]] == ["PostStart"]
    for its, planned in ((fired[1], True), (fired[2], False)):
        assert [type(event).__name__ for event in its] == ["PostStart", "TakenOver"]
        assert its[1].planned is planned
    read = [
        dict(process.service.metrics.counter("cletus_cluster_takeovers", "").read())
        for process in processes
    ]
    assert [list(one.values()) for one in read] == [[0], [1], [1]]


def test_the_engine_s_silence_is_measured(house: House) -> None:
    first = house.process()
    house.until(lambda: first.is_primary)
    house.advance(2)
    silence = first.service.metrics.gauge("cletus_cluster_silence_seconds", "")
    assert dict(silence.read()) == {(): 0.0}
    house.engine.stop()
    house.advance(10)
    ((_, seconds),) = silence.read()
    assert 8 < seconds < 11


def test_who_ended_long_ago_is_forgotten(house: House) -> None:
    """Else each crash would stay in the list of processes for ever."""
    first = house.process()
    house.until(lambda: first.is_primary)
    first.bus.cut()
    house.advance(70)
    second = house.process()
    house.until(lambda: second.is_primary)
    house.advance(1)
    nodes: list[Any] = []
    second.bus.nodes().addCallback(nodes.extend)
    house.advance(0.1)
    assert len(nodes) == 1
    assert second.service.lifecycle.cluster.takeover is None


# -- the store ----------------------------------------------------------------------------------


class Claimed(Memory):
    """A store whose epochs are noted, and which may be locked."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[int] = []
        self.locked = self.later = 0

    def claim(self, epoch: int) -> None:
        if epoch < self.later:
            raise StoreClaimed("here", self.later, epoch)
        if self.locked:
            self.locked -= 1
            raise StoreLocked("here", 7)
        self.epochs.append(epoch)
        self.open()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Claimed:
    store = Claimed()
    monkeypatch.setattr(urls, "backend_for", lambda _settings: store)
    return store


def test_c5_the_store_is_claimed_with_the_epoch(house: House, store: Claimed) -> None:
    first = house.process()
    house.until(lambda: first.is_primary)
    assert store.epochs == [first.service.lifecycle.cluster.tenancy.epoch]


def test_a_store_that_the_one_before_still_has_is_waited_for(house: House, store: Claimed) -> None:
    """As of a primary that hangs, and has its folder locked."""
    store.locked = 3
    first = house.process()
    house.advance(2)
    assert not first.is_primary
    house.advance(3)
    assert first.is_primary


def test_c5_a_store_of_a_later_epoch_is_claimed_anew(house: House, store: Claimed) -> None:
    """As after the engine has lost its memory, and its clock was set back; if this still is the primary."""
    store.later = 10**12
    first = house.process()
    house.until(lambda: first.is_primary)
    assert store.epochs == [first.service.lifecycle.cluster.tenancy.epoch]
    assert store.epochs[0] > store.later
    assert first.ended == 0


def test_what_a_module_has_read_is_read_again(house: House) -> None:
    """It was imported in a standby long before; what it saved under a new name is saved."""
    first, second = Process(house), Process(house)
    ann = first.user("ann")
    ann.score = 1
    first.start()
    house.until(lambda: first.is_primary)
    ann.save()
    standby = second.user("ann")
    standby.load()
    assert standby.score == 1
    second.user("bob").save()
    assert first.user.manager.keys() == ["ann"], "nothing is saved by a standby"
    ann.score = 2
    ann.save()
    second.start()
    first.bus.cut()
    house.until(lambda: second.is_primary)
    assert standby.score == 2
    assert sorted(second.user.manager.saved()) == ["ann", "bob"]


def test_a_tool_that_does_not_stand_by_saves(house: House) -> None:
    """``cletus user`` while nothing runs, with the same settings."""
    service = Service(cluster="valkey://localhost", store=house.store)
    user = type("User", (Store,), {"service": service, "score": Field(0)})
    user("ann").save()
    documents = service.session.writer.backend  # they are there as long as somebody holds them
    service.session.close()
    again = Service(cluster="valkey://localhost", store=house.store)
    assert type("User", (Store,), {"service": again, "score": Field(0)}).manager.keys() == ["ann"]
    again.session.close()
    del documents


# -- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"cluster": "http://x"}, "'cluster' is not a URL such as"),
        (
            {"cluster": "valkey://db"},
            "'cluster_key' is needed, since `cluster` names another machine",
        ),
        ({"cluster": "valkey://db", "cluster_key": "x"}, "'cluster_key' is not 32 bytes in base64"),
        ({"cluster": "valkey://localhost", "cluster_name": "a b"}, "'cluster_name' is needed here"),
        ({"cluster": "valkey://localhost"}, "'cluster_name' is needed here"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, str], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        bus_for(Settings(**settings), reactor, "")


def test_the_right_ones_make_a_bus() -> None:
    bus_for(Settings(cluster="valkey://localhost"), reactor, "talker")
    key = "A" * 43 + "="
    bus_for(Settings(cluster="valkeys://db", cluster_key=key, cluster_name="t"), reactor, "")


def test_a_start_that_was_stopped_says_so(house: House) -> None:
    first = house.process()
    first.service.stop()
    house.advance(1)
    house.until(lambda: first.started)
    assert first.started[0].check(ServiceStopped)
