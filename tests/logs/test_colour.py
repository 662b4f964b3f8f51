"""The log in colour, for developers: without the values of variables."""

from __future__ import annotations

import re

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from cletus.logs.colour import STYLES, colour_renderer
from cletus.logs.context import log_context

ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def render(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return colour_renderer(100)


def failed(secret):
    """A failure in a frame that has a secret in a variable."""
    try:
        return {}[len(secret)]
    except KeyError:
        return Failure()


@pytest.mark.parametrize("level", list(STYLES))
def test_a_level_has_its_colour(render, level):
    text = render({"log_time": 0.0, "log_format": "hello", "log_level": level})
    assert ANSI.search(text)
    assert re.fullmatch(rf"\d\d:\d\d:\d\d {level.name} +hello\n", ANSI.sub("", text))


def test_no_color_is_respected(monkeypatch):
    """See no-color.org."""
    monkeypatch.setenv("NO_COLOR", "1")
    text = colour_renderer(80)({"log_format": "x", "log_level": LogLevel.error})
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", text)


def test_a_long_message_is_one_line(render):
    """Its terminal wraps it, so a selection copies it whole."""
    assert render({"log_format": "x " * 200}).count("\n") == 1


def test_markup_in_a_message_is_no_markup(render):
    """What somebody typed may look like it."""
    assert "[bold]hi[/]" in ANSI.sub("", render({"log_format": "{m}", "m": "[bold]hi[/]"}))


def test_a_traceback_shows_the_code_and_no_variable(render):
    text = ANSI.sub("", render({"log_format": "x", "log_failure": failed("open sesame")}))
    assert "return {}[len(secret)]" in text
    assert "KeyError: 11" in text
    assert "open sesame" not in text


def test_frames_of_twisted_are_without_code(render):
    """A developer looks for their own code."""
    done = Deferred()
    done.addCallback(lambda _: {}["gone"])
    failures = []
    done.addErrback(failures.append)
    done.callback(None)
    text = ANSI.sub("", render({"log_format": "x", "log_failure": failures[0]}))
    assert "_runCallbacks" in text
    assert "current.result = callback(" not in text
    assert '{}["gone"]' in text


def test_a_failure_without_a_traceback_is_told(render):
    text = ANSI.sub(
        "", render({"log_format": "x", "log_failure": Failure(ValueError("never raised"))})
    )
    assert "ValueError" in text
    assert "never raised" in text


def test_what_a_terminal_would_obey_is_shown(render):
    event = {"log_format": "{m}", "m": "\x1b[2Jcls", "log_failure": Failure(ValueError("\x1b[2J"))}
    assert "\x1b[2J" not in render(event)


def raised(error):
    """A failure with a traceback."""
    try:
        raise error
    except type(error):
        return Failure()


def _noted(error, note):
    error.add_note(note)
    return error


@pytest.mark.parametrize(
    "failure",
    [
        Failure(ValueError("bad: open 12 'sesame'")),
        raised(ValueError("bad: open 12 'sesame'")),
        raised(KeyError("open 12 'sesame'")),
        raised(_noted(ValueError("x"), "bad: open 12 'sesame'")),
        raised(ExceptionGroup("g", [raised(ValueError("bad: open 12 'sesame'")).value])),
    ],
)
def test_a_line_typed_unseen_is_not_quoted_by_the_error(render, failure):
    """Also where colours would have come between its words."""
    with log_context(None, hidden="open 12 'sesame'"):
        text = ANSI.sub("", render({"log_format": "x", "log_failure": failure}))
    # In the lines of this file it stands as well.
    assert "***" in text.splitlines()[-1] or "***" in text
    assert "sesame" not in "".join(text.rpartition("─╯")[2:])
