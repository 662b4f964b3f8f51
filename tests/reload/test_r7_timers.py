"""R7: timers keep their remaining time and fire once."""

from __future__ import annotations

from functools import partial

import pytest

from cletus.errors import TimerError

CLOCKS = """
    from cletus.contrib.users import BaseUser
    from cletus.storage import Field
    from APP.core import service

    class User(BaseUser):
        service = service
        woken = Field(0, session=True)
        def wake_up(self, word):
            self.woken += 1
            rang.append((word, self.key, GENERATION))

    GENERATION = 1
    rang = service.rang = getattr(service, "rang", [])

    @service.every(10)
    def tick():
        rang.append(("tick", GENERATION))

    def once(word):
        rang.append((word, GENERATION))

    service.call_later(7, once, "from the import")
"""


@pytest.fixture
def app(run):
    app = run(clocks=CLOCKS)
    app.generation = 1
    return app


def reload(app, change=lambda text: text):
    app.generation += 1
    n = app.generation
    report = app.reload(
        clocks=lambda text: change(text).replace(f"GENERATION = {n - 1}", f"GENERATION = {n}")
    )
    assert report.ok, str(report)
    return report


def rang(app):
    found = list(app.service.rang)
    app.service.rang.clear()
    return found


def test_a_call_due_later_is_made_when_it_was_due_once_in_the_new_code(app):
    bob = app.store("user")("bob")
    app.service.call_later(5, bob.wake_up, "hello")
    app.clock.advance(3)
    reload(app)
    reload(app)
    app.clock.advance(1.9)
    assert rang(app) == []
    app.clock.advance(0.1)
    assert rang(app) == [("hello", "bob", 3)]
    app.clock.advance(100)
    assert ("hello", "bob", 3) not in rang(app)
    assert app.active("user")["bob"].woken == 1


def test_what_is_in_a_partial_and_in_arguments_is_of_the_new_code(app):
    once = app.module("clocks").once
    app.service.call_later(5, partial(once, "partial"))
    app.service.call_later(5, map_all, [once], "list")
    app.clock.advance(3)
    reload(app)
    app.clock.advance(2)
    assert rang(app) == [("partial", 2), ("list", 2)]


def map_all(functions, word):
    for function in functions:
        function(word)


def test_a_repeating_call_keeps_its_phase_over_reloads(app):
    app.clock.advance(6)
    reload(app)
    app.clock.advance(3.9)
    assert ("tick", 2) not in app.service.rang
    app.clock.advance(0.1)
    reload(app)
    app.clock.pump([10] * 3)
    assert [one for one in rang(app) if one[0] == "tick"] == [("tick", 2)] + [("tick", 3)] * 3


def test_no_ghost_of_a_repeating_call_ticks_beside_it(app):
    for _ in range(5):
        app.clock.advance(1)
        reload(app)
    app.clock.advance(5)
    assert [one for one in rang(app) if one[0] == "tick"] == [("tick", 6)]
    assert len(app.clock.getDelayedCalls()) == 1


def test_another_interval_starts_anew(app):
    app.clock.advance(6)
    reload(app, lambda text: text.replace("service.every(10)", "service.every(8)"))
    app.clock.advance(7.9)
    assert ("tick", 2) not in app.service.rang
    app.clock.advance(0.1)
    assert ("tick", 2) in rang(app)


def test_a_repeating_call_that_the_new_code_lacks_is_cancelled(app):
    reload(app, lambda text: text.replace("@service.every(10)\n", ""))
    app.clock.pump([10] * 3)
    assert [one for one in rang(app) if one[0] == "tick"] == []


def test_a_call_that_the_module_body_asks_for_is_not_doubled_while_it_is_due(app):
    app.clock.advance(5)
    reload(app)
    app.clock.advance(2)
    assert rang(app) == [("from the import", 2)]


def test_a_target_that_is_gone_is_reported_and_dropped(app):
    app.service.call_later(5, app.module("clocks").once, "gone")
    report = reload(
        app, lambda text: text.replace("def once", "def twice").replace("once,", "twice,")
    )
    assert [note for note in report.warnings if "once" in note and "cancelled" in note]
    app.clock.advance(5)
    assert ("gone", 2) not in rang(app)


