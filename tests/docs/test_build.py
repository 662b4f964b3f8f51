"""``make docs``: the pages are built without a warning, and without the network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

#: Builds like ``make docs``, in a process that cannot connect to anything.
BUILD = """
import socket, sys

def refuse(*_):
    raise OSError("the build of the pages wants the network")

socket.socket.connect = socket.create_connection = refuse

from sphinx.cmd.build import main

sys.exit(main(["-W", "--keep-going", "-n", "-E", "-q", "-b", "html", "docs", sys.argv[1]]))
"""


def test_the_pages_are_built(tmp_path: Path) -> None:
    """A warning fails the build; each page, the search and the index are there after it."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    sources = (REPOSITORY / "docs").rglob("*.md")
    pages = [source.relative_to(REPOSITORY / "docs").with_suffix(".html") for source in sources]
    missing = [str(page) for page in (*pages, "genindex.html") if not (tmp_path / page).exists()]
    assert not missing
