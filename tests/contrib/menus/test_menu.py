"""Choosing from a menu."""

from __future__ import annotations

import pytest
from wcwidth import width

from cletus.contrib.menus import Menu
from cletus.errors import DialogueError
from cletus.testing import assert_survives_reload

APPLICATION = """
    from functools import partial

    from twisted.internet.defer import Deferred

    from cletus import Service, events
    from cletus.contrib.menus import Menu
    from cletus.errors import Refused
    from cletus.text import gettext as _

    service = Service()
    waiting = []

    def pour(client, drink):
        if drink == "milk":
            raise Refused("The milk is gone.")
        if drink == "tea":
            waiting.append(Deferred())
            return waiting[0]
        client.write(f"You get {drink}.")

    @service.listen(events.Receive)
    def receive(event):
        client = event.client
        if event.data == "menu":
            menu = Menu("Drinks:", ["ale", "milk", "mead", "tea"], then=partial(pour, client))
        elif event.data == "values":
            menu = Menu(choices={"One": 1, "Two": 2})
        elif event.data == "texts":
            menu = Menu(_("Saved."), {_("nobody"): 1, _("nothing"): 2})
        elif event.data.isdigit():
            menu = Menu("", [f"choice {n + 1}" for n in range(int(event.data))])
        else:
            client.write(f"heard {event.data}")
            return
        client.run_dialogue(menu).addCallbacks(
            lambda value: client.write(f"Chosen: {value!r}"), lambda gone: None
        )
"""


@pytest.fixture
def bar(app):
    app.ann = app.person()
    return app


def test_the_choices_are_numbered(bar):
    assert bar.ann.says("menu") == (
        "Drinks:\n1 ale\n2 milk\n3 mead\n4 tea\nYour choice (q: none)? "
    )


@pytest.mark.parametrize("typed", ["1", "ale", "ALE", "a"])
def test_a_choice_is_made_by_number_or_word(bar, typed):
    bar.ann.says("menu")
    assert "You get ale.\nChosen: 'ale'\n" in bar.ann.says(typed)
    assert bar.ann.says("x") == "heard x\n"


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("5", "There are the numbers 1 to 4."),
        ("0", "There are the numbers 1 to 4."),
        ("9" * 50, "is not one of the choices."),
        ("", "Drinks:"),
        ("wine", "'wine' is not one of the choices."),
        ("milk", "The milk is gone."),
        ("-1", "'-1' is not one of the choices."),
    ],
)
def test_what_is_not_a_choice_is_asked_again(bar, typed, answer):
    bar.ann.says("menu")
    text = bar.ann.says(typed)
    assert answer in text
    assert text.endswith("Your choice (q: none)? ")


def test_choosing_nothing(bar):
    bar.ann.says("menu")
    assert "Chosen: None\n" in bar.ann.says("q")
    assert bar.ann.says("0") == "There is nothing to choose.\nChosen: None\n"


def test_values_may_be_other_than_the_texts(bar):
    bar.ann.says("values")
    assert "Chosen: 2\n" in bar.ann.says("two")


def test_choices_are_read_and_typed_in_the_language_of_the_reader(bar):
    (client,) = bar.service.clients
    client.terminal.language = "de"
    assert bar.ann.says("texts").startswith("Gespeichert.\n1 niemand\n2 nichts\n")
    assert bar.ann.says("nie") == "Chosen: 1\n"
    bar.ann.says("texts")
    assert bar.ann.says("nichts") == "Chosen: 2\n"


def test_it_waits_for_a_deferred(bar):
    bar.ann.says("menu")
    assert "Chosen" not in bar.ann.says("tea")
    __import__("small_application").waiting[0].callback(None)
    assert "Chosen: 'tea'\n" in bar.ann.reads()


def test_many_are_shown_beside_each_other_and_by_the_page(bar):
    text = bar.ann.says("200")
    assert "  1 choice 1      2 choice 2" in text
    assert "(1 to 84 of 200; Enter: more, b: back, q: none)" in text
    assert max(map(width, text.splitlines()[:-1])) <= 79
    assert "(85 to 168 of 200" in bar.ann.says("")
    assert "(169 to 200 of 200" in bar.ann.says("")
    assert "(85 to 168 of 200" in bar.ann.says("b")
    assert "(1 to 84 of 200" in bar.ann.says("b", "b")
    assert "Chosen: 'choice 150'" in bar.ann.says("150")


def test_a_screen_reader_hears_one_below_the_other(bar):
    client = bar.service.clients[0]
    client.terminal.screen_reader = True
    lines = bar.ann.says("200").splitlines()
    assert lines[:2] == ["  1 choice 1", "  2 choice 2"]
    assert len(lines) == 22


def test_it_survives_a_reload_at_its_page(bar):
    bar.ann.says("200", "")
    assert_survives_reload(bar.service)
    bar.ann.says("q", "menu")
    assert bar.reload(lambda text: text.replace("You get", "Here is")).ok
    assert "Here is mead." in bar.ann.says("3")


def test_a_function_that_a_reload_cannot_find_is_refused():
    with pytest.raises(DialogueError, match="top level"):
        Menu("x", ["a"], then=lambda _: None)


def test_a_menu_has_a_bound():
    assert len(Menu("x", map(str, range(5000))).labels) == Menu.choices_max
