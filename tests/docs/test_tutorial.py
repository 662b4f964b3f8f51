"""The tutorial is true: it is one evening, played from its first page to its last."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Log
from tests.docs.evening import Evening, blocks, forget_modules

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / f"{name}.md" for name in ("tutorial", "tutorial-chat", "tutorial-talker")]


@pytest.fixture
def evening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Evening]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    evening = Evening(tmp_path)
    yield evening
    evening.end()
    forget_modules()


def test_the_evening_goes_as_the_pages_say(evening: Evening, log: Log) -> None:
    """Every edit is one of a running service, and every session goes as it is printed."""
    for page in PAGES:
        for block in blocks(page):
            evening.play(block)
    assert evening.service is not None
    assert "admin" in evening.service.session.find("user").manager.get("ann").roles
    mistakes = log.take_failures()
    assert any("'str' object has no attribute 'uper'" in one for one in mistakes)
