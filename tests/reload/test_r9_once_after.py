"""R9: a reload asked for during a reload happens after it, once."""

from __future__ import annotations

import pytest

from cletus import events
from cletus.errors import ServiceStateError


def test_a_module_body_that_asks_for_a_reload_gets_one_afterwards_not_for_ever(run):
    app = run(
        talk="""
        from APP.core import service
        if service.reload_wanted > 0:
            service.reload_wanted -= 1
            service.reload()
            service.reload()
    """,
        core="""
        from cletus import Service
        service = Service()
        service.reload_wanted = getattr(service, "reload_wanted", 0)
    """,
    )
    app.service.reload_wanted = 1
    app.reload()
    for _ in range(10):
        app.clock.advance(0)
    assert app.service.session.generation == 2


def test_those_who_ask_before_it_begins_share_one_reload(run):
    app = run()
    reports = []
    for _ in range(3):
        app.service.reload().addCallback(reports.append)
    for _ in range(10):
        app.clock.advance(0)
    assert len(reports) == 3
    assert reports[0] is reports[1] is reports[2]
    assert app.service.session.generation == 1


def test_those_who_ask_during_it_share_the_next_one(run):
    app = run()
    first, later = [], []

    def ask(_event):
        if not later:
            for _ in range(3):
                app.service.reload().addCallback(later.append)
            later.append("asked")

    app.service.listen(events.PreReload)(ask)
    app.service.reload().addCallback(first.append)
    for _ in range(20):
        app.clock.advance(0)
    assert app.service.session.generation == 2
    assert first[0].generation == 1
    assert [report.generation for report in later[1:]] == [2, 2, 2]


def test_an_ask_from_a_listener_of_post_reload_and_from_a_command_is_done_after(run):
    app = run(
        talk="""
        from cletus import events
        from APP.core import service
        @service.listen(events.Receive)
        def receive(event):
            before = service.session.generation
            service.reload()
            event.client.write(before == service.session.generation)
    """
    )
    bob = app.person()
    assert bob.types("reload") == "True\n"
    for _ in range(5):
        app.clock.advance(0)
    assert app.service.session.generation == 1


def test_a_reload_that_is_under_way_when_the_service_stops_is_given_up(run):
    app = run()
    reports = []
    app.service.reload().addCallback(reports.append)
    app.service.stop()
    app.clock.advance(0)
    assert [report.ok for report in reports] == [False]
    assert app.service.session.generation == 0


def test_who_asks_when_told_that_one_was_refused_gets_the_report_of_the_next(run):
    app = run()
    asked, reports = [], []

    def again(_event):
        if not asked:
            asked.append(app.service.reload().addCallback(reports.append))

    app.service.listen(events.ReloadFailed)(again)
    assert not app.reload(core=lambda text: text + "1/0").ok
    for _ in range(10):
        app.clock.advance(0)
    assert [report.ok for report in reports] == [True]


def test_a_service_that_has_stopped_reloads_no_more_and_says_so(run):
    """A Deferred that never fires would be no answer."""
    app = run()
    app.service.stop()
    with pytest.raises(ServiceStateError):
        app.service.reload()
    with pytest.raises(ServiceStateError):
        app.service.rollback()
