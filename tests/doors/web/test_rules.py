"""The table of README.md and the tests agree: each rule has a test that is named after it, in each file named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROWS = re.findall(r"^\| W(\d+) \|.*\| (.*) \|$", (HERE / "README.md").read_text(), re.MULTILINE)


def test_no_rule_is_left_out() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 20))


@pytest.mark.parametrize(("number", "files"), ROWS, ids=[f"w{int(row[0]):02}" for row in ROWS])
def test_each_rule_has_a_test_in_each_file_that_the_table_names(number: str, files: str) -> None:
    for file in re.findall(r"`(\S+)`", files):
        path = HERE.parents[1] / file if file.startswith("e2e/") else HERE / file
        named = rf"def test_(?:w\d\d_)*w{int(number):02}_|^test\(\"w{int(number):02}: "
        assert re.search(named, path.read_text(), re.MULTILINE), f"W{number}: {file}"
