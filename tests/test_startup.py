"""``import cletus`` is quick because it leaves out what only some services use."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Each takes tens of milliseconds, and is loaded when it is first needed.
HEAVY = (
    "OpenSSL",
    "cletus.contrib",
    "cletus.cli",
    "click",
    "cryptography",
    "h11",
    "prometheus_client",
    "pygments",
    "pytest",
    "rich",
    "sqlalchemy",
    "twisted.application",
    "twisted.conch",
    "twisted.internet.endpoints",
    "twisted.internet.reactor",
    "twisted.web",
    "websockets",
    "yaml",
)


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """The modules that a process has that has imported Cletus and nothing else."""
    code = "import sys, cletus; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("name", HEAVY)
def test_it_is_imported_when_it_is_needed(imported: set[str], name: str) -> None:
    """``benchmarks/startup.py`` measures what that saves."""
    assert name not in imported
