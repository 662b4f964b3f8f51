"""Listeners and timers that could not be called, or that a reload would lose, are named."""

from __future__ import annotations

import pytest

from tests.check.conftest import must_be, names

CASES = {
    "no argument": (
        "listener-signature",
        "its signature is ()",
        """
        @service.listen(events.Receive)  # HERE
        def receive():
            pass
        """,
        """
        @service.listen(events.Receive)
        async def receive(event, *, mood="glad"):
            pass
        """,
    ),
    "an event and no class": (
        "listener-event",
        "listens to 'Receive', which is not a class",
        """
        @service.listen("Receive")  # HERE
        def receive(event):
            pass
        """,
        """
        class Rain(events.Event):
            pass

        @service.listen(Rain)
        def receive(event):
            pass
        """,
    ),
    "a yield": (
        "generator",
        "app.connect contains a yield",
        """
        @service.listen(events.Connect)  # HERE
        def connect(event):
            yield event.client.ask("? ")
        """,
        """
        from twisted.internet.defer import inlineCallbacks

        @service.listen(events.Connect)
        @inlineCallbacks
        def connect(event):
            yield event.client.ask("? ")
        """,
    ),
    "paid before the question": (
        "listener-repeats",
        "app.buy changes a value before it asks",
        """
        @service.listen(events.Receive)
        async def buy(event):
            event.client.gold -= 10  # HERE
            event.client.write(await event.client.ask("What? "))
        """,
        """
        @service.listen(events.Receive)
        async def buy(event):
            count = 0
            count += 1
            what = await event.client.ask("What? ")
            event.client.gold -= 10

        @service.listen(events.Receive, on_reload="continue")
        async def pay(event):
            event.client.gold -= 10
            event.client.write(await event.client.ask("What? "))
        """,
    ),
    "twice": (
        "listener-twice",
        "app.receive is registered for the same event twice",
        """
        @service.listen(events.Receive)  # HERE
        @service.listen(events.Receive)
        def receive(event):
            pass
        """,
        """
        @service.listen(events.Connect)
        @service.listen(events.Receive)
        def receive(event):
            pass
        """,
    ),
    "a timer without its argument": (
        "timer-signature",
        "missing a required argument: 'whom'",
        """
        @service.every(60)  # HERE
        def greet(whom):
            pass
        """,
        """
        def greet(whom):
            pass
        service.every(60, greet, "bob")
        """,
    ),
    "a timer that yields": (
        "generator",
        "app.tick contains a yield",
        """
        @service.every(60)  # HERE
        def tick():
            yield
        """,
        """
        @service.every(60)
        async def tick():
            pass
        """,
    ),
    "a lambda": (
        "timer-target",
        "a timer calls a lambda",
        """
        @service.listen(events.Connect)
        def connect(event):
            service.call_later(5, lambda: event.client.write("!"))  # HERE
        """,
        """
        def remind(client):
            client.write("!")

        @service.listen(events.Connect)
        def connect(event):
            service.call_later(5, remind, event.client)
        """,
    ),
    "an inner function": (
        "timer-target",
        "the inner function 'remind'",
        """
        @service.listen(events.Connect)
        def connect(event):
            def remind():
                event.client.write("!")
            event.service.every(5, remind)  # HERE
        """,
        """
        class Calendar:
            def call_later(self, days, call):
                return call

        @service.listen(events.Connect)
        def connect(event):
            Calendar().call_later(5, lambda: None)
        """,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_could_not_be_called_is_named(case, check, tmp_path):
    name, words, wrong, _ = case
    assert must_be(check(wrong), name, words, tmp_path).group == "Listeners and timers"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_its_clean_twin_is_let_by(case, check):
    assert names(check(case[3])) == set()


def test_a_lambda_of_a_module_body_is_asked_for_again_by_each_reload(check):
    assert check("service.every(60, lambda: None)\n") == []
