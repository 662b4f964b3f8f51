"""What end-to-end tests share, and the line that says how many real clients ran."""

from __future__ import annotations

from typing import Any

import pytest

RAN = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RAN] = []


@pytest.fixture
def ran(request: pytest.FixtureRequest) -> list[str]:
    """Tests with a real client add its name here."""
    return request.config.stash[RAN]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    names = config.stash.get(RAN, [])
    if names:
        terminalreporter.write_line(f"{len(names)} real clients ran: {', '.join(sorted(names))}")
