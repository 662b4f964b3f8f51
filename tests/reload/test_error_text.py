"""What a developer reads in the log."""

from __future__ import annotations

import pytest

from cletus.reload import Outcome, ReloadReport, error_text

TALK = """
    from cletus import events
    from cletus.storage import Field, Store
    from APP.core import service

    class Room(Store):
        service = service
        text = Field("")

    def helper():
        return 1
"""


def test_when_all_is_well_it_is_one_line(run):
    app = run(talk=TALK)
    report = app.reload(talk=lambda text: text + "\n")
    line = str(report)
    assert "\n" not in line
    assert line.startswith("Reloaded, generation 1: app0.talk changed; 0 objects carried in ")
    assert line.endswith(" ms")


def test_it_tells_of_modules_added_and_removed_of_fields_and_of_stores(run):
    app = run(talk=TALK)
    app.store("room")("hall")
    report = app.reload(
        talk=lambda text: text.replace('text = Field("")', "size = Field(0)"),
        extra="x = 1",
    )
    text = str(report)
    assert "app0.talk changed; app0.extra added" in text
    assert "1 object carried" in text
    assert "new fields: Room.size" in text
    assert "field Room.text is gone: 1 value parked" in text
    report = app.reload(talk=lambda text: text[: text.index("class Room")], extra=None)
    text = str(report)
    assert "app0.extra removed" in text
    assert "store room is gone: 1 object parked" in text
    report = app.reload(talk=TALK.replace("APP", "app0"))
    assert "store room is back: 1 object returned" in str(report)


def test_a_refusal_names_phase_file_line_and_source_line_and_no_frame_of_ours(run):
    app = run(talk=TALK)
    report = app.reload(talk=lambda text: text + "\nhelpr()\n")
    text = str(report)
    assert text.startswith("Reload refused (stage), generation 0 goes on: ")
    assert "app0/talk.py:" in text
    assert "\n    helpr()\nNameError: name 'helpr' is not defined" in text
    assert "cletus/reload" not in text
    assert "importlib" not in text


def test_an_error_deep_in_a_library_is_shown_at_the_application_s_line(run):
    app = run(talk=TALK)
    report = app.reload(talk=lambda text: text + "\nimport json\njson.loads('{')\n")
    assert "json.loads('{')" in report.error
    assert "JSONDecodeError" in report.error
    assert "decoder.py" not in report.error


def test_a_failing_field_is_named_with_its_object_and_the_line_of_its_code(run):
    app = run(talk=TALK)
    app.store("room")("hall", text="x")
    report = app.reload(
        talk=lambda text: text.replace(
            "class Room",
            "class Odd(Field):\n"
            "    def deserialise(self, obj, name, data):\n"
            "        raise ValueError('too odd')\n\n"
            "class Room",
        ).replace("text = Field", "text = Odd")
    )
    assert "Room 'hall'" in report.error
    assert "raise ValueError('too odd')" in report.error
    assert "ValueError: too odd" in report.error


def test_notes_of_an_exception_are_shown(run):
    app = run(talk=TALK)
    report = app.reload(
        talk=lambda text: (
            text + "\nerror = ValueError('x')\nerror.add_note('look here')\nraise error\n"
        )
    )
    assert "look here" in report.error


def test_a_reload_of_nothing_says_so():
    report = ReloadReport(generation=4)
    assert str(report) == "Nothing to reload: the files hold what runs (generation 4)"
    assert (report.ok, report.outcome) == (True, Outcome.UNCHANGED)


def test_the_phases_are_timed_and_the_pause_is_the_part_in_which_nobody_is_answered(run):
    app = run(talk=TALK)
    report = app.reload()
    assert {"check", "stage", "convert", "commit", "retire"} <= report.phases.keys()
    assert report.pause == sum(report.phases[name] for name in ("stage", "convert", "commit"))


