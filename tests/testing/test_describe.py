"""Descriptions of values from two generations of code compare equal."""

from __future__ import annotations

from functools import partial

from cletus.testing.describe import describe


def test_descriptions_tell_sharing_cycles_and_classes_apart():
    shared = [1]
    loop = []
    loop.append(loop)
    assert describe([shared, shared]) != describe([[1], [1]])
    assert describe(loop) == describe(loop)
    assert describe([1]) != describe((1,))
    assert describe(True) != describe(1)
    assert describe({1, 2}) == describe({2, 1})


def test_a_partial_is_the_same_whether_its_attributes_were_looked_at_or_not():
    """A reload looks at them, and so an editor with a partial did not seem to survive it."""
    call = partial(print, 1, end="")
    before = describe(call)
    assert vars(call) == {}
    assert describe(call) == before
    assert describe(partial(print, 2, end="")) != before
