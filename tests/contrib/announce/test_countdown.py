"""Counting down."""

from __future__ import annotations

import pytest
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReactorCore
from twisted.internet.task import Clock
from zope.interface import implementer

from cletus.contrib.announce import BaseCountdown, countdown
from cletus.contrib.announce.countdown import _stop
from cletus.service.lifecycle import State
from cletus.testing import assert_survives_reload

CODE = """
    from cletus import events
    from cletus.contrib.announce import BaseCountdown, BaseShutdown
    from cletus.storage import TempStoreMixin
    from APP.core import service

    class Bell(TempStoreMixin, BaseCountdown):
        service = service

        def finished(self):
            service.write_all("DONG")

    class Shutdown(TempStoreMixin, BaseShutdown):
        service = service
"""


@pytest.fixture
def app(run):
    app = run(code=CODE)
    app.ann = app.person()
    app.bell = app.store("bell")("bell")
    return app


def wait(app, seconds):
    """Second by second, as time goes."""
    for _ in range(seconds):
        app.clock.advance(1)
    return app.ann.new_text().splitlines()


def test_the_end_is_announced_more_and_more_often(app):
    app.bell.start(150, "tea")
    assert app.ann.new_text() == "*** In 2 minutes and 30 seconds: tea ***\n"
    assert wait(app, 29) == []
    assert wait(app, 1) == ["*** In 2 minutes: tea ***"]
    assert wait(app, 60) == ["*** In 1 minute: tea ***"]
    assert wait(app, 50) == ["*** In 30 seconds: tea ***", "*** In 10 seconds: tea ***"]
    assert wait(app, 9) == [
        "*** In 5 seconds: tea ***",
        "*** In 4 seconds: tea ***",
        "*** In 3 seconds: tea ***",
        "*** In 2 seconds: tea ***",
        "*** In 1 second: tea ***",
    ]
    assert wait(app, 1) == ["DONG"]
    assert not app.bell.is_running
    assert wait(app, 100) == []


def test_it_can_be_called_off(app):
    app.bell.start(60)
    assert app.bell.cancel()
    assert app.ann.new_text().endswith("*** Cancelled: bell ***\n")
    assert not app.bell.cancel()
    assert wait(app, 100) == []


def test_a_new_start_replaces_the_one_before(app):
    app.bell.start(60)
    app.bell.start(600)
    app.ann.new_text()
    assert wait(app, 299) == []
    assert app.bell.remaining == 301


def test_at_once_is_without_announcement(app):
    app.bell.start(0)
    assert wait(app, 1) == ["DONG"]


def test_a_reload_touches_no_time_and_the_new_code_ends_it(app):
    app.bell.start(100)
    app.clock.advance(45.5)
    assert_survives_reload(app.service, app.bell)
    report = app.reload(code=lambda text: text.replace("DONG", "DING"))
    assert report.ok
    assert not report.holders
    app.ann.new_text()
    app.clock.advance(24.4)
    assert app.ann.new_text() == ""
    app.clock.advance(0.2)
    assert app.ann.new_text() == "*** In 30 seconds: bell ***\n"
    assert wait(app, 30)[-1] == "DING"
    assert app.ann.screen.count("DING") == 1


def test_called_off_after_a_reload_it_is_off(app):
    app.bell.start(100)
    app.reload()
    app.active("bell")["bell"].cancel()
    app.ann.new_text()
    assert wait(app, 200) == []


def test_a_shutdown_stops_the_service(app):
    shutdown = app.store("shutdown")("now")
    shutdown.start(5, "spring cleaning")
    assert wait(app, 1)[0] == "*** Shutdown in 5 seconds (spring cleaning). ***"
    wait(app, 10)
    assert app.ann.sees("The service is going down. Goodbye!")
    assert app.service.state is State.STOPPED


def test_the_process_ends_with_its_reactor():
    class Reactor(Clock):
        stopped = False

        def stop(self):
            self.stopped = True

    reactor = implementer(IReactorCore)(Reactor)()
    _stop(reactor)
    assert reactor.stopped
    _stop(Clock())


def test_a_reactor_that_is_stopping_already_is_no_error():
    """Under ``cletus run``, the end of the service stops the reactor as well."""

    @implementer(IReactorCore)
    class Stopping:
        def stop(self):
            raise ReactorNotRunning

    _stop(Stopping())


def test_a_countdown_must_say_what_it_ends_in(app):
    with pytest.raises(NotImplementedError):
        BaseCountdown.finished(app.bell)


def test_a_planned_shutdown_is_in_the_audit_log(app, monkeypatch):
    lines = []
    monkeypatch.setattr(
        countdown, "audit", lambda *facts, outcome="": lines.append((*facts, outcome))
    )
    shutdown = app.store("shutdown")("planned")
    shutdown.start(300, "tea")
    shutdown.cancel()
    shutdown.cancel()
    assert lines == [("shutdown planned", "in 5 minutes", "tea"), ("shutdown cancelled", "")]