def test_the_service_keeps_the_latest_report(run):
    app = run(talk=TALK)
    assert app.service.last_reload is None
    good = app.reload()
    assert app.service.last_reload is good
    bad = app.reload(talk="1/0")
    assert app.service.last_reload is bad


def test_every_line_of_the_application_that_led_to_the_error_is_quoted(run):
    """A helper that validates is not where the mistake is."""
    app = run(
        helper="""
        def room(name):
            if name == "inn":
                raise ValueError(f"there is a room {name!r} already")
        """,
        world="""
        from APP.helper import room
        room("hall")
        """,
    )
    report = app.reload(world=lambda text: text + 'room("inn")\n')
    lines = [line.partition("app0/")[2] or line for line in report.error.splitlines()]
    assert lines == [
        "__init__.py:3 in <module>",
        "    from app0 import world",
        "world.py:4 in <module>",
        '    room("inn")',
        "helper.py:4 in room",
        '    raise ValueError(f"there is a room {name!r} already")',
        "ValueError: there is a room 'inn' already",
    ]


def test_the_ends_of_an_endless_recursion_are_quoted(run):
    app = run(talk="X = 1")
    report = app.reload(talk="def deep():\n    deep()\n\ndeep()\n")
    assert report.error.count("in deep\n") < 30
    assert " more frames ...\n" in report.error


@pytest.mark.parametrize(
    ("text", "reason"), [("1 / 0", "ZeroDivisionError"), ("while True: pass", "TimedOut")]
)
def test_an_error_whose_text_raises_or_does_not_end_is_a_refusal(run, monkeypatch, text, reason):
    monkeypatch.setattr(error_text, "_TEXT_SECONDS", 0.05)
    app = run(talk="X = 1")
    report = app.reload(
        talk=f"class Odd(Exception):\n    def __str__(self):\n        {text}\n\nraise Odd()"
    )
    assert not report.ok
    assert "raise Odd()" in report.error
    assert report.error.endswith(f"Odd: (its text cannot be had: {reason})")


def test_the_cause_of_an_error_is_named(run):
    app = run(talk="X = 1")
    report = app.reload(
        talk="try:\n    {}['x']\nexcept KeyError as e:\n    raise ValueError('no x') from e"
    )
    assert "ValueError: no x\n  raised from " in report.error
    assert report.error.endswith("{}['x']\nKeyError: 'x'")


def test_what_recurs_with_each_save_is_said_once(run):
    """A value that the new code cannot name stays on the service for as long as the service runs."""
    app = run(talk=TALK + "\n    def maker():\n        return lambda: 1\n")
    app.service.answer = app.module("talk").maker()
    first = app.reload(talk=lambda text: text + "\n# 1\n")
    again = app.reload(talk=lambda text: text + "\n# 2\n")
    assert "warning: " in str(first)
    assert "warning: " not in str(again)
    assert again.warnings


FILLED = """
    from cletus.storage import Field, Store
    from APP.core import service

    class User(Store):
        service = service
        charm = Field(None, session=True)

    class Lamp:
        pass

    def fill(user):
        user.charm = lambda: 1
"""


def test_a_cause_is_named_once(run):
    """What stays in the old code by a warning is not named again as what holds old code."""
    app = run(talk=FILLED)
    for key in ("ann", "bob", "cleo"):
        app.module("talk").fill(app.store("user")(key))
    app.service.lamp = app.module("talk").Lamp()
    report = app.reload(talk=lambda text: text.replace("class Lamp:\n    pass", ""))
    text = str(report)
    assert report.holders
    assert text.count("lambda>") == text.count("Lamp is gone") == 1
    assert "alive" not in text
    app.active("user")["ann"].charm = None  # another object is met first
    assert "warning" not in str(app.reload(talk=lambda text: text + "\n# 2\n"))


def test_what_is_parked_is_not_named_again(run):
    app = run(talk=TALK)
    app.store("room")("hall")
    report = app.reload(talk="X = 1\n")
    assert "store room is gone: 1 object parked" in str(report)
    assert report.holders == []
