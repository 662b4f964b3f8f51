"""Databases of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import close_all_sessions
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
    close_all_sessions()  # else a session that is collected later would roll back on a closed connection
    for connection in opened:
        connection.close()
