"""Where inside a value a mistake is. What msgspec tells of it is tested with typed values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from cletus.storage.value_errors import Mistake, kind_of, locate, not_json, store_object_in


def refuse(message: str) -> Callable[[Any], object]:
    def convert(value: Any) -> object:
        raise msgspec.ValidationError(message)

    return convert


@pytest.mark.parametrize(
    ("message", "value", "mistake"),
    [
        ("Expected `int`, got `str` - at `$.value`", "x", Mistake("", "int", "str")),
        ("Expected `int` >= 3 - at `$.value[0].a`", [{"a": 1}], Mistake("[0].a", "int >= 3", "1")),
        ("Expected `int` >= 3 - at `$.value[...]`", {"a": 1}, Mistake("['a']", "int >= 3", "1")),
        (
            "Expected `int` >= 3 - at `$.value.a`",
            object(),
            Mistake(".a", "int >= 3", "another value"),
        ),
        (
            "Expected `int` >= 3 - at `$.value[...]`",
            {},
            Mistake("[...]", "int >= 3", "another value"),
        ),
        ("Something new", 5, Mistake("", "int", "something new")),
    ],
)
def test_what_cannot_be_followed_is_told_as_it_is(
    message: str, value: Any, mistake: Mistake
) -> None:
    """The error is there all the same, if msgspec should ever word it otherwise."""
    error = msgspec.ValidationError(message)

    assert locate(error, value, refuse(message), int) == mistake


def test_values_in_words() -> None:
    """Numbers are shown, texts are not: one might be a password."""
    assert [kind_of(value) for value in (None, True, -5, 1.5, "hunter2", [1], print)] == [
        *("None", "True", "-5", "1.5", "str", "list", "builtin_function_or_method")
    ]


def test_what_is_right_is_no_mistake() -> None:
    """And what is too deep is not looked for."""
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]

    assert not_json({"a": [1, None, 1.5, "x", {}]}) is None
    assert not_json((1,), arrays=(tuple,)) is None
    assert store_object_in(deep) == ""
    found = not_json(deep)
    assert found is not None
    assert "nested too deep" in found.actual
