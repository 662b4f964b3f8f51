"""A running ``async`` listener: which task the code that runs belongs to, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from cletus import Service, events
from cletus.client.listener_task import ListenerTask, current_task
from cletus.errors import Disconnected
from cletus.testing import Person
from tests.conftest import result_of

Come = Callable[..., Person]


def test_code_knows_which_conversation_it_is_in_across_its_waits(
    service: Service, come: Come
) -> None:
    """And code outside knows that it is in none."""
    alice, bob = come(service).client, come(service).client
    seen: list[ListenerTask | None] = []
    works: dict[object, Deferred[None]] = {alice: Deferred(), bob: Deferred()}

    async def talk(client: object) -> None:
        seen.append(current_task())
        await works[client]
        seen.append(current_task())

    with_alice, with_bob = ListenerTask(alice), ListenerTask(bob)
    with_alice.start(talk(alice))
    with_bob.start(talk(bob))
    assert current_task() is None
    works[bob].callback(None)
    works[alice].callback(None)
    assert seen == [with_alice, with_bob, with_bob, with_alice]
    assert current_task() is None


def test_what_a_conversation_calls_is_in_it_too(service: Service, come: Come) -> None:
    """Until it calls something about somebody else."""
    alice, bob = come(service), come(service)
    asking: list[bool] = []

    async def deeper() -> None:
        await alice.client.ask("? ")

    @service.listen(events.Receive)
    async def receive(event: events.Receive) -> None:
        await deeper()

    alice.types("begin")
    (task,) = alice.client.input.tasks
    asking.append(task.asking is not None)
    bob.client.ask("something else? ")
    bob.types("no")
    asking.append(task.asking is not None)
    alice.types("yes")
    asking.append(task.asking is not None)
    assert asking == [True, True, False]


def test_a_dismissed_conversation_runs_its_finally(service: Service, come: Come) -> None:
    ended: list[str] = []

    async def talk() -> None:
        try:
            await Deferred()
        finally:
            ended.append("finally")

    task = ListenerTask(come(service).client)
    done = task.start(talk())
    task.dismiss()
    assert ended == ["finally"]
    with pytest.raises(CancelledError):
        result_of(done)


def test_a_conversation_may_be_dismissed_before_it_begins_or_after_it_has_ended(
    service: Service, come: Come
) -> None:
    async def talk() -> str:
        return "done"

    task = ListenerTask(come(service).client)
    task.dismiss()
    done = task.start(talk())
    task.dismiss()
    assert result_of(done) == "done"


@pytest.mark.parametrize(
    ("error", "dismissed", "connected", "expected"),
    [
        (Disconnected(), False, False, True),
        (Disconnected(), False, True, False),
        (Disconnected(), True, True, True),
        (CancelledError(), True, True, True),
        (asyncio.CancelledError(), True, True, True),
        (CancelledError(), False, False, False),
        (ValueError(), True, False, False),
        (ValueError(), False, False, False),
    ],
)
def test_which_end_is_an_ordinary_one(
    service: Service,
    come: Come,
    error: BaseException,
    dismissed: bool,
    connected: bool,
    expected: bool,
) -> None:
    """That its person has left, or that it was dismissed; anything else is a mistake of the code."""
    alice = come(service)
    if not connected:
        alice.hangs_up()
    task = ListenerTask(alice.client)
    if dismissed:
        task.dismiss()
    assert task.ended_as_expected(Failure(error)) is expected
