"""A small application for the testing kit, in the module of its tests: the text ``APPLICATION``."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cletus import ReloadReport, Service
from cletus.testing import Visitor, reloaded

# The tests of the core have others of these names.
from pytest_cletus import clock, service

__all__ = ["app", "cletus_target", "clock", "service"]

NAME = "small_application"


class Application:
    """It runs, and people come and go."""

    def __init__(self, service: Service, connect: Callable[..., Visitor]) -> None:
        self.service = service
        self.person = connect

    def store(self, name: str) -> Any:
        """A store class of the generation in force."""
        return self.service.session.stores[name]

    def active(self, name: str) -> dict[str, Any]:
        """The active objects of a store, by key."""
        return self.store(name).manager.active()

    def reload(self, edit: Callable[[str], str] = str) -> ReloadReport:
        """Reload it, with its text edited or as it is."""
        return reloaded(self.service, {NAME: edit})


@pytest.fixture
def cletus_target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The file that the application is in."""
    path = tmp_path / f"{NAME}.py"
    path.write_text(textwrap.dedent(request.module.APPLICATION))
    return path


@pytest.fixture
def app(service: Service, connect: Callable[..., Visitor]) -> Application:
    """The application, running in memory with nobody in it."""
    return Application(service, connect)
