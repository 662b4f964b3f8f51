"""Filling in a form."""

from __future__ import annotations

import pytest

from cletus.contrib.menus import Form
from cletus.errors import DialogueError
from cletus.testing import assert_survives_reload

APPLICATION = """
    import enum
    from datetime import date, timedelta
    from typing import Annotated, Literal

    from msgspec import Meta

    from cletus import Service, events
    from cletus.contrib.menus import Form
    from cletus.errors import Refused
    from cletus.storage import Field, Store, StoreField

    service = Service()

    class Colour(enum.Enum):
        RED = "r"
        GREEN = "g"

    class Room(Store):
        service = service

    class Card(Store):
        service = service
        title = Field("none yet")
        age = Field(0, type=Annotated[int, Meta(ge=0, le=150)])
        tall = Field(False)
        height = Field(1.5)
        born = Field(type=date)
        pause = Field(timedelta(minutes=5), type=timedelta)
        colour = Field(Colour.RED, type=Colour)
        size = Field("s", type=Literal["s", "m", "l"])
        tags = Field(set, type=set[str])
        words = Field(list)
        room = StoreField("room")
        password = Field("x", secret=True)
        mood = Field("", session=True)

    Room("inn")
    card = Card("card")

    def check(values):
        if values.get("title") == "boss":
            raise Refused("There is a boss already.")
        service.answer = values

    @service.listen(events.Receive)
    def receive(event):
        if event.data == "all":
            event.client.start_dialogue(Form(card))
        elif event.data == "then":
            event.client.start_dialogue(Form(card, ["title"], then=check, questions={"title": "Who are you"}))
        else:
            event.client.start_dialogue(Form(card, event.data.split()))
"""


@pytest.fixture
def desk(app):
    app.ann = app.person()
    app.card = app.active("card")["card"]
    return app


def test_all_permanent_fields_that_are_not_secret_are_asked(desk):
    text = desk.ann.says("all")
    assert text.endswith("Title [none yet]: ")
    for _ in range(11):
        text = desk.ann.says("")
    assert "Save it?" in text
    assert "password" not in desk.ann.transcript.lower()
    assert "mood" not in desk.ann.transcript.lower()


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("title", "the first", "the first"),
        ("age", "42", 42),
        ("tall", "yes", True),
        ("height", "1.8", 1.8),
        ("born", "2001-02-03", "2001-02-03"),
        ("pause", "1h30m", "1:30:00"),
        ("colour", "green", "Colour.GREEN"),
        ("size", "M", "m"),
        ("tags", "a, b,", {"a", "b"}),
        ("words", "a, b", ["a", "b"]),
        ("room", "inn", "<Room 'inn'>"),
        ("title", "-", "none yet"),
        ("title", "", "none yet"),
    ],
)
def test_an_answer_has_the_type_of_its_field(desk, name, typed, value):
    desk.ann.says(name)
    text = desk.ann.says(typed)
    assert "Save it?" in text
    assert getattr(desk.card, name) == getattr(desk.store("card")("other"), name), "not set yet"
    assert desk.ann.says("y") == "Saved.\n"
    actual = getattr(desk.card, name)
    assert actual == value or str(actual) == value
    desk.card.to_json()


@pytest.mark.parametrize(
    ("name", "typed", "answer"),
    [
        ("age", "old", "'old' is not a whole number."),
        ("age", "151", "That does not fit: expected int <= 150."),
        ("tall", "perhaps", "'perhaps' is neither yes nor no."),
        ("born", "yesterday", "That does not fit: expected"),
        ("pause", "soon", "'soon' is not a duration."),
        ("colour", "blue", "'blue' is not green or red."),
        ("size", "xl", "'xl' is not l, m or s."),
        ("room", "cellar", "There is no room called 'cellar'."),
    ],
)
def test_what_does_not_fit_is_asked_again(desk, name, typed, answer):
    desk.ann.says(name)
    text = desk.ann.says(typed)
    assert answer in text
    assert text.endswith("]: ")


def test_an_answer_is_corrected_before_it_is_saved(desk):
    desk.ann.says("title age")
    desk.ann.says("cook")
    text = desk.ann.says("40")
    assert "Number  Field  Value\n     1  title  cook\n     2  age    40\nSave it?" in text
    assert "numbers from 1" not in desk.ann.says("2")
    text = desk.ann.says("41")
    assert "     2  age    41\n" in text
    assert "Type y, n, or a number from 1 to 2." in desk.ann.says("3")
    desk.ann.says("y")
    assert (desk.card.title, desk.card.age) == ("cook", 41)


@pytest.mark.parametrize("lines", [[".quit"], ["cook", ".quit"], ["cook", "40", "n"]])
def test_giving_up_changes_nothing(desk, lines):
    desk.ann.says("title age")
    assert desk.ann.says(*lines).endswith("Nothing was changed.\n")
    assert desk.card.title == "none yet"


def test_a_function_takes_the_values_and_may_refuse_them(desk):
    desk.ann.says("then")
    assert "There is a boss already.\nSave it?" in desk.ann.says("boss", "y")
    desk.ann.says("1", "cook", "y")
    assert desk.service.answer == {"title": "cook"}
    assert desk.card.title == "none yet"
    assert "Who are you [none yet]: " in desk.ann.says("then")


def test_it_survives_a_reload_in_each_step(desk):
    desk.ann.says("title age", "cook")
    assert_survives_reload(desk.service)
    desk.ann.says("40")
    assert_survives_reload(desk.service)
    desk.ann.says("1")
    assert_survives_reload(desk.service)
    desk.ann.says("king", "y")
    assert (desk.active("card")["card"].title, desk.active("card")["card"].age) == ("king", 40)


@pytest.mark.parametrize(
    ("name", "reason"), [("password", "is secret"), ("nose", "does not exist")]
)
def test_it_asks_for_no_secret_and_no_unknown_field(desk, name, reason):
    with pytest.raises(DialogueError, match=reason):
        Form(desk.card, [name])
