"""The tables of rules in the READMEs of tests: each rule has a test that is named after it."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent


def rows(folder: Path, letter: str) -> list[tuple[str, str]]:
    """The number of each rule, and the files of its tests, as the table of a folder has them."""
    table = (folder / "README.md").read_text()
    return re.findall(rf"^\| {letter}(\d+) \|.*\| (.*) \|$", table, re.MULTILINE)


def assert_named(folder: Path, number: str, files: str, named: str) -> None:
    """Assert that each file has a test whose name matches."""
    for file in re.findall(r"`(\S+)`", files):
        path = folder / file if (folder / file).exists() else TESTS / file
        assert re.search(rf"def test_{named}", path.read_text()), f"{number}: {file}"
