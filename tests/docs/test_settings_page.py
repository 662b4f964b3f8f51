"""The page of settings says of each what holds for it."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from msgspec import Meta
from settings_page import REST, default_in_words, grouped, in_words, option_of

from cletus import Settings
from cletus.cli.options import options_of
from cletus.settings.settings import describe


def test_each_setting_stands_in_one_group() -> None:
    """In the order of declaration, and none is left for the rest."""
    groups = grouped()
    names = [name for settings in groups.values() for name, *_ in settings]
    assert sorted(names) == sorted(name for name, *_ in describe(Settings))
    assert REST not in groups


def test_the_options_are_those_of_the_commands() -> None:
    told = {
        one for name, hint, *_ in describe(Settings) for one in option_of(name, hint).split(", ")
    }
    shown = [option for option in options_of() if not option.hidden]
    taken = {one for option in shown for one in (*option.opts, *option.secondary_opts)}
    assert told == taken


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (str, "text"),
        (bool, "yes or no"),
        (Annotated[int, Meta(ge=0)], "whole number"),
        (Annotated[float, Meta(gt=0)], "number, more than 0"),
        (Annotated[Annotated[int, Meta(ge=1)], Meta(description="x")], "whole number, at least 1"),
        (tuple[str, ...], "list"),
        (dict[str, str], "table"),
        (Literal["full", "rename"], "full or rename"),
    ],
)
def test_a_type_in_words(hint: object, words: str) -> None:
    assert in_words(hint) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(True, "true"), ("store", '"store"'), ((), "[]"), (("*.toml",), '["*.toml"]'), (2.0, "2")],
)
def test_a_default_as_in_a_file(value: object, words: str) -> None:
    assert default_in_words(value) == words
