"""Descriptions of values from two generations of code compare equal."""

from __future__ import annotations

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
