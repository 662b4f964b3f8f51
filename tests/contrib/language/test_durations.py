"""Durations to and from words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.contrib.language import parse_duration, say_duration
from cletus.errors import Refused


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("2 days", 172800),
        ("1 hour and 30 minutes", 5400),
        ("1 week, 1 day", 691200),
        ("5MIN", 300),
        ("0", 0),
    ],
)
def test_durations_are_read_as_people_write_them(text, seconds):
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "5x", "m5", "-5m", "1.5h", "5m later", "9" * 30, "99999w"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(Refused, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 second"),
        (1, "1 second"),
        (59.6, "1 minute"),
        (90, "1 minute and 30 seconds"),
        (3600, "1 hour"),
        (90061, "1 day and 1 hour"),
    ],
)
def test_durations_are_said_by_their_two_largest_parts(seconds, text):
    assert say_duration(seconds) == text


@given(st.integers(1, 7 * 86400))
def test_what_is_said_can_be_read_again(seconds):
    """To within the part that is not said."""
    read = parse_duration(say_duration(seconds)).total_seconds()
    assert seconds * 0.95 - 60 <= read <= seconds
