"""Old names work for one release, and each use says what the new one is."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from cletus import Service, renamed
from cletus.storage import Field, StoreField, StoreListField


@pytest.fixture
def forgotten() -> Iterator[None]:
    """No module is loaded under an old path."""
    for old in renamed.MODULES:
        sys.modules.pop(old, None)
    yield
    for old in renamed.MODULES:
        sys.modules.pop(old, None)


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("old", renamed.MODULES)
def test_an_old_path_leads_to_the_module_itself(old: str) -> None:
    new = importlib.import_module(renamed.MODULES[old])
    spec = new.__spec__
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert importlib.import_module(old) is new
    assert f"{old} is now called {renamed.MODULES[old]};" in str(caught[-1].message)
    assert new.__spec__ is spec


@pytest.mark.usefixtures("forgotten")
def test_the_warning_names_the_line_that_imports() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        from cletus.dialogue import Dialogue  # noqa: F401 - what importing does is under test
    assert caught[0].filename == __file__


def test_an_old_keyword_of_a_field() -> None:
    """``Field(was=)`` is ``Field(renamed_from=)``; a keyword that never was is still an error."""
    field: Any = Field
    with pytest.warns(DeprecationWarning, match="was is now called renamed_from") as caught:
        old = field(0, was="points")
    assert caught[0].filename == __file__
    assert old.renamed_from == ("points",)
    with pytest.warns(DeprecationWarning, match="Field.was is now called Field.renamed_from"):
        assert old.was == ("points",)
    with pytest.raises(TypeError, match="unexpected keyword argument 'wos'"):
        field(0, wos="points")


@pytest.mark.parametrize("make", [partial(StoreField, "user"), partial(StoreListField, "user")])
def test_an_old_keyword_of_a_reference(make: Any) -> None:
    """Fields with a constructor of their own take the old keyword, too."""
    with pytest.warns(DeprecationWarning, match="was is now called renamed_from"):
        assert make(was="room").renamed_from == ("room",)


def test_an_old_method_of_a_service() -> None:
    """``later`` is ``call_later``, ``in_thread`` is ``run_in_thread``."""
    service: Any = Service()
    with pytest.warns(DeprecationWarning, match="later is now called Service.call_later") as caught:
        timer = service.later(5, print, "hello")
    assert caught[0].filename == __file__
    assert timer.args == ("hello",)
    with pytest.warns(DeprecationWarning, match="is now called Service.run_in_thread"):
        service.in_thread = lambda *_: "replaced"
    assert service.run_in_thread(print) == "replaced"


def test_a_path_that_never_was_is_still_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'cletus\.nothing'"):
        importlib.import_module("cletus.nothing")
