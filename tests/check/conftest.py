"""An application's text, checked in a folder of its own."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet import reactor

from cletus.check import Finding, Importer, run_checks
from tests.reload.conftest import clean_imports  # noqa: F401 - a fixture that every test here needs

#: What every text may use.
HEAD = """\
from cletus import Dialogue, Service, events, step
from cletus.storage import Field, Store, StoreField, TempStoreMixin
service = Service()
"""

#: A comment that marks the line which a finding must name.
HERE = "# HERE"

Check = Callable[..., list[Finding]]


def checked(folder: Path, target: str = "app.py", **environment: str) -> list[Finding]:
    """All findings of an application that stands in a folder."""
    importer = Importer(target, folder, environment, {}, reactor, timeout=10)
    target = importer.load()
    return [*importer.findings, *(() if target is None else run_checks(target))]


@pytest.fixture
def check(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clean_imports: None,  # noqa: F811 - the fixture
) -> Check:
    """Checks ``app.py``: ``check(text, files={"cletus.toml": "..."}, CLETUS_PORT="x")``.

    The text follows on ``HEAD``, unless it makes its own service.
    """
    monkeypatch.chdir(tmp_path)

    def run(text: str, files: dict[str, str] | None = None, **environment: str) -> list[Finding]:
        text = textwrap.dedent(text)
        (tmp_path / "app.py").write_text(text if "Service()" in text else HEAD + text)
        for name, content in (files or {}).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(textwrap.dedent(content))
        return checked(tmp_path, **environment)

    return run


def marked(folder: Path) -> int:
    """The line of ``app.py`` that is marked; 0 if none is."""
    lines = (folder / "app.py").read_text().splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.endswith(HERE)), 0)


def names(findings: list[Finding]) -> set[str]:
    """Which kinds of findings these are."""
    return {one.name for one in findings}


def must_be(findings: list[Finding], name: str, words: str, folder: Path) -> Finding:
    """Exactly one finding, of this name, which says this and names the marked line."""
    assert names(findings) == {name}, findings
    (found,) = findings
    assert words in found.what, found
    assert found.todo
    if marked(folder):
        assert (found.file, found.line) == (str(folder / "app.py"), marked(folder)), found
    return found
