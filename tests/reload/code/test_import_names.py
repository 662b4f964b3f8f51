"""Which modules a text imports, read off its import statements without running it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cletus.reload.code.import_names import absolute_name, all_imports, reachable
from cletus.reload.code.sources import Source, Sources


def source(text: str, name: str = "app.sub.mod", *, is_package: bool = False) -> Source:
    data = text.encode()
    digest = hashlib.blake2b(data, digest_size=16).digest()
    return Source(name, Path(f"/{name}.py"), is_package, data, digest)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import a", {"a"}),
        ("import a.b.c as d, e", {"a", "a.b", "a.b.c", "e"}),
        ("from a import b", {"a", "a.b"}),
        ("from a.b import c as d", {"a", "a.b", "a.b.c"}),
        ("from . import b", {"app", "app.sub", "app.sub.b"}),
        ("from .b import c", {"app", "app.sub", "app.sub.b", "app.sub.b.c"}),
        ("from .. import b", {"app", "app.b"}),
        ("from ..b import c", {"app", "app.b", "app.b.c"}),
        ("def f():\n    if x:\n        import deep", {"deep"}),
        ("a.b.c\n'import d'", set()),
        ("import (", set()),
        ("\0", set()),
    ],
)
def test_names(text, names):
    """Every name that a statement may import is found, wherever it stands, with its parents."""
    assert source(text).imports == names


def test_package():
    """A package's relative imports are meant against itself."""
    assert source("from . import b", "app.sub", is_package=True).imports == {
        "app",
        "app.sub",
        "app.sub.b",
    }


def test_imports_of_several():
    texts = {"a": source("import b"), "b": source("import c.d"), "e": source("import f")}
    assert all_imports(Sources(texts)) == {"b", "c", "c.d", "f"}
    assert reachable(Sources(texts), ["a"]) == {"a", "b", "c", "c.d"}


def test_a_text_is_parsed_once():
    text = source("import a")
    assert text.imports is text.imports


@pytest.mark.parametrize(
    ("name", "level", "absolute"),
    [("x.y", 0, "x.y"), ("", 1, "a.b"), ("x", 1, "a.b.x"), ("x", 2, "a.x"), ("", 2, "a")],
)
def test_absolute_name(name, level, absolute):
    assert absolute_name(name, "a.b", level) == absolute
