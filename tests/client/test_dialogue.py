"""Dialogues that go wrong, and the stack of dialogues; reloads of dialogues are in reload/test_r8."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from cletus import Dialogue, Service, events, step
from cletus.errors import Disconnected
from cletus.testing import Person, start_in_memory


class Inner(Dialogue):
    @step("inner? ")
    def only(self, line: str) -> Any:
        return self.done(line)


class Empty(Dialogue):
    """Cannot be begun: it has no step."""


class Outer(Dialogue):
    @step("outer? ")
    def first(self, line: str) -> Any:
        return self.follow(line)

    @step("async? ")
    async def later(self, line: str) -> Any:
        return self.follow(line)

    def follow(self, line: str) -> Any:
        return {
            "true": True,
            "number": 7,
            "unknown": "nowhere",
            "no step": self.follow,
            "empty": self.call(Empty(), then=self.first),
            "call": self.call(Inner(), then=self.first),
            "later": "later",
        }.get(line, self.begin_inner(line))

    def begin_inner(self, line: str) -> None:
        if line == "begin":
            self.client.start_dialogue(Inner())


class World:
    """A service in memory; who connects is in ``Outer``."""

    def __init__(self) -> None:
        self.service = Service()
        self.received: list[str] = []
        self.service.listen(events.Connect)(lambda event: event.client.start_dialogue(Outer()))
        self.service.listen(events.Receive)(lambda event: self.received.append(event.data))
        self.clock: Clock = start_in_memory(self.service, error_notice="Oops.")

    def person(self) -> Person:
        return Person(self.service, self.clock)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("start", ["", "later"])
@pytest.mark.parametrize("line", ["true", "number", "unknown", "no step", "empty"])
def test_a_step_that_returns_nonsense_is_logged_and_the_person_stays(
    world: World, start: str, line: str
) -> None:
    """It neither breaks the connection nor leaves the person where no line is taken."""
    logged: list[Any] = []
    bob = world.person()
    if start:
        bob.types(start)
    prompt = bob.screen[-7:]
    globalLogPublisher.addObserver(logged.append)
    try:
        assert bob.types(line) == f"Oops.\n{prompt}"
    finally:
        globalLogPublisher.removeObserver(logged.append)
    assert [one["log_failure"].type.__name__ for one in logged if "log_failure" in one] == [
        "DialogueError"
    ]
    assert bob.types("call") == "inner? "


def test_only_the_dialogue_in_front_asks_and_the_one_behind_asks_again_when_it_has_ended(
    world: World,
) -> None:
    bob = world.person()
    assert bob.types("begin") == "inner? "
    assert bob.types("answer") == "outer? "
    assert world.received == []


def test_a_dialogue_begun_from_elsewhere_leaves_the_person_at_their_prompt(world: World) -> None:
    bob = world.person()
    bob.client.start_dialogue(Inner())
    assert bob.new_text() == "outer? \ninner? "
    assert bob.types("answer") == "outer? "


def test_a_dialogue_that_is_called_returns_with_one_prompt(world: World) -> None:
    bob = world.person()
    assert bob.types("call") == "inner? "
    assert bob.types("nothing") == "outer? "


@pytest.mark.parametrize("closed", [True, False])
def test_nobody_who_has_left_is_begun_a_dialogue_with(world: World, closed: bool) -> None:
    bob = world.person()
    if closed:
        bob.client.close()
    else:
        bob.hangs_up()
    ended: list[Any] = []
    result: Deferred[Any] = bob.client.run_dialogue(Inner())
    result.addErrback(ended.append)
    assert ended[0].check(Disconnected)
    bob.hangs_up()
    assert bob.client.dialogues == []
