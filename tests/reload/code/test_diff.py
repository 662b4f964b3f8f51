"""A plan tells what differs, and touches nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cletus.errors import SourceError
from cletus.reload.code.diff import compare, compile_all
from cletus.reload.code.sources import Source, Sources


def sources(**texts: str) -> Sources:
    return Sources(
        {
            name: Source(
                name,
                Path(f"/x/{name}.py"),
                False,
                text.encode(),
                hashlib.blake2b(text.encode()).digest(),
            )
            for name, text in texts.items()
        }
    )


def test_a_plan_names_what_changed_what_is_new_and_what_is_gone():
    plan = compare(sources(a="1", b="2", c="3"), sources(b="2", c="4", d="5"))
    assert (plan.changed, plan.added, plan.removed) == (("c",), ("d",), ("a",))
    assert not plan.is_empty


def test_equal_content_is_no_change():
    assert compare(sources(a="1"), sources(a="1")).is_empty


def test_a_check_compiles_everything_once_and_names_file_and_line():
    compile_all(compare(sources(), sources(a="x = 1")))
    with pytest.raises(SourceError) as caught:
        compile_all(compare(sources(), sources(a="x = 1", b="x = 1\ny = (\n")))
    assert (caught.value.path, caught.value.line, caught.value.text) == (
        Path("/x/b.py"),
        2,
        "y = (",
    )


def test_a_broken_file_counts_only_if_it_is_imported():
    """A template, or a test that is being written, does not keep the code from being reloaded."""
    broken = sources(a="import b", b="x = 1", c="import (")
    compile_all(compare(sources(), broken), ["a"])
    for entries in (["a", "c"], None):
        with pytest.raises(SourceError):
            compile_all(compare(sources(), broken), entries)
    reached = sources(a="def f():\n    from b import x", b="import c", c="import (")
    with pytest.raises(SourceError):
        compile_all(compare(sources(), reached), ["a"])
