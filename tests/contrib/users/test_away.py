"""Being there and yet not."""

from __future__ import annotations

import pytest

from cletus.testing import assert_survives_reload


@pytest.fixture
def bob(talker):
    return talker.user_cls("bob", name="Bob")


def test_away(bob):
    """With a message or without."""
    assert not bob.is_away
    assert bob.away_text() == ""
    bob.go_away(" lunch ")
    assert bob.is_away
    assert bob.away_text() == "away: lunch"
    bob.go_away()
    assert bob.away_text() == "away"
    assert bob.come_back()
    assert not bob.come_back()


def test_away_survives_a_reload_but_not_the_session(talker, bob):
    """It is about now."""
    bob.go_away("lunch")
    assert "lunch" not in bob.to_json()
    assert assert_survives_reload(talker.service, bob).away_text() == "away: lunch"
