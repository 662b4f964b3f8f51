"""What one person is being asked: in order, each answered by one line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cletus import Service
from cletus.client.conversation import Conversation
from cletus.client.input import Questions
from cletus.errors import Disconnected
from cletus.testing import Person
from tests.conftest import result_of

Come = Callable[..., Person]


@pytest.fixture
def questions(service: Service, come: Come) -> Questions:
    return Questions(come(service).client)


def test_each_line_answers_the_first_that_waits(questions: Questions) -> None:
    first, second = questions.ask(), questions.ask()
    assert len(questions) == 2
    questions.answer("a")
    assert (result_of(first), second.called) == ("a", False)
    questions.answer("b")
    assert result_of(second) == "b"
    assert not questions


def test_a_cancelled_one_is_passed_over(questions: Questions) -> None:
    first, second = questions.ask(), questions.ask()
    first.addErrback(lambda _: None)
    first.cancel()
    questions.answer("a")
    assert result_of(second) == "a"


def test_cancelling_what_is_answered_is_harmless(questions: Questions) -> None:
    first = questions.ask()
    questions.answer("a")
    first.cancel()
    assert result_of(first) == "a"


def test_when_they_have_left_all_are_told(questions: Questions) -> None:
    """Also one that is asked because of that."""
    asked = [questions.ask(), questions.ask()]
    asked[0].addErrback(lambda _: questions.ask())
    questions.abandon()
    for one in asked:
        with pytest.raises(Disconnected, match="left before answering"):
            result_of(one)
    assert not questions


def test_a_conversation_waits_for_its_own_person_only(service: Service, come: Come) -> None:
    """A reload can start again what waits for an answer of the person it is with."""
    alice, bob = come(service).client, come(service).client
    mine, others = Questions(alice), Questions(bob)

    async def talk() -> None:
        asked = [others.ask(), mine.ask()]
        for one in asked:
            await one

    conversation = Conversation(alice)
    conversation.start(talk())
    assert conversation.asking is not None
    others.answer("a")
    assert conversation.asking is not None
    mine.answer("b")
    assert conversation.asking is None
