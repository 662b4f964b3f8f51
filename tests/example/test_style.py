"""What people copy is short, and fits their window."""

from __future__ import annotations

from tests.example.conftest import ROOT

FILES = sorted((ROOT / "example_service").glob("*.py"))


def test_it_is_under_950_lines_in_short_modules():
    lengths = {path.name: len(path.read_text().splitlines()) for path in FILES}
    assert sum(lengths.values()) < 950
    assert max(lengths.values()) <= 140


def test_it_fits_80_columns():
    wide = [
        f"{path.name}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > 79
    ]
    assert wide == []
