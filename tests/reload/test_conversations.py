"""``async def`` listeners across a reload: restarted, cancelled, or left to end."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from cletus import events

NOTICE = "(The code has just changed. Let us start that again.)"
TALK = """
    from cletus import events
    from APP.core import service

    @service.listen(events.Connect)
    async def connect(event):
        client = event.client
        client.trail = []
        try:
            name = await client.ask("Name? ")
            secret = await client.ask("Word? ", hidden=True)
            client.write(f"v1 {name} {secret}")
        finally:
            client.trail.append("ended v1")

    @service.listen(events.Receive, on_reload="cancel")
    async def receive(event):
        client = event.client
        try:
            if event.data == "wait":
                await service.gate
            answer = await client.ask("Really? ")
            client.write(f"v1 {event.data} {answer}")
        finally:
            client.trail.append("finally")
"""


@pytest.fixture
def app(run):
    return run(talk=TALK)


def newer(text):
    return text.replace("v1", "v2")


def test_who_is_being_asked_is_told_once_and_asked_again_from_the_top_in_the_new_code(app):
    bob = app.person()
    bob.types("bob")
    report = app.reload(talk=newer)
    assert report.restarted == 1
    assert bob.screen.count(NOTICE) == 1
    assert bob.screen.endswith("Name? ")
    assert bob.transport.hidden is False
    bob.types("bob", "x")
    assert bob.sees("v2 bob x")
    assert not bob.sees("v1")


def test_the_old_frame_is_closed_so_that_its_finally_runs(app):
    bob = app.person()
    trail = bob.client.trail
    app.reload(talk=newer)
    assert trail == ["ended v1"]


def test_a_listener_that_wants_to_be_cancelled_is_cancelled_without_a_word(app):
    bob = app.person()
    bob.types("bob", "x", "go")
    assert bob.screen.endswith("Really? ")
    report = app.reload(talk=newer)
    assert (report.restarted, bob.client.trail[-1]) == (0, "finally")
    assert not bob.sees(NOTICE)
    assert bob.types("hi", "yes").endswith("v2 hi yes\n")


def test_what_goes_on_in_the_old_code_does_nothing_twice(run):
    """It is still asked, and what it has done before the question is done once."""
    app = run(
        talk="""
        from cletus import events
        from cletus.storage import Field, Store
        from APP.core import service

        class Purse(Store):
            service = service
            gold = Field(100)

        @service.listen(events.Receive, on_reload="continue")
        async def buy(event):
            purse = Purse.manager.get("bob") or Purse("bob")
            purse.gold -= 10
            goods = await event.client.ask("What? ")
            purse.gold -= 1
            event.client.write(f"v1 {goods} {purse.gold}")
        """
    )
    bob = app.person()
    bob.types("buy")
    for _ in range(3):
        report = app.reload(talk=lambda text: text + "# more\n")
        assert (report.restarted, list(report.still_running.values())) == (0, [1])
    assert not bob.sees(NOTICE)
    app.reload(talk=newer)
    assert bob.types("bread").endswith("v1 bread 89\n")
    assert app.active("purse")["bob"].gold == 89
    assert bob.types("buy", "milk").endswith("v2 milk 78\n")


def test_what_waits_for_something_else_ends_in_the_old_code_and_is_named(app):
    app.service.gate = Deferred()
    bob = app.person()
    bob.types("bob", "x", "wait")
    report = app.reload(talk=newer)
    assert "receive is still running for 1 person" in str(report)
    assert "warning: " in str(report)
    bob.client.line_received("typed meanwhile")
    app.service.gate.callback(None)
    app.clock.advance(0)
    assert bob.sees("Really? \nv1 wait typed meanwhile")


def test_no_line_that_was_typed_ahead_is_lost_by_a_restart(app):
    """Type-ahead waits while the code is busy; it goes to whoever asks next."""
    app.service.gate = Deferred()
    bob = app.person()
    bob.types("bob", "x", "wait")
    for line in ("a", "b"):
        bob.client.line_received(line)
    app.reload(talk=newer)
    app.service.gate.callback(None)
    app.clock.advance(0)
    bob.types("c")
    assert bob.sees("v1 wait a")
    assert bob.sees("v2 b c")


def test_a_listener_that_is_gone_is_not_restarted(app):
    bob = app.person()
    report = app.reload(talk=lambda text: text.replace("async def connect", "async def renamed"))
    assert report.restarted == 0
    assert bob.sees(NOTICE)
    assert app.service.clients == (bob.client,)


def test_a_refused_reload_leaves_the_question_as_it_was(app):
    bob = app.person()
    bob.types("bob")
    screen = bob.screen
    assert not app.reload(talk=lambda text: text + "\n1/0").ok
    assert (bob.screen, bob.transport.hidden) == (screen, True)
    bob.types("x")
    assert bob.sees("v1 bob x")


def test_the_notice_is_a_setting(run):
    app = run({"reload_restart_notice": "Moment!"}, talk=TALK)
    bob = app.person()
    app.reload(talk=newer)
    assert bob.sees("\nMoment!\n")


def test_what_was_typed_ahead_of_a_restart_goes_to_no_other_listener(run):
    """It may be the password, and the other listener may tell it to everybody."""
    app = run(
        talk="""
        from twisted.internet.defer import Deferred
        from cletus import events
        from APP.core import service

        service.heard = []
        service.gate = Deferred()

        @service.listen(events.Connect)
        async def connect(event):
            await event.client.ask("Name? ")
            await service.gate
            await event.client.ask("Password? ", hidden=True)

        @service.listen(events.Receive)
        def receive(event):
            service.heard.append(event.data)
    """
    )
    heard = app.service.heard
    bob = app.person()
    bob.types("bob", "secret")
    # The question is asked in the very turn of the reload, so that nobody has taken the line yet.
    app.service.listen(events.PreReload)(lambda _: app.service.gate.callback(None))
    assert app.reload().ok
    assert heard + app.service.heard == []
    assert bob.screen.count("Name? ") == 2


def test_an_event_of_the_application_is_of_the_new_class_and_its_listeners_go_on(run):
    """Those who registered while the service ran, and those who are waiting for an answer."""
    app = run(
        talk="""
        from dataclasses import dataclass
        from cletus import events
        from APP.core import service

        @dataclass(frozen=True, slots=True)
        class Greeted(events.ClientEvent):
            word: str

        def heard(event):
            event.client.write(f"v1 heard {event.word}")

        @service.listen(Greeted)
        async def asked(event):
            answer = await event.client.ask("v1? ")
            assert type(event) is Greeted
            event.client.write(f"v1 {event.word} {answer}")

        @service.listen(events.Receive)
        def receive(event):
            service.fire(Greeted(service, event.client, event.data))
    """
    )
    app.service.listen(app.module("talk").Greeted)(app.module("talk").heard)
    bob = app.person()
    bob.types("hello")
    bob.new_text()
    assert app.reload(talk=newer).ok
    assert bob.new_text() == f"\n{NOTICE}\nv2? "
    assert bob.types("yes") == "v2 hello yes\n"
    assert bob.types("again") == "v2? \nv2 heard again\n"


SLEEPER = """
    from cletus import events
    from APP.core import service

    @service.listen(events.Receive)
    async def receive(event):
        event.client.write("v1 counts")
        await service.sleep(5)
        event.client.write("v1 is awake")

    @service.every(60)
    async def strike():
        await service.sleep(5)
        service.write_all("v1 strikes")
