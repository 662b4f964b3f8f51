"""The files beside this one are correct to type checkers, and mistakes in them are seen."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(str(path) for path in HERE.glob("*_types.py"))
BIN = str(Path(sys.executable).parent)
PYRIGHT = shutil.which("basedpyright", path=BIN) or shutil.which("pyright")


def test_mypy_agrees() -> None:
    """``mypy --strict`` sees the types that are asserted, and each mistake that is marked."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", *FILES]
    result = subprocess.run(
        command, capture_output=True, text=True, cwd=HERE.parents[1], check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.skipif(PYRIGHT is None, reason="neither pyright nor basedpyright is installed")
def test_pyright_agrees() -> None:
    """So does pyright, where it is installed."""
    command = [str(PYRIGHT), "--project", str(HERE), "--level", "error"]
    result = subprocess.run(
        [*command, "--pythonpath", sys.executable], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr
