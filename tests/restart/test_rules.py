"""Each of the rules S1 to S12 of a restart has a test that is named after it. The table is in README.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rule_table import assert_named, rows

FOLDER = Path(__file__).parent
ROWS = rows(FOLDER, "S")


def test_no_rule_is_left_out() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 13))


@pytest.mark.parametrize(("number", "files"), ROWS, ids=[f"s{row[0]}" for row in ROWS])
def test_each_rule_has_a_test_in_each_file_that_the_table_names(number: str, files: str) -> None:
    assert_named(FOLDER, f"S{number}", files, rf"(?:[sw]\d+_)*s{number}_")
