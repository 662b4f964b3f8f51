"""A setting that is marked secret is shown nowhere."""

from __future__ import annotations

import io
from typing import Annotated, Literal

import pytest
from rich.console import Console
from rich.pretty import pretty_repr

from cletus import Settings
from cletus.errors import SettingError, StoreUnusable, UnknownStoreScheme
from cletus.settings.settings import describe, merge, setting, shown_of

SECRET = "opensesame"


class Bot(Settings, frozen=True, kw_only=True):
    token: Annotated[str, setting("what the bot logs in with", secret=True)] = ""
    pin: Annotated[int, setting("a number", secret=True)] = 0
    mode: Annotated[Literal["a", "b"], setting("a choice", secret=True)] = "a"
    default: Annotated[str, setting("one that has a default", secret=True)] = "opensesame"


def test_no_way_of_writing_settings_shows_a_secret() -> None:
    settings = Bot(token=SECRET, pin=271828, store=f"db://ann:{SECRET}@host/x")
    console = Console(file=io.StringIO(), width=200)
    console.print(settings)
    written = [repr(settings), str(settings), pretty_repr(settings), console.file.getvalue()]
    for text in (*written, str(shown_of(settings)), str(list(describe(Bot)))):
        assert SECRET not in text
        assert "271828" not in text
    for text in written:
        assert "token='***'" in text
        assert "db://ann:***@host/x" in text
        assert "line_max=4096" in text, "what is not secret is shown"


@pytest.mark.parametrize("name", ["pin", "mode"])
def test_the_error_for_a_secret_does_not_quote_it(name: str) -> None:
    """Neither in its message nor in its attributes, nor in what Python would print with it."""
    with pytest.raises(SettingError) as caught:
        merge(Bot(), {name: SECRET}, "environment")
    error = caught.value
    assert str(error).startswith(f"environment: setting {name!r} cannot be ***")
    assert error.__suppress_context__
    assert SECRET not in str(vars(error))


def test_an_empty_secret_is_shown_to_be_empty() -> None:
    """Whoever asks why the bot does not log in must see that nothing was set."""
    assert shown_of(Bot())["token"] == ""


@pytest.mark.parametrize(
    "error",
    [
        StoreUnusable(f"db://ann:{SECRET}@host", f"no answer from db://ann:{SECRET}@host"),
        UnknownStoreScheme(f"db://ann:{SECRET}@host", "db", ["memory"]),
        SettingError("store", f"is 'db://ann:{SECRET}@host' and in use"),
    ],
)
def test_errors_do_not_tell_the_password_of_a_store(error: Exception) -> None:
    assert SECRET not in f"{error} {vars(error)}"
    assert "db://ann:***@host" in str(error)


@pytest.mark.parametrize("rule", ["loud", "cletus=loud", "=info", "cletus=", "WARN", "a b=info"])
def test_an_unknown_level_is_an_error_that_says_what_there_is(rule: str) -> None:
    with pytest.raises(SettingError, match="debug, info, warn, error or critical"):
        merge(Settings(), {"log_levels": rule}, "command line")


def test_levels_come_as_one_text_or_as_several() -> None:
    """Of the environment, and of the command line."""
    one = merge(Settings(), {"log_levels": "warn, cletus.reload=debug"}, "environment")
    several = merge(Settings(), {"log_levels": ("warn", "cletus.reload=debug")}, "command line")
    assert one.log_levels == several.log_levels == ("warn", "cletus.reload=debug")
