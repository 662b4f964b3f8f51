"""How ``Service()`` is answered while an application is imported for the first time, and again."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from cletus import Service, Settings
from cletus.service.application import Application
from cletus.service.construction import (
    Loading,
    Rebuild,
    constructing,
    current_loading,
    current_rebuild,
)
from cletus.service.interfaces import Components


def test_a_loaded_service_is_told_its_settings_and_is_not_run() -> None:
    """Whoever loads it runs it; what ``service.run()`` was given is not lost."""
    new: list[Service] = []
    components = Components(
        doors=lambda _: (),
        reloader=lambda _: pytest.fail("it reloads"),
        run=lambda *_: pytest.fail("it ran"),
    )
    with constructing(Loading(Application(), new.append)):
        service = Service(components=components)
        assert new == [service]
        service.run(port=4)
    assert service.settings.port == 4


def test_outside_of_an_import_it_is_run_by_its_components() -> None:
    calls: list[Any] = []
    components = Components(
        doors=lambda _: (),
        reloader=lambda _: pytest.fail("it reloads"),
        run=lambda *call: calls.append(call),
    )
    service = Service(components=components)
    service.run(port=4)
    assert calls == [(service, {"port": 4})]


def test_a_rebuild_gives_the_running_service_back_and_stages_its_settings() -> None:
    service = Service()
    rebuild = Rebuild(service)
    with constructing(rebuild):
        assert Service(port=2) is service
        service.run(port=3)
        service.configure(line_max=7)
    assert service.settings == Settings()
    staged = rebuild.sources.settings()
    assert (staged.port, staged.line_max) == (2, 7)


def test_the_innermost_construction_holds() -> None:
    service = Service()
    with constructing(Loading(Application(), lambda _: None)):
        with constructing(Rebuild(service)):
            assert current_loading() is None
            assert current_rebuild() is not None
        assert current_loading() is not None
    assert current_loading() is None


def test_a_coroutine_that_goes_on_after_the_import_is_no_part_of_it() -> None:
    """It keeps the context variables of its start for ever."""
    service = Service()
    ready: Deferred[None] = Deferred()
    made: list[Service] = []

    async def start() -> None:
        await ready
        service.configure(port=5)
        made.append(Service())

    with constructing(Rebuild(service)):
        Deferred.fromCoroutine(start())
    ready.callback(None)
    assert service.settings.port == 5
    assert made[0] is not service
