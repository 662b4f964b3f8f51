"""Errors: one tree, whose messages name the thing and say what to do."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from cletus import errors
from cletus.errors import (
    CletusError,
    DoorError,
    SettingError,
    SourceError,
    StartError,
    without_passwords,
)

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, BaseException) and kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_below_the_root_and_says_when_it_is_raised(kind: type[BaseException]) -> None:
    # These must pass `except Exception` in the code that they end.
    assert issubclass(kind, CletusError) or kind in (errors.CallTimedOut, errors.ConversationEnded)
    assert kind.__doc__
    assert kind.__doc__.rstrip().endswith("."), "a sentence"


@pytest.mark.parametrize("kind", KINDS)
def test_facts_are_attributes(kind: type[BaseException]) -> None:
    """The arguments of ``__init__`` can be read from the error, not only from its message."""
    if "__init__" not in vars(kind):
        return
    source = inspect.getsource(kind.__init__)
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        if name == "self" or parameter.kind is parameter.VAR_KEYWORD:
            continue
        ours = [base for base in kind.__mro__ if base.__module__ == errors.__name__]
        kept = any(f"self.{name}" in inspect.getsource(base) for base in ours)
        assert kept or f"{name}" in source.partition(") -> None:")[2], f"{kind.__name__}.{name}"


def test_errors_that_prevent_a_start_are_start_errors() -> None:
    """``cletus run`` shows the message of these, and no traceback."""
    for kind in (SettingError, DoorError, errors.ApplicationNotFound, errors.StoreUnusable):
        assert issubclass(kind, StartError)


def test_messages() -> None:
    assert str(SettingError("port", "is odd", source="file")) == "file: setting 'port' is odd"
    assert str(SettingError("port", "is odd")) == "setting 'port' is odd"
    assert (
        str(DoorError("telnet ::1:1", "it is shut")) == "cannot listen on telnet ::1:1: it is shut"
    )
    path = Path("/srv/app.py")
    assert (
        str(SourceError(path, "SyntaxError: no", 3, "  x =\n"))
        == "/srv/app.py:3: SyntaxError: no\n    x ="
    )
    assert str(SourceError(path, "gone")) == "/srv/app.py: gone"


def test_an_error_can_be_chained_and_shown() -> None:
    error = SettingError("port", "is odd")
    assert repr(error)
    with pytest.raises(CletusError) as raised:
        raise error from ValueError("7")
    assert isinstance(raised.value.__cause__, ValueError)


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
def test_a_text_without_a_password_is_unchanged(text: str) -> None:
    """Ports and user names are not secret, and a path is not a URL."""
    assert without_passwords(text) == text
