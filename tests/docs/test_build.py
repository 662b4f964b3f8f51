"""``make docs``: the pages are built without a warning, and without the network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cletus.renamed import ATTRIBUTES

#: The full name of an object of the reference.
OBJECT = re.compile(r'<dt class="sig[^"]*" id="([^"]+)"')
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


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the pages. A warning fails the build."""
    folder = tmp_path_factory.mktemp("docs")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_the_pages_are_built(built: Path) -> None:
    """Each page, the search and the index are there."""
    sources = (REPOSITORY / "docs").rglob("*.md")
    pages = [source.relative_to(REPOSITORY / "docs").with_suffix(".html") for source in sources]
    missing = [str(page) for page in (*pages, "genindex.html") if not (built / page).exists()]
    assert not missing


def test_the_reference_has_neither_old_names_nor_internals(built: Path) -> None:
    """What doors call of clients and dialogues is on a page of its own."""
    reference = {page.stem: OBJECT.findall(page.read_text()) for page in built.glob("api/*.html")}
    shown = {name for names in reference.values() for name in names}
    assert [name for name in sorted(shown) if is_old(name) or "._" in name] == []
    of_doors = {"cletus.Client.line_received", "cletus.Dialogue.take", "cletus.Service.set"}
    assert of_doors & set(reference["cletus"]) == set()
    assert of_doors <= set(reference["doors"])


def is_old(name: str) -> bool:
    """Whether an attribute is called so for one more release."""
    *_, owner, attribute = ("", *name.split("."))
    return attribute in ATTRIBUTES.get(owner, ())


def test_tables_of_options_can_be_read_on_a_phone() -> None:
    """The cells of a row stand below each other: beside the option there is room for a word a line."""
    css = (REPOSITORY / "docs/_static/cletus.css").read_text()
    (phone,) = re.findall(r"@media \(max-width: 48em\) \{(.*?)\n\}", css, re.DOTALL)
    assert "table.options td" in phone
    assert "display: block" in phone
