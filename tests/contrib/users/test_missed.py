"""What somebody was told while their connection was broken, within bounds."""

from __future__ import annotations

import pytest

from cletus.contrib.users.presence import CHARACTERS_MAX, LINES_MAX
from cletus.text.markup import style


@pytest.fixture
def bob(talker):
    return talker.user_cls("bob", name="Bob")


def test_only_the_last_lines_are_kept(talker, bob):
    """Somebody may be waited for in a busy room."""
    for number in range(LINES_MAX + 50):
        bob.miss(f"line {number}")
    person = talker.person()
    bob.show_missed(person.client)
    text = person.new_text()
    assert "(50 earlier lines were dropped.)" in text
    assert "line 49\n" not in text
    assert "line 50\n" in text
    assert f"line {LINES_MAX + 49}\n" in text
    assert bob.missed == []


def test_long_lines_are_bounded_too(bob):
    """Neither many nor one can fill the memory."""
    bob.miss("x" * CHARACTERS_MAX * 3)
    assert len(bob.missed[0]) == CHARACTERS_MAX
    for _ in range(50):
        bob.miss("y" * (CHARACTERS_MAX // 4))
    assert sum(map(len, bob.missed)) <= CHARACTERS_MAX


def test_nothing_missed_is_not_mentioned(talker, bob):
    """Most reconnects are quick."""
    person = talker.person()
    person.new_text()
    bob.show_missed(person.client)
    assert person.new_text() == ""


def test_colours_wait_too(talker, bob):
    """As markup and not as escape sequences: nobody knows which terminal comes back."""
    line = style("[red]{what}[/]", what="fire")
    bob.miss(line, 7)
    assert bob.missed == [line, "7"]
    report = talker.reload()
    assert "carried as it is" not in str(report)
    assert talker.user("bob").missed == [line, "7"]
