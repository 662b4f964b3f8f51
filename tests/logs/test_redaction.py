"""Passwords in URLs are not shown."""

from __future__ import annotations

import pytest

from cletus.logs.redaction import without_passwords


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://ann:opensesame@db/talker", "postgres://ann:***@db/talker"),
        ("redis://:opensesame@db:6379/0", "redis://:***@db:6379/0"),
        ("db://ann:p@ss:word@host/x", "db://ann:***@host/x"),
        ("db://host/x?password=opensesame&ssl=1", "db://host/x?password=***&ssl=1"),
        ("'db://host/?TOKEN=opensesame' is none", "'db://host/?TOKEN=***' is none"),
        ("of db://ann:opensesame@a and db://bob:other@b", "of db://ann:***@a and db://bob:***@b"),
    ],
)
def test_the_password_of_a_url_is_not_shown(text: str, shown: str) -> None:
    """Wherever in a sentence the URL stands."""
    assert without_passwords(text) == shown


@pytest.mark.parametrize(
    "text", ["store", "/home/ann:bob@here", "memory:", "db://host:5432/x", "db://ann@host/x", ""]
)
def test_what_has_no_password_stays_as_it_is(text: str) -> None:
    """Ports and users are no secrets, and a path is no URL."""
    assert without_passwords(text) == text
