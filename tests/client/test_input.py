"""The input of one client: order, rate and waiting; who reads a line, and who is asked."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock

from cletus import Dialogue, Service, step
from cletus.client.input import LINES_MAX, Bucket, Input
from cletus.client.listener_task import ListenerTask
from cletus.errors import DialogueError, Disconnected
from cletus.meters import Meters
from cletus.testing import Person
from tests.conftest import result_of

Come = Callable[..., Person]


# -- the queue --------------------------------------------------------------------------------------


class Typist:
    """The input of a client, without a service: it is told what a host and a transport are."""

    def __init__(
        self, rate: float = 0.0, burst: int = 40, memory: int = 0, before: int = 0
    ) -> None:
        self.clock = Clock()
        self.lines: list[str] = []
        self.pauses: list[bool] = []
        self.take = self.lines.append
        host: Any = SimpleNamespace(
            settings=SimpleNamespace(line_rate=rate, line_burst=burst, input_max=memory),
            clock=self.clock,
            metrics=Meters(),
            received=lambda client, line: self.take(line),
        )
        self.handled: list[int] = []
        transport: Any = SimpleNamespace(
            pause_reading=lambda: self.pauses.append(True),
            resume_reading=lambda: self.pauses.append(False),
            handled=self.handled.append,
            lines_before=before,
            outbox=str,
        )
        client: Any = SimpleNamespace(connected=True)
        output: Any = SimpleNamespace(
            echo=SimpleNamespace(is_hidden=False, is_undecided=False, terminal_hides=False),
            open_line=None,
            line_at_work=lambda is_at_work: None,
        )
        self.input = Input(client, host, transport, output, lambda: None)
        self.task = ListenerTask(client)


def test_lines_are_delivered_in_order_at_once() -> None:
    typist = Typist()
    for line in "abc":
        typist.input.put(line)
    assert typist.lines == ["a", "b", "c"]
    assert typist.pauses == []


def test_lines_wait_while_nobody_is_ready_and_reading_pauses_when_they_are_many() -> None:
    """With few of them it goes on: of a connection that is not read nobody hears that it is gone."""
    typist = Typist(burst=3)
    typist.input.task_started(typist.task)
    typist.input.put("a")
    typist.input.put("b")
    assert (typist.lines, typist.pauses) == ([], [])
    typist.input.put("c")
    assert (typist.lines, typist.pauses) == ([], [True])
    typist.input.task_ended(typist.task)
    assert (typist.lines, typist.pauses) == (["a", "b", "c"], [True, False])


def test_a_transport_is_told_how_many_lines_are_handled() -> None:
    """A line is handled when the next one could be: after the code that works on it, however long."""
    typist = Typist(before=7)
    typist.input.put("a")
    assert typist.handled[-1] == 8
    typist.take = lambda _line: typist.input.task_started(typist.task)
    typist.input.put("b")
    typist.input.put("c")
    assert typist.handled[-1] == 8
    typist.take = typist.lines.append
    typist.input.task_ended(typist.task)
    assert typist.handled[-1] == 10
    assert typist.input.taken == 10


def test_nobody_gets_a_line_while_the_input_is_held() -> None:
    typist = Typist()
    with typist.input.held():
        typist.input.put("a")
        assert typist.lines == []
    assert typist.lines == ["a"]


def test_a_flood_is_slowed_to_the_rate_and_nothing_is_lost() -> None:
    """After a burst of 3, two lines a second; all ten arrive, in order."""
    typist = Typist(rate=2.0, burst=3)
    typed = [str(n) for n in range(10)]
    for line in typed:
        typist.input.put(line)
    assert typist.lines == typed[:3]
    assert typist.pauses == [True]
    typist.clock.advance(0.5)
    assert typist.lines == typed[:4]
    typist.clock.pump([0.5] * 6)
    assert typist.lines == typed
    assert typist.pauses == [True, False]


def test_a_line_put_by_the_delivery_itself_comes_after_those_that_wait() -> None:
    typist = Typist(rate=0, burst=0)

    def take(line: str) -> None:
        typist.lines.append(line)
        if line == "a":
            typist.input.put("z")

    typist.take = take
    typist.input.put("a")
    assert typist.lines == ["a", "z"]


def test_closing_hands_out_one_burst_of_what_waits_without_rate() -> None:
    typist = Typist(rate=1.0, burst=2)
    for line in "abcdefg":
        typist.input.put(line)
    typist.input.close()
    assert typist.lines == ["a", "b", "c", "d"]
    assert typist.clock.getDelayedCalls() == []


def test_a_bucket_without_rate_never_makes_anybody_wait() -> None:
    bucket = Bucket(0.0, 1, 0.0)
    assert [bucket.take(0.0) for _ in range(1000)] == [0.0] * 1000


# -- questions --------------------------------------------------------------------------------------


@pytest.fixture
def asked(service: Service, come: Come) -> Input:
    """The input of somebody who is asked."""
    return come(service).client.input


def test_each_line_answers_the_first_question_that_waits(asked: Input) -> None:
    first, second = asked.ask(), asked.ask()
    asked.put("a")
    assert (result_of(first), second.called) == ("a", False)
    asked.put("b")
    assert result_of(second) == "b"
    asked.put("c")  # for the service


def test_a_cancelled_question_is_passed_over(asked: Input) -> None:
    first, second = asked.ask(), asked.ask()
    first.addErrback(lambda _: None)
    first.cancel()
    asked.put("a")
    assert result_of(second) == "a"


def test_cancelling_what_is_answered_is_harmless(asked: Input) -> None:
    first = asked.ask()
    asked.put("a")
    first.cancel()
    assert result_of(first) == "a"


def test_when_they_have_left_all_questions_fail(asked: Input) -> None:
    """Also one that is asked because of that."""
    questions = [asked.ask(), asked.ask()]
    questions[0].addErrback(lambda _: asked.ask())
    asked.close()
    for question in questions:
        with pytest.raises(Disconnected, match="left before answering"):
            result_of(question)


def test_a_task_waits_for_the_answer_of_its_own_client_only(service: Service, come: Come) -> None:
    """A reload can start again what waits for an answer of the client it is about."""
    alice, bob = come(service).client, come(service).client

    async def talk() -> None:
        for answer in [bob.input.ask(), alice.input.ask()]:
            await answer

    task = ListenerTask(alice)
    task.start(talk())
    assert task.asking is not None
    bob.input.put("a")
    assert task.asking is not None
    alice.input.put("b")
    assert task.asking is None


# -- the stack of dialogues -------------------------------------------------------------------------


class Well(Dialogue):
    """Ends with the first line."""

    @step("Well? ")
    def well(self, line: str) -> object:
        return self.done(line)


class Stepless(Dialogue):
    """Cannot be started."""


@pytest.fixture
def person(service: Service, come: Come) -> Person:
    return come(service)


def test_the_latest_dialogue_has_the_lines_and_the_one_below_asks_again(person: Person) -> None:
    first, second = Well(), Well()
    results = [person.client.run_dialogue(dialogue) for dialogue in (first, second)]
    assert person.client.dialogues == [first, second]
    assert [person.client.input.is_top(dialogue) for dialogue in (first, second)] == [False, True]
    person.new_text()
    assert person.types("a") == "Well? "
    assert (result_of(results[1]), results[0].called) == ("a", False)
    person.types("b")
    assert result_of(results[0]) == "b"
    assert person.client.dialogues == []


def test_a_dialogue_that_cannot_start_changes_nothing(person: Person) -> None:
    first = Well()
    person.client.input.start_dialogue(first)
    with pytest.raises(DialogueError):
        person.client.input.start_dialogue(Stepless())
    assert person.client.dialogues == [first]
    assert person.client.input.reader is first


def test_a_dialogue_that_is_not_there_ends_nothing(person: Person) -> None:
    person.client.input.start_dialogue(Well())
    person.client.input.end_dialogue(Well())
    assert len(person.client.dialogues) == 1


def test_stopping_ends_all_dialogues_from_the_top(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Well(), Well()
    stopped: list[Dialogue] = []
    monkeypatch.setattr(Well, "stop", lambda self: stopped.append(self))
    for dialogue in (first, second):
        person.client.input.start_dialogue(dialogue)
        assert not dialogue.is_busy
    person.client.input.stop_dialogues()
    assert stopped == [second, first]
    assert person.client.dialogues == []


def test_a_full_queue_takes_no_more_out_of_what_was_read() -> None:
    """By number, and by the memory that the lines take."""
    typist = Typist(rate=1.0, burst=3)
    for number in range(6):
        assert not typist.input.is_full
        typist.input.put(str(number))
    assert typist.input.is_full
    typist.clock.advance(1)
    assert not typist.input.is_full

    typist = Typist(rate=1.0, burst=3, memory=1000)
    for _ in range(3):
        typist.input.put("")
    typist.input.put("\N{SMILING FACE WITH SUNGLASSES}" * 200)
    assert not typist.input.is_full
    typist.input.put("x" * 200)
    assert typist.input.is_full


def test_without_a_burst_a_busy_reader_fills_the_queue() -> None:
    typist = Typist(burst=0)
    typist.input.task_started(typist.task)
    for _ in range(LINES_MAX):
        assert not typist.input.is_full
        typist.input.put("x")
    assert typist.input.is_full
