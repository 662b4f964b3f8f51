"""The drawings in the pages are those that the script makes from the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.docs.conftest import DOCS

NAMES = ("flow-of-a-line.svg", "flow-of-a-reload.svg")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of fresh drawings, made by a new process: a trace sees what runs only once in a process."""
    folder = tmp_path_factory.mktemp("drawings")
    subprocess.run([sys.executable, DOCS / "drawings.py", folder], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_up_to_date(name: str, drawn: Path) -> None:
    """``python docs/drawings.py`` draws it anew."""
    text = (drawn / name).read_text()
    assert (DOCS / name).read_text() == text
    ElementTree.fromstring(text)


def test_the_way_of_a_line_is_short() -> None:
    """Each move to another file is one more place where a newcomer has to look. The limits are our choice."""
    script = [sys.executable, DOCS / "flows.py", "line"]
    first = subprocess.run(script, check=True, capture_output=True, text=True).stdout.splitlines()[
        0
    ]
    files, moves, crossings = map(int, re.findall(r"\d+", first))
    assert (files <= 20, moves <= 40, crossings <= 30) == (True, True, True), first
