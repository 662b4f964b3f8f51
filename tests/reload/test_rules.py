"""Each of the rules R1 to R15 of a reload has tests and a mutant. The tables are in README.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.reload.test_mutants import MUTANTS
from tests.rule_table import assert_named, rows

FOLDER = Path(__file__).parent
ROWS = rows(FOLDER, "R")
PROMISES = re.findall(r"`(\S+)::(test_\w+)`", (FOLDER / "README.md").read_text())


def test_no_rule_is_left_out() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 16))


@pytest.mark.parametrize(("number", "files"), ROWS, ids=[f"r{row[0]}" for row in ROWS])
def test_each_rule_has_tests_and_a_mutant(number: str, files: str) -> None:
    assert_named(FOLDER, f"R{number}", files, r"\w")
    assert any(mutant.rule.startswith(f"R{number} ") for mutant in MUTANTS)


@pytest.mark.parametrize(("file", "test"), PROMISES, ids=[test for _, test in PROMISES])
def test_each_promise_has_its_test(file: str, test: str) -> None:
    path = FOLDER / file
    path = path if path.exists() else FOLDER.parent / file
    assert f"def {test}(" in path.read_text()