"""


def test_who_sleeps_goes_on_when_the_time_is_over_and_lines_wait_meanwhile(run):
    app = run(talk=SLEEPER)
    bob = app.person()
    bob.types("a")
    bob.client.line_received("b")
    app.clock.advance(4.9)
    assert bob.screen.count("v1 counts") == 1
    assert not bob.sees("v1 is awake")
    app.clock.advance(0.1)
    assert bob.sees("v1 is awake")
    assert bob.screen.count("v1 counts") == 2


def test_a_listener_that_sleeps_starts_again_in_the_new_code_as_one_that_asks(run):
    app = run(talk=SLEEPER)
    bob = app.person()
    bob.types("a")
    report = app.reload(talk=newer)
    assert report.restarted == 1
    assert bob.sees(NOTICE)
    assert bob.sees("v2 counts")
    app.clock.advance(5)
    assert bob.sees("v2 is awake")
    assert not bob.sees("v1 is awake")


def test_a_timer_may_sleep(run):
    app = run(talk=SLEEPER)
    bob = app.person()
    app.clock.advance(60)
    app.clock.advance(5)
    assert bob.sees("v1 strikes")


def test_who_leaves_while_code_sleeps_ends_it_quietly(run):
    app = run(talk=SLEEPER)
    bob = app.person()
    bob.types("a")
    bob.hangs_up()
    app.clock.advance(100)
    assert app.service.clients == ()


WAITER = """
    from dataclasses import dataclass
    from cletus import events
    from APP.core import service

    @dataclass(frozen=True, slots=True)
    class Struck(events.Event):
        hour: int

    @service.listen(events.Connect)
    async def connect(event):
        event.client.write("v1 waits")
        struck = await service.wait_for(Struck, match=lambda event: event.hour > 6)
        event.client.write(f"v1 heard {struck.hour}")

    @service.every(60)
    async def bell():
        struck = await service.wait_for(Struck)
        assert type(struck) is Struck
        service.write_all(f"v1 bell {struck.hour}")

    @service.listen(events.Interrupt)
    def strike(event):
        service.fire(Struck(service, event.client.hour))
