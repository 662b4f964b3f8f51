"""Statement 6: a stopped service loses nothing that it had in memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

STOPS = 20


def findings(kind: str, stops: int, folder: Path) -> Any:
    """What ``stops.py`` found, in a process of its own: it forks before there is a reactor."""
    command = [sys.executable, "-m", "tests.storage.stops", kind, str(stops), str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@pytest.mark.e2e
def test_a_stop_saves_everything(memory_folder: Path) -> None:
    """What was to be saved soon, and what nobody had asked to be saved."""
    found = findings("Service", STOPS, memory_folder / "store")
    assert found["lost"] == []
    assert found["stops"] == STOPS
    assert found["changes"] > STOPS


@pytest.mark.e2e
def test_stop_mutant(memory_folder: Path) -> None:
    """A service that leaves in haste is noticed."""
    assert findings("ForgetfulService", 3, memory_folder / "store")["lost"]
