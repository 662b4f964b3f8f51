"""What ``docs/dependencies.md`` says of the dependencies is what ``pyproject.toml`` says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """``docs/dependencies.py``, which writes the page."""
    spec = importlib.util.spec_from_file_location("dependencies", DOCS / "dependencies.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(columns: int) -> list[list[str]]:
    """The rows of the tables that have so many columns, without their heads."""
    lines = [
        line for line in (DOCS / "dependencies.md").read_text().splitlines() if line[:2] == "| "
    ]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return [row for row in cells if len(row) == columns and row[0] not in ("package", "extra")]


def listed() -> dict[str, list[str]]:
    """The first table: name to its row. Both have four columns; extras are in backquotes."""
    return {row[0]: row for row in rows(4) if "`" not in row[0]}


def test_the_page_lists_the_dependencies_with_their_reasons(script: ModuleType) -> None:
    """If this fails: ``python docs/dependencies.py``."""
    ours = {name: row[3] for name, row in listed().items() if row[2] == "Cletus"}
    why = script.reasons()
    assert ours == {name: why[name] for name in script.direct()}


def test_every_dependency_has_its_reason(script: ModuleType) -> None:
    """As a comment beside it in ``pyproject.toml``."""
    why = script.reasons()
    names = [*script.direct(), *(one for extra in script.EXTRAS for one in script.direct(extra))]
    assert [name for name in names if not why.get(name)] == []


def test_the_page_lists_the_extras(script: ModuleType) -> None:
    found = {
        re.sub(r"`cletus-live\[(\w+)\]`", r"\1", row[0]): row[1] for row in rows(4) if "`" in row[0]
    }
    assert set(found) == set(script.EXTRAS)
    for extra in script.EXTRAS:
        assert set(script.direct(extra)) <= set(found[extra].split(", "))


def test_the_page_sums_up(script: ModuleType) -> None:
    text = (DOCS / "dependencies.md").read_text()
    stated = re.search(r"(\d+) packages, ([\d.]+) MiB;", text)
    assert stated is not None
    assert int(stated[1]) == len(listed())
    total = sum(int(row[1].replace(",", "")) for row in listed().values())
    assert float(stated[2]) == pytest.approx(total / 1024, abs=0.1)
