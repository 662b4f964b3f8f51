"""What one import of the application's code has defined."""

from __future__ import annotations

import pytest

from cletus.errors import DuplicateStore
from cletus.service.session import Generation


class Room: ...


def test_a_store_is_known_by_its_lower_case_name() -> None:
    generation = Generation(3)
    generation.add_store(Room, imported=True)  # type: ignore[arg-type]  # only its name counts here
    assert (generation.number, generation.stores) == (3, {"room": Room})
    assert generation.imported_stores == {"room"}


def test_who_defines_a_store_is_remembered() -> None:
    """What no module body has defined is not defined again by the next."""
    generation = Generation(0)
    generation.add_store(Room, imported=False)  # type: ignore[arg-type]  # as above
    assert generation.imported_stores == set()


@pytest.mark.parametrize("name", ["Room", "ROOM", "room"])
def test_two_stores_cannot_share_a_name(name: str) -> None:
    """In any case: they would share a folder. The message names both."""
    generation = Generation(0)
    generation.add_store(Room, imported=True)  # type: ignore[arg-type]  # as above
    other = type(name, (), {"__module__": "elsewhere"})
    with pytest.raises(DuplicateStore, match=rf"(?s){__name__}.Room.*elsewhere") as raised:
        generation.add_store(other, imported=True)
    assert raised.value.classes == (other, Room)
    assert generation.stores == {"room": Room}
