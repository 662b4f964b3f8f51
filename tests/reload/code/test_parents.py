"""Packages outside of the application that have one of its modules in them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.reload.code.test_modules import reload_files


@pytest.fixture
def parent(tmp_path):
    """A package of somebody else, which takes up a module of the application."""

    def write(**files: str) -> Path:
        folder = tmp_path / "content"
        folder.mkdir()
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)
        sys.path.insert(0, str(tmp_path))
        return folder

    return write


GAME = "from content import areas\nfrom content.areas import TEXT\n"


def test_a_module_in_a_folder_of_others_is_new_in_its_parent_too(run, parent):
    """``from content import areas`` must not give what the parent had before."""
    areas = parent(areas="TEXT = 1") / "areas.py"
    app = run({"reload_modules": ["content.areas"]}, game=GAME)
    before = sys.modules["content.areas"]
    areas.write_text("TEXT = 2\n1 / 0\n")
    assert not reload_files(app).ok
    assert sys.modules["content"].areas is before is sys.modules["content.areas"]
    areas.write_text("TEXT = 2\n")
    assert reload_files(app).ok
    assert app.module("game").areas.TEXT == app.module("game").TEXT == 2
    assert sys.modules["content"].areas is app.module("game").areas


def test_a_parent_that_is_not_reloaded_hands_on_the_new_functions(run, parent):
    areas = parent(areas="def look():\n    return 1\n", __init__="from content.areas import look\n")
    areas /= "areas.py"
    app = run({"reload_modules": ["content.areas"]}, game="import content.areas\n")
    areas.write_text("def look():\n    return 2\n")
    assert reload_files(app).ok
    assert app.module("game").content.look() == 2