def test_a_cancelled_call_stays_cancelled_and_a_handle_works_after_a_reload(app):
    once = app.module("clocks").once
    one, two = app.service.call_later(5, once, "one"), app.service.call_later(5, once, "two")
    one.cancel()
    reload(app)
    two.cancel()
    app.clock.advance(6)
    assert rang(app) == []


def test_a_refused_reload_moves_no_timer(app):
    app.service.call_later(5, app.module("clocks").once, "x")
    app.clock.advance(3)
    assert not app.reload(clocks=lambda text: text + "\n1/0").ok
    app.clock.advance(2)
    assert rang(app) == [("x", 1)]
    app.clock.advance(2)
    assert rang(app) == [("from the import", 1)]


def test_a_call_asked_for_by_an_aborted_import_is_never_made(app):
    app.reload(clocks=lambda text: text + "\nservice.call_later(1, once, 'ghost')\n1/0")
    app.clock.advance(2)
    assert rang(app) == []


def test_a_failing_target_is_logged_and_ticks_on(app):
    from cletus.service.dispatch import Dispatcher

    failures = []
    reload(app, lambda text: text.replace('rang.append(("tick", GENERATION))', "1/0"))
    app.service.dispatcher.failed = lambda place, failure, client=None: failures.append(place)
    app.clock.pump([10, 10])
    assert failures == ["Timer app0.clocks.tick"] * 2
    assert isinstance(app.service.dispatcher, Dispatcher)


def test_a_handle_of_the_new_module_body_is_that_of_the_running_timer(run):
    """The old and the new one are the same timer: either cancels it, also after further reloads."""
    app = run(
        clocks="""
        from APP.core import service
        service.ticks = 0
        def tick():
            service.ticks += 1
        HANDLE = service.every(10, tick)
        """
    )
    first = app.module("clocks").HANDLE
    app.clock.advance(4)
    assert app.reload().ok
    assert app.reload().ok
    handle = app.module("clocks").HANDLE
    assert handle.remaining == first.remaining == 6
    app.clock.advance(6)
    assert app.service.ticks == 1
    handle.cancel()
    app.clock.pump([10] * 3)
    assert app.service.ticks == 1
    assert not first.active


def test_what_the_old_module_body_has_cancelled_is_asked_for_anew(app):
    """As after a restart: the new module body says that it wants it."""
    for timer in app.service.session.current.timers:
        timer.cancel()
    reload(app)
    app.clock.advance(10)
    assert ("tick", 2) in rang(app)


def test_cancelled_timers_are_forgotten(app):
    once = app.module("clocks").once
    for _ in range(1000):
        app.service.call_later(5, once, "x").cancel()
    assert len(list(app.service.session.current.timers)) < 100


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf")])
def test_a_time_that_cannot_be_waited_for_is_refused_at_once(app, delay):
    """Not when the reactor is asked, which would be after the commit of a reload."""
    with pytest.raises(TimerError):
        app.service.call_later(delay, app.module("clocks").once)
    with pytest.raises(TimerError):
        app.service.every(delay)(app.module("clocks").once)


def test_an_interval_of_nothing_is_refused(app):
    with pytest.raises(TimerError):
        app.service.every(0, app.module("clocks").once, "x")


AGAIN = """
    from cletus import events
    from APP.core import service
    ticks = service.ticks = getattr(service, "ticks", [])

    def tick(word="tick"):
        ticks.append(word)

    @service.listen(events.PreStart)
    def start(event):
        service.every(1, tick)
        service.every(1, tick, "tock")
        service.every(1, tick, "tock")

    @service.listen(events.PostReload)
    async def again(event):
        service.every(1, tick)
        for _ in range(2):
            service.every(1, tick, "tock")
"""


def test_a_timer_that_is_started_at_the_start_and_after_each_reload_is_one_timer(run):
    """The reload has carried it; a listener of PostReload that starts it again gets that one."""
    app = run(again=AGAIN)
    for _ in range(3):
        app.clock.advance(0.25)
        assert app.reload().ok
    app.clock.advance(0.25)
    assert sorted(app.service.ticks) == ["tick", "tock", "tock"]


def test_another_timer_after_a_reload_is_another_timer(run):
    app = run(again=AGAIN)
    assert app.reload(again=lambda text: text.replace("range(2)", "range(3)")).ok
    app.service.every(1, app.module("again").tick)
    app.clock.advance(1)
    assert sorted(app.service.ticks) == ["tick", "tick", "tock", "tock", "tock"]
