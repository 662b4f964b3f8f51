"""``make test-all`` finds the Pythons of a machine, and says how the tests went on each."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "test_all.py"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, on a machine that has nothing but what a test puts into a folder."""
    spec = importlib.util.spec_from_file_location("test_all_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "test_all_script", module)  # dataclasses look for it there
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "LOGS", tmp_path / "logs")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    monkeypatch.setattr(sys, "argv", ["test_all.py"])
    return module


def put(path: Path, answer: str) -> None:
    """A program that answers this, whatever it is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{answer}\n")
    path.chmod(0o755)


def test_the_newest_of_each_version_is_taken(script: ModuleType, tmp_path: Path) -> None:
    """Not what is too old, no CPython, without the lock, a shim for nothing, or no program at all."""
    put(tmp_path / "bin" / "python3.91", "echo 3 91 2 cpython 0")
    put(tmp_path / "pyenv" / "versions" / "a" / "bin" / "python3.91", "echo 3 91 5 cpython 0")
    put(tmp_path / "pyenv" / "versions" / "b" / "bin" / "python3.91", "echo 3 91 1 cpython 0")
    put(tmp_path / "uv" / "c" / "bin" / "python3.92", "echo 3 92 0 cpython 0")
    put(tmp_path / "bin" / "python3.7", "echo 3 7 9 cpython 0")
    put(tmp_path / "bin" / "python3.93", "echo 3 93 0 pypy 0")
    put(tmp_path / "bin" / "python3.94", "echo 3 94 0 cpython 1")
    put(tmp_path / "bin" / "python3.95", "echo 'no such version' >&2; exit 127")
    put(tmp_path / "bin" / "python3.96-config", "echo 3 96 0 cpython 0")
    found = [one for one in script.interpreters() if one.version >= (3, 90)]
    assert [(one.name, one.version) for one in found] == [
        ("3.91", (3, 91, 5)),
        ("3.92", (3, 92, 0)),
    ]


def test_each_has_its_environment_and_its_line(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A failure on one of them is the failure of all; the others are still tested."""
    found = [script.Interpreter((3, 91, 0), "/a"), script.Interpreter((3, 92, 0), "/b")]
    monkeypatch.setattr(script, "interpreters", lambda: found)
    asked = '[ "$2" = pytest ] || exit 0; case "$*" in *" tests/e2e") n=2;; *) n=40;; esac; echo'
    put(
        tmp_path / ".venv-3.91" / "bin" / "python",
        f'{asked} "=== 1 failed, $n passed in 3.0s ==="; exit 1',
    )
    put(
        tmp_path / ".venv-3.92" / "bin" / "python",
        f'{asked} "=== $n passed, 1 skipped in 3.0s ==="',
    )
    assert script.main() == 1
    table = capsys.readouterr().out
    assert "1 failed, 40 passed; 1 failed, 2 passed" in table
    assert "40 passed, 1 skipped; 2 passed, 1 skipped" in table
    assert [line.split()[1] for line in table.splitlines() if line.startswith("3.9")] == [
        "FAILED",
        "well",
    ]
    assert (tmp_path / "logs" / "3.91.log").is_file()


def test_a_machine_without_any_is_told_so(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "interpreters", list)
    assert script.main() == 1
    assert "no CPython from 3.11 on" in capsys.readouterr().out
