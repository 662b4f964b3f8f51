"""The table of the contract's sentences names tests that exist, and all tests of the contract."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
ROWS = [
    line.strip("|").rpartition(" | ") for line in (HERE / "README.md").read_text().splitlines()[8:]
]


def names_in(file: str) -> set[str]:
    tree = ast.parse((HERE / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_sentence_has_tests_that_exist() -> None:
    """One at least."""
    for sentence, _, tests in ROWS:
        found = re.findall(r"`(?:([\w./]+)::)?(test_\w+)`", tests)
        assert found, sentence
        for file, name in found:
            assert name in names_in(file or "test_contract.py"), name


def test_each_test_of_the_contract_is_in_the_table() -> None:
    """So a new one gets its sentence."""
    named = {name for _, _, tests in ROWS for name in re.findall(r"test_\w+", tests)}
    assert {name for name in names_in("test_contract.py") if name.startswith("test_")} <= named
