"""Statements 3 to 5 with the real kernel: strace makes system calls fail or kills in the middle."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cletus.storage.backends.json_files import JsonFiles

SAVES = """
import json, sys
from cletus.errors import StorageError
from cletus.storage.interfaces import Document
from cletus.storage.backends.json_files import JsonFiles
home = JsonFiles(sys.argv[1])
home.open()
told = []
for version in range(3):
    try:
        home.write("user", "bob", b"version %d" % version)
        told.append("saved")
    except StorageError as error:
        told.append(type(error).__name__)
    print(json.dumps(told), flush=True)
group = [Document("user", f"k{n}", b"group") for n in range(5)]
told += sorted({type(failure.error).__name__ for failure in home.write_many(group)})
print(json.dumps(told), flush=True)
"""


def saves(folder: Path, inject: str) -> tuple[list[str], int]:
    """What a process told that saved with this fault injected, and how it ended."""
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={inject}"]
    done = subprocess.run(
        [*strace, sys.executable, "-c", SAVES, str(folder)], capture_output=True, text=True
    )
    if not done.stdout and "ptrace" in done.stderr.lower():
        pytest.skip("strace may not trace here")
    return (json.loads(done.stdout.splitlines()[-1]) if done.stdout else []), done.returncode


@pytest.fixture(autouse=True)
def _strace() -> None:
    if shutil.which("strace") is None:
        pytest.skip("needs strace (apt-get install strace)")


# Opening flushes the parent of a new folder and the folder, the first save flushes that
# again: a save's own two flushes come after those three.
@pytest.mark.parametrize(
    ("inject", "told"),
    [
        ("fsync:error=EIO:when=6", ["saved", "StoreIOError", "saved"]),
        ("fsync:error=ENOSPC:when=6", ["saved", "StoreFull", "saved"]),
        ("rename,renameat,renameat2:error=EROFS:when=2", ["saved", "StoreDenied", "saved"]),
        ("syncfs:error=EIO:when=1", ["saved", "saved", "saved"]),
        ("fsync:error=EIO:when=9+", ["saved", "saved", "StoreIOError", "StoreIOError"]),
    ],
)
def test_injected_errors_are_named(tmp_path: Path, inject: str, told: list[str]) -> None:
    """The old version stands, nothing is left over, and the next save works."""
    assert saves(tmp_path / "store", inject) == (told, 0)
    assert list(tmp_path.rglob("*.tmp")) == []
    assert (tmp_path / "store" / "user" / "bob.json").read_text().startswith("version")


@pytest.mark.parametrize(
    "call", ["fsync:signal=KILL:when=6", "rename,renameat,renameat2:signal=KILL:when=2"]
)
def test_killed_within_a_call(tmp_path: Path, call: str) -> None:
    """The first version stands; the second, or its temporary file, is swept at the next start."""
    told, status = saves(tmp_path / "store", call)
    assert told == ["saved"]
    assert status != 0
    home = JsonFiles(tmp_path / "store")
    home.open()
    assert home.read("user", "bob") in {b"version 0", b"version 1"}
    assert list(tmp_path.rglob("*.tmp")) == []
    home.close()
