"""Objects by name: several of one name are told apart, and some must be in one's room."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cletus.contrib.commands import here, online
from cletus.errors import Refused


class Rat:
    def __init__(self, key: str, name: str) -> None:
        self.key, self.name = key, name

    manager = SimpleNamespace()


RATS = [Rat("rat-1", "rat"), Rat("rat-2", "rat"), Rat("bat-1", "bat"), Rat("rattle-1", "rattle")]
Rat.manager.active = lambda: {rat.key: rat for rat in RATS}
Rat.manager.get_active = {rat.key: rat for rat in RATS}.get
EVENT = SimpleNamespace(user=SimpleNamespace(room=None))


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("1.rat", "rat-1"),
        ("2.rat", "rat-2"),
        ("2.RAT", "rat-2"),
        ("b", "bat-1"),
        ("ratt", "rattle-1"),
    ],
)
def test_a_number_tells_namesakes_apart(word, key):
    assert online(word, Rat, EVENT).key == key


def test_the_key_is_always_enough():
    assert online("rat-2", Rat, EVENT).key == "rat-2"


def test_by_the_key_nobody_else_is_looked_at(monkeypatch):
    """Thousands may be online, and somebody is told something with every third line."""
    monkeypatch.delattr(Rat.manager, "active")
    assert online("Rat-2", Rat, EVENT).key == "rat-2"


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("rat", r"Which rat\? Type 1\.rat to 2\.rat\."),
        ("3.rat", r"There are only 2 called 'rat'\."),
        ("ra", "'ra' could be rat or rattle"),
        ("2.cat", "There is no rat called 'cat'"),
        ("2.", "There is no rat called '2.'"),
    ],
)
def test_what_is_not_clear_is_asked(word, answer):
    with pytest.raises(Refused, match=answer):
        online(word, Rat, EVENT)


def test_here_finds_only_what_is_in_the_room():
    room = SimpleNamespace(occupants=[object()], contents=[RATS[1], RATS[2]])
    event = SimpleNamespace(user=SimpleNamespace(room=room))
    assert here("rat", Rat, event) is RATS[1]
    with pytest.raises(Refused, match="There is no rat called 'rattle'"):
        here("rattle", Rat, event)
    with pytest.raises(Refused, match="There is no rat called 'rat'"):
        here("rat", Rat, EVENT)
