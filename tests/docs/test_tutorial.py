"""The tutorial is true: it is one evening, played from its first page to its last."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cletus.cli.templates import make
from tests.conftest import Log
from tests.docs.evening import Evening, blocks, forget_modules

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / f"{name}.md" for name in ("tutorial", "tutorial-chat", "tutorial-talker")]
MUD = DOCS / "tutorial-mud.md"


@pytest.fixture
def evening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Evening]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    evening = Evening(tmp_path)
    yield evening
    evening.end()
    forget_modules(evening.package)


def test_the_evening_goes_as_the_pages_say(evening: Evening, log: Log) -> None:
    """Every edit is one of a running service, and every session goes as it is printed."""
    for page in PAGES:
        for block in blocks(page):
            evening.play(block)
    assert evening.service is not None
    assert "admin" in evening.service.session.find("user").manager.get("ann").roles
    mistakes = log.take_failures()
    assert any("'str' object has no attribute 'uper'" in one for one in mistakes)


def test_the_fourth_evening_builds_the_mud_of_the_template(
    evening: Evening, tmp_path: Path
) -> None:
    """Its sessions go as they are printed, and at its end each file is that of ``cletus new --template mud``."""
    template = make("marsh", "mud", tmp_path / "made") / "marsh"
    random.seed(4)  # how beasts wander and fight
    evening.package = "marsh"
    for block in blocks(MUD):
        evening.play(block)
    files = {path.relative_to(template) for path in template.rglob("*") if path.is_file()}
    for path in files:
        assert (tmp_path / "marsh" / path).read_text() == (template / path).read_text(), path
