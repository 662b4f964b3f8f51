"""The service: settings, clients, threads. Start and stop are in test_lifecycle.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.task import Clock
from zope.interface import implementer

from cletus import Service, Settings, events
from cletus.errors import ServiceStateError, SettingError, TimerError
from cletus.service.application import Application
from cletus.service.construction import Loading, constructing
from cletus.storage import Field, Store, TempStoreMixin
from cletus.testing import Person
from tests.conftest import Log, result_of

Come = Callable[..., Person]


def test_settings_are_given_to_the_constructor_or_later() -> None:
    service = Service(port=1, store="memory:")
    assert service.configure(port=2).port == 2
    assert (service.settings.port, service.settings.store) == (2, "memory:")


def test_an_application_may_have_settings_of_its_own() -> None:
    class Ours(Settings, frozen=True, kw_only=True):
        motto: str = "be kind"

    service = Service(Ours, port=1)
    service.configure(motto="be brave")
    assert service.settings.motto == "be brave"  # type: ignore[attr-defined]  # of Ours


def test_an_unknown_setting_names_the_nearest_and_changes_nothing() -> None:
    service = Service(port=1)
    with pytest.raises(SettingError, match=r"service.configure\(\).*'prot'.*did you mean 'port'"):
        service.configure(port=2, prot=3)
    assert service.settings.port == 1


def test_the_store_cannot_be_changed_once_a_module_has_used_it() -> None:
    """Its objects would be loaded from one store and saved to another."""
    service = Service(store="memory:")
    _ = service.session.writer
    service.configure(port=1, store="memory:")
    with pytest.raises(SettingError, match=r"service.run\(\): setting 'store' is 'memory:'"):
        service.set("service.run()", {"store": "elsewhere"})
    assert service.settings.store == "memory:"
    assert service.configure(port=2).store == "memory:", "what was refused is forgotten"


def test_a_service_that_is_loaded_is_configured_before_a_module_uses_it() -> None:
    """That is how ``cletus run`` tells a service its options."""
    loading = Loading(Application(), lambda service: service.set("command line", {"port": 3}))
    with constructing(loading):
        assert Service(port=1).settings.port == 3
    assert Service(port=1).settings.port == 1


def test_clients_are_listed_in_the_order_of_connecting(service: Service, come: Come) -> None:
    people = [come(service) for _ in range(3)]
    assert service.clients == tuple(person.client for person in people)
    people[1].hangs_up()
    assert service.clients == (people[0].client, people[2].client)


def test_a_client_is_not_listed_any_more_when_its_disconnect_is_fired(
    service: Service, come: Come
) -> None:
    seen: list[tuple[object, ...]] = []
    service.listen(events.Disconnect)(lambda event: seen.append(service.clients))
    come(service).hangs_up()
    assert seen == [()]


def test_connecting_and_disconnecting_are_logged_with_address_and_reason(
    service: Service, come: Come, log: Log
) -> None:
    come(service, "192.0.2.1:4000").hangs_up("connection lost")
    assert log.lines == [
        "<Client 1 memory 192.0.2.1:4000> connected",
        "<Client 1 memory 192.0.2.1:4000> disconnected: connection lost",
    ]


def test_before_its_start_nothing_can_be_reloaded() -> None:
    with pytest.raises(ServiceStateError, match="idle"):
        Service().reload()


def test_it_persists_and_carries_attributes_of_the_application(service: Service) -> None:
    service.motto = "be kind"  # type: ignore[attr-defined]  # what applications do
    assert service.attachments() == {"motto": "be kind"}


def test_a_call_in_a_thread_is_made_at_once_where_there_are_none(service: Service) -> None:
    assert result_of(service.run_in_thread(divmod, 7, 2)) == (3, 1)
    failed = service.run_in_thread(divmod, 7, 0)
    with pytest.raises(ZeroDivisionError):
        result_of(failed)
    assert result_of(Service().run_in_thread(divmod, 7, 2)) == (3, 1), "nor before the start"


@implementer(IReactorThreads)
class Threaded(Clock):
    """A clock with a thread pool whose calls the test makes."""

    def __init__(self) -> None:
        super().__init__()
        self.in_threads: list[Callable[[], object]] = []

    def getThreadPool(self) -> Threaded:
        return self

    def callInThreadWithCallback(
        self, done: Callable[..., Any], call: Callable[..., Any], *args: Any
    ) -> None:
        self.in_threads.append(lambda: done(True, call(*args)))

    def callFromThread(self, call: Callable[..., Any], *args: Any) -> None:
        self.callLater(0, call, *args)


def test_a_call_in_a_thread_does_not_block() -> None:
    service, reactor = Service(), Threaded()
    service.reactor = reactor
    done = service.run_in_thread(divmod, 7, 2)
    assert not done.called
    (work,) = reactor.in_threads
    work()
    assert not done.called, "the answer comes back in the reactor's thread"
    reactor.advance(0)
    assert result_of(done) == (3, 1)


def test_saving_all_saves_every_store_but_temporary_ones(start: Callable[..., Service]) -> None:
    home = start()

    class Room(Store):
        service = home

    class Visitor(TempStoreMixin, Store):
        service = home

    Room("hall")
    Room("yard")
    Visitor("bob")
    assert home.save_all() == []
    assert sorted(Room.manager.keys()) == ["hall", "yard"]


def test_an_object_that_cannot_be_saved_is_listed_and_the_others_are_saved(
    start: Callable[..., Service], log: Log
) -> None:
    """Whatever its fields raise."""
    home = start()

    class Stubborn(Field[int]):
        def serialise(self, obj: Any, name: str) -> Any:
            raise RuntimeError("I will not")

    class Mule(Store):
        mood = Stubborn(0)
        service = home

    class Horse(Store):
        mood = Field(0)
        service = home

    Mule("a")
    Horse("b")
    (failed,) = home.save_all()
    assert "Mule" in str(failed)
    assert "I will not" in str(failed)
    assert Horse.manager.keys() == ["b"]
    result_of(home.stop())
    assert "I will not" in log.take_failures()[0]


def test_an_application_may_have_a_log_of_its_own_on_the_service(
    start: Callable[..., Service], come: Come
) -> None:
    service = start()
    service.log = []  # type: ignore[attr-defined]  # an attachment
    come(service).hangs_up()
    assert service.clients == ()


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan")])
def test_only_a_finite_time_can_be_slept(service: Service, seconds: float) -> None:
    with pytest.raises(TimerError):
        service.sleep(seconds)


def test_a_sleep_that_is_cancelled_leaves_no_call_behind(service: Service, clock: Clock) -> None:
    before = len(clock.getDelayedCalls())
    slept = service.sleep(5).addErrback(lambda _: None)
    assert len(clock.getDelayedCalls()) == before + 1
    slept.cancel()
    assert len(clock.getDelayedCalls()) == before
