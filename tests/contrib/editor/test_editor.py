"""Writing a text, line by line."""

from __future__ import annotations

from functools import partial

import pytest

from cletus.contrib.editor import Editor
from cletus.errors import DialogueError

DESK = """
    from functools import partial
    from twisted.internet.defer import Deferred
    from cletus import events
    from cletus.contrib.editor import Editor
    from cletus.errors import Refused
    from cletus.storage import Field, Store
    from APP.core import service

    class Note(Store):
        service = service
        text = Field("")

        def keep(self, text):
            if "bad word" in text:
                raise Refused("Not in this house.")
            if "bug" in text:
                raise ValueError(text)
            self.text = text

    def put(note, mark, text):
        note.text = mark + text

    waiting = []

    def slowly(text):
        waiting.append(Deferred())
        return waiting[-1]

    class ShortEditor(Editor):
        lines_max = 3
        text_max = 20

    @service.listen(events.Receive)
    def receive(event):
        note = Note.manager.get("note") or Note("note")
        kinds = {
            "edit": lambda: Editor(note.text, then=note.keep),
            "partial": lambda: Editor(then=partial(put, note, ">")),
            "slow": lambda: Editor(then=slowly),
            "short": lambda: ShortEditor(then=note.keep),
            "result": lambda: Editor(),
        }
        if event.data in kinds:
            event.client.run_dialogue(kinds[event.data]()).addCallback(lambda text: event.client.write(repr(text)))
        else:
            event.client.write(f"heard {event.data}")
"""


@pytest.fixture
def desk(run):
    app = run(desk=DESK)
    app.ann = app.person()
    return app


def note(app):
    return app.active("note")["note"].text


def test_lines_are_kept_up_to_the_dot(desk):
    assert desk.ann.types("edit").endswith("for more.\n  1> ")
    desk.ann.types("one", "", " two", ".")
    assert note(desk) == "one\n\n two"
    assert desk.ann.types("hello") == "heard hello\n"


def test_quitting_keeps_nothing(desk):
    desk.ann.types("edit", "one")
    assert "Not saved.\nNone\n" in desk.ann.types(".q")
    assert note(desk) == ""


def test_what_there_is_is_shown_and_goes_on(desk):
    desk.ann.types("edit", "one", ".")
    assert desk.ann.types("edit").endswith("  1  one\n  2> ")
    desk.ann.types("two", ".")
    assert note(desk) == "one\ntwo"


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ([".delete 2"], "a\nc"),
        ([".d 1 2"], "c"),
        ([".insert 2", "x", "y"], "a\nx\ny\nb\nc"),
        ([".insert 2", "x", ".i", "y"], "a\nx\nb\nc\ny"),
        ([".replace 2", "x", "y"], "a\nx\ny\nc"),
        ([".r 2 x", "y"], "a\nx\nc\ny"),
        ([".clear", "x"], "x"),
        (["..dot"], "a\nb\nc\n.dot"),
        (["..."], "a\nb\nc\n.."),
        ([".insert 2", ".delete 3", "x"], "a\nb\nx"),
    ],
)
def test_lines_can_be_changed(desk, typed, text):
    desk.ann.types("edit", "a", "b", "c", *typed, ".")
    assert note(desk) == text


@pytest.mark.parametrize(
    "typed",
    [
        ".d",
        ".d 0",
        ".d 4",
        ".d 3 2",
        ".d x",
        ".d -1",
        ".d 1 2 3",
        ".d ٣",
        ".i 9",
        ".r",
        ".d " + "9" * 5000,
    ],
)
def test_a_line_that_is_not_there_changes_nothing(desk, typed):
    desk.ann.types("edit", "a", "b", "c")
    answer = desk.ann.types(typed)
    assert "Give the number of a line." in answer or "There are lines 1 to 3." in answer
    desk.ann.types(".")
    assert note(desk) == "a\nb\nc"


def test_help_and_list_and_unknown_commands(desk):
    desk.ann.types("edit", "a")
    assert ".replace 3" in desk.ann.types(".help")
    assert desk.ann.types(".list") == "  1  a\n  2> "
    assert "There is no editor command .foo" in desk.ann.types(".foo")


def test_a_refused_text_is_not_lost(desk):
    desk.ann.types("edit", "bad word")
    assert "Not in this house.\nYou are still in the editor" in desk.ann.types(".")
    desk.ann.types(".r 1 good word", ".")
    assert note(desk) == "good word"


def test_a_mistake_in_the_application_does_not_lose_the_text(desk):
    desk.ann.types("edit", "bug")
    assert "Something went wrong" in desk.ann.types(".")
    desk.ann.types(".r 1 feature", ".")
    assert note(desk) == "feature"


def test_a_text_is_of_limited_length(desk):
    desk.ann.types("short")
    assert "more than 20 characters" in desk.ann.types("x" * 21)
    assert "more than 3 lines" in desk.ann.types("a", "b", "c", "d")
    desk.ann.types(".")
    assert note(desk) == "a\nb\nc"


def test_a_deferred_is_waited_for(desk):
    desk.ann.types("slow", "a")
    assert desk.ann.types(".", "typed ahead") == ""
    desk.module("desk").waiting[0].callback(None)
    assert "Saved." in desk.ann.new_text()
    assert desk.ann.sees("heard typed ahead")


def test_without_a_function_the_text_is_the_result(desk):
    desk.ann.types("result", "a", "b")
    assert desk.ann.types(".") == "'a\\nb'\n"


@pytest.mark.parametrize("kind", ["edit", "partial"])
def test_who_is_writing_goes_on_after_a_reload_and_the_new_code_keeps_it(desk, kind):
    desk.ann.types(kind, "one", ".insert 1")
    report = desk.reload(
        desk=lambda text: text.replace("self.text = text", "self.text = text.upper()").replace(
            "mark + text", "mark + text.upper()"
        )
    )
    assert report.ok
    assert desk.ann.types("zero").endswith("  2> ")
    desk.ann.types(".")
    assert note(desk) == {"edit": "", "partial": ">"}[kind] + "ZERO\nONE"


def nested():
    def inner(text): ...

    return inner


@pytest.mark.parametrize("then", [lambda text: None, nested(), partial(nested())])
def test_a_function_without_a_name_is_refused_at_once(then):
    """And not by the next reload, while somebody is writing."""
    with pytest.raises(DialogueError, match="top level"):
        Editor(then=then)
