"""Each of the rules S1 to S12 of a restart has a test that is named after it. The table is in README.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROWS = re.findall(
    r"^\| S(\d+) \|.*\| (.*) \|$", (Path(__file__).parent / "README.md").read_text(), re.MULTILINE
)


def test_no_rule_is_left_out() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 13))


@pytest.mark.parametrize(("number", "files"), ROWS, ids=[f"s{row[0]}" for row in ROWS])
def test_each_rule_has_a_test_in_each_file_that_the_table_names(number: str, files: str) -> None:
    for file in re.findall(r"`(\S+)`", files):
        path = TESTS / file if "/" in file else Path(__file__).parent / file
        named = rf"def test_(?:[sw]\d+_)*s{number}_"
        assert re.search(named, path.read_text()), f"S{number}: {file}"
