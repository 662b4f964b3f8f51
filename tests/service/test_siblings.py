"""The modules beside a single file: which of them are the application's."""

from __future__ import annotations

from pathlib import Path

import pytest

from cletus.service.application import Application, Root
from cletus.service.siblings import names_in, with_siblings


def siblings(path: Path, name: str = "bot") -> dict[str, bool]:
    application = with_siblings(Application((Root(name, path, False),), (name,)))
    return {root.name: root.is_package for root in application.roots if root.is_sibling}


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder.joinpath(*name.split("__in__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "bot.py"


def test_what_it_imports_from_its_folder_and_what_that_imports(tmp_path):
    """Also inside a function; not a file that nothing imports, and not the standard library."""
    path = write(
        tmp_path,
        bot="import models, json\ndef late():\n    import commands_of_bot",
        models="from bot_helpers import x",
        bot_helpers="",
        commands_of_bot="import bot",
        unrelated="",
    )
    assert siblings(path) == {"models": False, "bot_helpers": False, "commands_of_bot": False}


def test_packages_and_folders_without_init_count_too(tmp_path):
    """A regular package as a whole; of a namespace package, the modules that are imported."""
    path = write(
        tmp_path,
        bot="import world.rooms.hall\nfrom plugins import dice",
        world__in____init__="import bot_words",
        world__in__rooms="",
        bot_words="",
        plugins__in__dice="",
        plugins__in__other="",
    )
    assert siblings(path) == {"world": True, "bot_words": False, "plugins.dice": False}


def test_a_module_of_that_name_from_elsewhere_is_not_a_sibling(tmp_path):
    """And nothing of Cletus is, even where the file is beside Cletus itself."""
    path = write(tmp_path, bot="import json, cletus", json="", cletus="")
    assert siblings(path) == {}


def test_a_package_has_no_siblings(tmp_path):
    (tmp_path / "talk").mkdir()
    (tmp_path / "talk" / "__init__.py").write_text("import helper")
    write(tmp_path, helper="")
    package = Application((Root("talk", tmp_path / "talk", True),), ("talk",))
    assert with_siblings(package) == package


def test_siblings_that_nothing_imports_any_more_are_left_out(tmp_path):
    path = write(tmp_path, bot="import models", models="")
    before = with_siblings(Application((Root("bot", path, False),), ("bot",)))
    assert len(before.roots) == 2
    path.write_text("# import models: no more")
    assert len(with_siblings(before).roots) == 1


@pytest.mark.parametrize("text", [b"import (", b"\0", b"\xff"])
def test_a_text_that_cannot_be_parsed_imports_nothing(text):
    assert names_in(text, "") == frozenset()


def test_names_in_calls_that_import_count_if_they_are_written_out():
    text = b"import_module('a.b'); importlib.import_module('.c', __package__); __import__(name)"
    assert names_in(text, "p") >= {"a", "a.b", "p.c"}
