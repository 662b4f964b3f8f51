"""Statement 1: killed at any instant, every file is whole, and nothing acknowledged is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

KILLS = 200
UNTIL_CAUGHT = 400


def findings(home: str, kills: int, folder: Path, *options: str) -> Any:
    """What ``kills.py`` found, in a process of its own: a child must be forked from little."""
    command = [sys.executable, "-m", "tests.storage.kills", home, str(kills), str(folder), *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_no_kill_hurts(memory_folder: Path) -> None:
    """Each document is the last acknowledged version or the one under way; leftovers are swept."""
    found = findings("JsonFiles", KILLS, memory_folder / "store")
    assert found["wrong"] == [], found["seed"]
    assert found["kills"] == KILLS
    assert found["interrupted"] > 0, "no kill came in the middle of a save: this showed nothing"


@pytest.mark.parametrize("mutant", ["PlainWrite", "NoSweep"])
def test_kill_mutants(memory_folder: Path, mutant: str) -> None:
    """Writing into the document itself, or leaving what a crash left, is noticed."""
    found = findings(mutant, UNTIL_CAUGHT, memory_folder / "store", "--until-wrong")
    assert found["wrong"]
