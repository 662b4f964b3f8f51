"""A new project requires the very Cletus that has made it."""

from __future__ import annotations

import json
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from cletus.cli.templates import make, requirement
from cletus.version import __version__


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has pip have recorded this (``direct_url.json``); ``None``: it recorded nothing."""

    def record(facts: dict[str, Any] | None) -> None:
        class Distribution:
            def read_text(self, name: str) -> str | None:
                assert name == "direct_url.json"
                return None if facts is None else json.dumps(facts)

        monkeypatch.setattr(requirement, "distribution", lambda _: Distribution())

    return record


@pytest.mark.parametrize(
    ("facts", "url"),
    [
        ({"url": "https://x.org/c.whl", "archive_info": {}}, "https://x.org/c.whl"),
        (
            {"url": "https://x.org/c.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "git+https://x.org/c.git@abc",
        ),
        (
            {"url": "https://x.org/c.tgz", "archive_info": {}, "subdirectory": "py"},
            "https://x.org/c.tgz#subdirectory=py",
        ),
    ],
)
def test_where_it_came_from_is_required(recorded: Any, facts: dict[str, Any], url: str) -> None:
    recorded(facts)
    assert requirement.requirement("testing") == f"cletus-live[testing] @ {url}"
    assert Requirement(requirement.requirement()).url == url


def test_a_path_is_required_as_long_as_it_exists(recorded: Any, tmp_path: Path) -> None:
    checkout = tmp_path / "a checkout"
    checkout.mkdir()
    recorded({"url": checkout.as_uri(), "dir_info": {"editable": True}})
    assert requirement.requirement() == f"cletus-live @ {checkout.as_uri()}"
    checkout.rmdir()
    assert requirement.requirement() == f"cletus-live=={__version__}"


def test_without_a_record_the_version_is_required(recorded: Any) -> None:
    recorded(None)
    assert requirement.requirement("testing") == f"cletus-live[testing]=={__version__}"


def test_a_checkout_that_is_not_installed_is_required_by_its_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(requirement, "distribution", missing)
    root = Path(__file__).parents[3]
    assert requirement.requirement() == f"cletus-live @ {root.as_uri()}"


def test_a_new_project_has_these_requirements(recorded: Any, tmp_path: Path) -> None:
    recorded({"url": "https://x.org/c.whl", "archive_info": {}})
    folder = make("mine", "echo", tmp_path)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == ["cletus-live @ https://x.org/c.whl"]
    assert project["optional-dependencies"]["test"] == [
        "cletus-live[testing] @ https://x.org/c.whl"
    ]
