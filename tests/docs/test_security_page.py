"""The page about security names tests that there are, and each requirement that it is to answer."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)))

#: ASVS 5.0.0, levels 1 and 2: section to the last requirement of these levels, which come first in it. The
#: chapters 10 and 17 do not apply as a whole.
LEVEL_2 = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2,
    "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1,
    "3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5, "3.7": 2,
    "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4,
    "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3,
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2,
    "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "9.1": 3, "9.2": 4,
    "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1,
    "12.1": 3, "12.2": 2, "12.3": 4,
    "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5,
    "14.1": 2, "14.2": 4, "14.3": 3,
    "15.1": 3, "15.2": 3, "15.3": 7,
    "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3,
}  # fmt: skip


@pytest.mark.parametrize(("path", "function"), NAMED)
def test_each_test_that_the_page_names_is_there(path: str, function: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    functions = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }
    assert Path(path).name.startswith("test_"), "pytest would not collect it"
    assert function in functions if function else functions


def test_each_requirement_of_level_2_is_answered_once() -> None:
    required = {
        f"{section}.{number}" for section, last in LEVEL_2.items() for number in range(1, last + 1)
    }
    answered = [
        requirement
        for row in re.findall(r"^\| ([\d., -]+) ", PAGE, re.MULTILINE)
        for part in row.split(",")
        for requirement in in_full(part.strip())
        if requirement.count(".") == 2
    ]
    assert len(answered) == len(set(answered))
    assert set(answered) == required


def in_full(part: str) -> list[str]:
    """``1.2.6-1.2.8`` as three requirements."""
    first, _, last = part.partition("-")
    section, _, number = first.rpartition(".")
    if not last:
        return [first]
    return [f"{section}.{n}" for n in range(int(number), int(last.rpartition(".")[2]) + 1)]
