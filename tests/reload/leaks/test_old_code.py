"""Whether old code is gone."""

from __future__ import annotations

import typing

from cletus.reload.leaks.old_code import collect
from tests.reload.hosting import old_module


def test_old_code_keeps_nothing_alive():
    """Watching code does not keep it."""
    module, old = old_module("class A: pass\ndef f(): return A\n")
    assert old.alive() == ("old",)
    kept = module.A
    del module
    collect()
    assert old.survivors() == [kept]
    del kept
    collect()
    assert old.alive() == ()


def test_collect_empties_the_caches_of_typing():
    """Python's own caches of ``Optional[X]`` and the like keep no old class."""
    module, old = old_module("class A: pass")
    kept = [typing.Optional[module.A], typing.List[module.A]]  # noqa: UP006, UP045 - these are cached
    del module
    kept.clear()
    collect()
    assert old.alive() == ()