"""


def strike(person, hour):
    person.client.hour = hour
    person.client.service.connections.interrupted(person.client)
    person.client.service.reactor.advance(0)


def test_who_waits_for_an_event_goes_on_with_it(run):
    app = run(talk=WAITER)
    bob = app.person()
    strike(bob, 6)
    assert not bob.sees("v1 heard")
    strike(bob, 7)
    assert bob.sees("v1 heard 7")


def test_a_listener_that_waits_for_an_event_starts_again_in_the_new_code_as_one_that_asks(run):
    app = run(talk=WAITER)
    bob = app.person()
    report = app.reload(talk=newer)
    assert report.restarted == 1
    assert bob.sees(NOTICE)
    assert bob.sees("v2 waits")
    strike(bob, 7)
    assert bob.sees("v2 heard 7")
    assert not bob.sees("v1 heard")


def test_what_waits_in_the_old_code_hears_events_of_the_new_classes(run):
    app = run(talk=WAITER)
    bob = app.person()
    app.clock.advance(60)
    assert app.reload(talk=newer).ok
    strike(bob, 3)
    assert bob.sees("v1 bell 3")


def test_who_leaves_while_code_waits_for_an_event_ends_it_quietly(run):
    app = run(talk=WAITER)
    bob = app.person()
    bob.hangs_up()
    app.clock.advance(10)
    assert app.service.clients == ()
    assert len(app.service.dispatcher.waits) == 0


MENU = """
    from cletus import events
    from APP.core import service

    @service.listen(events.Receive)
    async def receive(event):
        client = event.client
        while event.data == "menu":
            try:
                client.write("v1 " + await client.ask("Menu? "))
            except Exception:
                client.write("oops")
        client.write("v1 " + event.data)
"""


def test_a_conversation_that_swallows_its_cancellation_is_ended_for_good(run):
    app = run(talk=MENU)
    bob = app.person()
    bob.types("menu", "a")
    app.reload(talk=newer)
    bob.types("b")
    assert "v2 b" in bob.screen
    assert "v1 b" not in bob.screen
    assert bob.screen.count("oops") == 1


def test_a_conversation_that_swallows_the_leaving_of_its_person_is_ended(run):
    app = run(talk=MENU)
    bob, ann = app.person(), app.person()
    bob.types("menu")
    bob.hangs_up()
    ann.types("hello")
    assert "v1 hello" in ann.screen
    assert len(app.service.clients) == 1
