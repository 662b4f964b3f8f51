"""The storage tests that take minutes, or root: many kills, many stops, and power cuts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.storage import test_kill, test_stop

KILLS = 10_000
STOPS = 100
CUTS = 200

pytestmark = pytest.mark.soak


def test_no_kill_hurts(memory_folder: Path) -> None:
    """Statement 1, ten thousand times."""
    found = test_kill.findings("JsonFiles", KILLS, memory_folder / "store")
    assert found["wrong"] == [], found["seed"]
    assert found["kills"] == KILLS


def test_no_kill_hurts_on_this_disk(tmp_path: Path) -> None:
    """Statement 1 where flushes take their time."""
    found = test_kill.findings("JsonFiles", KILLS // 20, tmp_path / "store")
    assert found["wrong"] == [], found["seed"]


def test_a_stop_saves_everything(tmp_path: Path) -> None:
    """Statement 6: no object is lost in a hundred stops under a thousand saves a second."""
    found = test_stop.findings("Service", STOPS, tmp_path / "store")
    assert found["lost"] == []
    assert found["stops"] == STOPS


def cuts(kind: str, count: int, *options: str) -> Any:
    """What ``power_cuts.py`` found."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount an image")
    command = [sys.executable, "-m", "tests.soak.power_cuts", kind, str(count), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if "mount" in done.stderr and "CalledProcessError" in done.stderr:
        pytest.skip("cannot mount an image here")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_no_power_cut_loses_a_save() -> None:
    """Statement 2: no key is torn or older than acknowledged, saved alone or in a group."""
    found = cuts("JsonFiles", CUTS)
    assert found["wrong"] == [], found["seed"]
    assert found["acknowledged"] > CUTS


@pytest.mark.parametrize("mutant", ["NO_FOLDER_FLUSH", "NO_FILE_FLUSH", "rename"])
def test_power_cut_mutants(mutant: str) -> None:
    """Without one of the flushes the same test finds losses."""
    assert cuts(mutant, CUTS, "--until-wrong")["wrong"]
