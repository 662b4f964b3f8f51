"""The dialogues of one person: who is in front, and what becomes of those behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cletus import Dialogue, Service, step
from cletus.client.input import Dialogues
from cletus.errors import DialogueError
from cletus.testing import Person
from tests.conftest import result_of

Come = Callable[..., Person]


class Question(Dialogue):
    """Ends with the first line."""

    @step("Well? ")
    def well(self, line: str) -> object:
        return self.done(line)


class Stepless(Dialogue):
    """Cannot be begun."""


@pytest.fixture
def person(service: Service, come: Come) -> Person:
    return come(service)


def test_the_latest_has_the_lines_and_the_one_behind_it_asks_again(person: Person) -> None:
    first, second = Question(), Question()
    one, two = person.client.dialogue(first), person.client.dialogue(second)
    assert person.client.dialogues == [first, second]
    assert (person.client.is_in_front(first), person.client.is_in_front(second)) == (False, True)
    person.new_text()
    assert person.types("a") == "Well? "
    assert (result_of(two), one.called) == ("a", False)
    person.types("b")
    assert result_of(one) == "b"
    assert person.client.dialogues == []


def test_one_that_cannot_begin_changes_nothing(person: Person) -> None:
    dialogues = Dialogues(person.client)
    first = Question()
    dialogues.begin(first)
    with pytest.raises(DialogueError):
        dialogues.begin(Stepless())
    assert dialogues.under_way == [first]
    assert dialogues.front is first


def test_one_that_is_not_there_ends_nothing(person: Person) -> None:
    dialogues = Dialogues(person.client)
    dialogues.begin(Question())
    dialogues.ended(Question())
    assert len(dialogues) == 1


def test_stopping_ends_them_all_from_the_front(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialogues = Dialogues(person.client)
    first, second = Question(), Question()
    stopped: list[Dialogue] = []
    monkeypatch.setattr(Question, "stop", lambda self: stopped.append(self))
    for one in (first, second):
        dialogues.begin(one)
    assert not dialogues.is_any_busy
    dialogues.stop()
    assert stopped == [second, first]
    assert not dialogues
