"""``changes/`` becomes a section of ``CHANGELOG.md``."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cletus import __version__

ROOT = Path(__file__).parents[1]
FRAGMENTS = sorted(path for path in (ROOT / "changes").iterdir() if path.name != ".gitignore")
TOWNCRIER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]


@pytest.fixture(scope="module")
def draft() -> str:
    """The section that the next release will have."""
    command = [sys.executable, "-m", "towncrier", "build", "--draft"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.name)
def test_a_change_is_a_sentence_in_the_next_release(draft: str, fragment: Path) -> None:
    """A file of an unknown kind would be left out silently."""
    text = fragment.read_text().strip()
    assert fragment.name.split(".")[1] in {kind["directory"] for kind in TOWNCRIER["type"]}
    assert text.endswith(".")
    assert f"- {text}" in draft


def test_the_section_is_of_this_version(draft: str) -> None:
    assert f"## {__version__} (" in draft


def test_the_changelog_has_the_place_for_it() -> None:
    assert TOWNCRIER["start_string"] in (ROOT / TOWNCRIER["filename"]).read_text()
