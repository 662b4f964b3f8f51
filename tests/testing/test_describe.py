"""Portraits: values described so that those of two generations of code compare equal."""

from __future__ import annotations

from cletus.testing.describe import portrait


def test_portraits_tell_sharing_cycles_and_classes_apart():
    shared = [1]
    loop = []
    loop.append(loop)
    assert portrait([shared, shared]) != portrait([[1], [1]])
    assert portrait(loop) == portrait(loop)
    assert portrait([1]) != portrait((1,))
    assert portrait(True) != portrait(1)
    assert portrait({1, 2}) == portrait({2, 1})
