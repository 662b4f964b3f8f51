"""Secrets: what is declared to be one, or looks like one, is not shown, and no error quotes it."""

from __future__ import annotations

import traceback
from typing import Any, Literal

import pytest

from cletus.errors import CletusError
from cletus.storage import Field, Store
from cletus.storage.tools.mask import masked
from tests.storage.rig import make_service

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"


@pytest.fixture
def user() -> Any:
    members = {
        "name": Field(""),
        "pin": Field(type=int, secret=True, renamed_from="code"),
        "word": Field("", type=Literal["", "yes"], secret=True),
        "loose": Field(secret=True),
        "hashtag": Field(""),
    }
    return type("User", (Store,), {"service": make_service(), **members})


def test_declared_secrets_are_hidden(user: Any) -> None:
    """Under earlier names as well; the rest is shown, whatever it is called."""
    data = {"name": "Bob", "pin": 1234, "code": 99, "word": None, "hashtag": "x"}
    shown, hidden = masked(data, user)
    assert shown == {"name": "Bob", "pin": "***", "code": "***", "word": None, "hashtag": "x"}
    assert hidden == ["pin", "code"]
    assert data["pin"] == 1234


def test_what_looks_like_a_secret_is_hidden() -> None:
    """Where no class declares it, by its name; a password's hash anywhere."""
    data = {"bio": HASH, "auth": {"api_key": "k", "n": 1}, "tokens": ["a"], "password": None}
    shown, hidden = masked(data, None)
    assert shown == {
        "bio": "***",
        "auth": {"api_key": "***", "n": 1},
        "tokens": ["***"],
        "password": None,
    }
    assert hidden == ["bio", "auth", "tokens"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("pin", "hunter2"), ("pin", 12.5), ("word", "hunter2"), ("loose", {"hunter2", 12.5})],
)
def test_errors_do_not_quote_a_secret(user: Any, field: str, value: Any) -> None:
    """Neither in their words nor in what caused them: a traceback goes into the log."""
    obj = user("bob")
    setattr(obj, field, value)
    with pytest.raises(CletusError) as caught:
        obj.to_json()
    words = "".join(traceback.format_exception(caught.value, limit=0))
    assert "secret" in words
    assert "hunter2" not in words
    assert "12.5" not in words


def test_loading_does_not_quote_a_secret_either(user: Any) -> None:
    """The file's text is as secret as the value."""
    with pytest.raises(CletusError) as caught:
        user("bob").from_json('{"pin": "hunter2"}')
    assert "hunter2" not in "".join(traceback.format_exception(caught.value, limit=0))
