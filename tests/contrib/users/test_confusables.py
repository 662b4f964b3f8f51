"""Names that a reader could take for one another share a look."""

# ruff: noqa: RUF001 - ambiguous letters are what this is about

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.contrib.users.confusables import skeleton, skeletons

ALIKE = [
    ("bob", "BOB"),
    ("bob", "воЬ".replace("в", "b").replace("Ь", "b")),
    ("coco", "сосо"),  # all of it Cyrillic
    ("paypal", "раураl"),
    ("Bob", "ΒΟΒ"),  # all of it Greek
    ("mary", "rnary"),
    ("Ian", "lan"),
    ("ian", "lan"),  # for its owner may write it with a capital
    ("Illya", "lllya"),
    ("Søren", "So\u0338ren"),
    ("bøb", "bo\u0338b"),
    ("Zoë", "Zoe\u0308"),
    ("ɑnn", "ann"),
    ("scope", "ѕсоре"),
]

UNLIKE = [
    ("bob", "rob"),
    ("ann", "anne"),
    ("Zoë", "Zoe"),
    ("lisa", "elsa"),
    ("tom", "tim"),
    ("Marc", "Mark"),
    ("зоя", "zoe"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_look_alikes_share_a_look(one, other):
    """UTS 39's tables, and capitals."""
    assert skeletons(one) & skeletons(other)


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_others_do_not(one, other):
    """Else nobody would get a name."""
    assert not skeletons(one) & skeletons(other)


def test_the_skeletons_of_the_standard():
    """The example of UTS 39: both are ``paypal``."""
    assert skeleton("𝔭𝒶ỿ𝕡𝕒ℓ") == skeleton("paypal")
    assert skeleton("pаypal") == skeleton("paypal")


@given(st.text(max_size=20))
def test_a_skeleton_does_not_depend_on_normalisation(text):
    """And a skeleton's skeleton is itself, so one comparison tells what looks alike."""
    assert skeleton(skeleton(text)) == skeleton(text)
    assert skeleton(unicodedata.normalize("NFC", text)) == skeleton(
        unicodedata.normalize("NFD", text)
    )
