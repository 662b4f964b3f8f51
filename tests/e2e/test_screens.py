"""What strangers put on other people's screens, over real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.place import PASSWORD, Place

RATE = 5
NOT_SENT = "That one was not sent."


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path, "--screen-lines-of-newcomers", str(RATE))
    yield place
    assert place.stop() == 0


def test_the_guests_of_one_address_put_few_lines_on_the_screen_of_a_bystander(place: Place) -> None:
    """However many they are; and the bystander stays connected."""
    place.register("Ann")
    ann = place.visitor()
    for prompt, answer in (("name", "Ann"), ("assword", PASSWORD)):
        ann.sees(prompt)
        ann.says(answer)
    ann.sees("aloud")
    guests = [place.visitor() for _ in range(10)]
    for guest in guests:
        guest.sees("name")
        guest.says("guest")
        guest.sees("aloud")
    begun = time.monotonic()
    for guest in guests:
        for number in range(20):
            guest.says(f"spam {number}")
    for guest in guests:
        guest.sees(NOT_SENT)
    ann.says(".who")
    seen = ann.sees(" online.")
    assert seen.count(b"spam") <= RATE * (2 + time.monotonic() - begun)
    for visitor in (ann, *guests):
        visitor.close()
