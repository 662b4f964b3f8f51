"""Databases of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool


@pytest.fixture(autouse=True)
def connections() -> Iterator[list[Any]]:
    """The connections to databases, closed after the test: from Python 3.13, sqlite3 warns of open ones."""
    opened: list[Any] = []

    def note(connection: Any, record: object) -> None:
        opened.append(connection)

    event.listen(Pool, "connect", note)
    yield opened
    event.remove(Pool, "connect", note)
    for connection in opened:
        connection.close()
