"""The code in the documentation runs, page by page, from the top to the bottom of each.

A block that names a file is that file, in the words of its fence (```` ```toml rooms.toml ````) or by a
comment as its first line (``# talker/users.py``). A file of Python is imported where it stands, and
its names are there for the blocks after it; others are there from the start. Any other block of
Python is run as it stands. A fence with other words, ```` ```python (a sketch) ````, is for reading.
"""

from __future__ import annotations

import importlib
import re
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cletus import Service

DOCS = Path(__file__).parents[1] / "docs"
FENCE = re.compile(r"^```(\w+)(?: +([\w./-]+\.\w+))? *\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# ([\w./-]+\.\w+)\n")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the file that it is (or nothing), its code and line."""

    language: str
    file: str
    code: str
    line: int


def blocks(page: Path) -> list[Block]:
    """All blocks of a page that are for more than reading."""
    text = page.read_text()
    found = []
    for match in FENCE.finditer(text):
        language, name, code = match.groups()
        comment = NAMED.match(code)
        file = name or (comment[1] if comment else "")
        found.append(Block(language, file, code, text.count("\n", 0, match.start(3))))
    return found


def pages() -> list[Path]:
    """All pages that have code, but for the tutorial, which ``tests/docs/test_tutorial.py`` plays."""
    found = [DOCS.parent / "README.md", *DOCS.rglob("*.md")]
    return sorted(
        page
        for page in found
        if "```python" in page.read_text() and not page.name.startswith("tutorial")
    )


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The module that a page's code runs in, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    page = types.ModuleType("page")
    page.__file__ = str(tmp_path / "page.py")
    sys.modules["page"] = page
    yield page
    for value in list(vars(page).values()):
        if isinstance(value, Service):
            value.session.close()
    for name in set(sys.modules) - before:
        path = getattr(sys.modules[name], "__file__", None) or ""
        if path.startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(DOCS.parent)))
def test_the_code_of_a_page_runs(page: Path, module: types.ModuleType, tmp_path: Path) -> None:
    """A failure has the line of the page."""
    found = blocks(page)
    for block in found:
        if block.file:
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code)
    unnamed = [block for block in found if block.language == "python" and not block.file]
    (tmp_path / "page.py").write_text("\n".join(block.code for block in unnamed))
    for block in found:
        if block.language == "python" and block.file:
            vars(module).update(_names_of(Path(block.file)))
        elif block in unnamed:
            exec(compile("\n" * block.line + block.code, str(page), "exec"), vars(module))


def _names_of(path: Path) -> dict[str, object]:
    importlib.invalidate_caches()
    module = importlib.import_module(".".join(path.with_suffix("").parts))
    return {name: value for name, value in vars(module).items() if not name.startswith("__")}
