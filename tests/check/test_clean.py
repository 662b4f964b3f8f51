"""What ships is clean: the example, and whatever `cletus new` writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cletus.cli.new import new
from tests.check.conftest import checked

REPOSITORY = Path(__file__).parents[2]
TEMPLATES = next(one.type.choices for one in new.params if one.name == "template")


def test_the_example_is_clean(clean_imports, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # its store is another
    assert checked(REPOSITORY, "example_service") == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_is_clean(template, clean_imports, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(new, ["lighthouse", "--template", template])
    assert result.exit_code == 0, result.output
    folder = tmp_path / "lighthouse"
    beside = tmp_path if (folder / "__init__.py").exists() else folder
    assert checked(beside, "lighthouse") == []
