"""What modules name is gone through in bulk."""

from __future__ import annotations

from types import FunctionType, ModuleType

import pytest

from cletus.reload.code.names import Names

TEXT = """
import os
from enum import Enum
NUMBER, TEXT, NOTHING = 1, "one", None
ITEMS = [1]
class Colour(Enum):
    RED = 1
def function():
    pass
favourite = Colour.RED
"""


@pytest.fixture
def module() -> ModuleType:
    module = ModuleType("shop.colours")
    exec(TEXT, vars(module))
    return module


def test_others_are_neither_functions_nor_modules_nor_plain_data(module):
    names = Names({"shop": {}, "shop.colours": vars(module)})
    assert [(name, key) for name, key, _ in names.others] == [
        ("shop.colours", key) for key in ("Enum", "ITEMS", "Colour", "favourite")
    ]
    assert all(vars(module)[key] is value for _, key, value in names.others)


def test_each_name_goes_with_its_module():
    thing = object()
    names = Names({"a": {}, "b": {"x": thing}, "c": {}, "d": {"y": 1, "z": thing}, "e": {}})
    assert names.others == [("b", "x", thing), ("d", "z", thing)]


def test_values_by_type_and_classes(module):
    names = Names({"shop.colours": vars(module)})
    assert list(names.of(FunctionType)) == [module.function]
    assert set(names.of(int, str)) >= {1, "one"}
    assert names.classes == [("shop.colours", module.Enum), ("shop.colours", module.Colour)]


def test_what_is_named_later_is_not_among_them(module):
    names = Names({"shop.colours": vars(module)})
    module.later = object()
    assert "later" not in [key for _, key, _ in names.others]
