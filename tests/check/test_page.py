"""The page of the documentation has every finding, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import cletus
from cletus.check.side_effects import _WORDS
from cletus.check.stored_data import _NAMES

PACKAGE = Path(cletus.__file__).parent
PAGE = PACKAGE.parent / "docs" / "checking.md"


def named_in_code() -> set[str]:
    files = [*(PACKAGE / "check").glob("*.py"), *(PACKAGE / "contrib").glob("*/checks.py")]
    found = {name for file in files for name in _named(ast.parse(file.read_text()))}
    return found | {name for name, _, _ in _WORDS.values()} | set(_NAMES.values())


def _named(tree: ast.AST) -> Iterator[str]:
    """The first argument of ``error`` and ``warning``, and the name that ``_wrong`` makes of a setting."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        given = [one.value for one in node.keywords if one.arg == "name"]
        first = given[0] if given else next(iter(node.args), None)
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            if node.func.id in {"error", "report", "warning"}:
                yield first.value
            elif node.func.id == "_wrong":
                yield first.value.replace("_", "-")


def test_the_page_has_every_finding_and_no_other():
    text = PAGE.read_text().partition("## The findings")[2]
    rows = re.findall(r"^\| (`.*?) \| (?:error|warning) \|", text, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)} | {"check-failed"}
    assert told == named_in_code()
