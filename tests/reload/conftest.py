"""A small application in a folder of its own, loaded and running in memory."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from cletus import ReloadReport, Service
from cletus.reload.code.modules import ApplicationFinder
from cletus.reload.load import load
from cletus.testing import Person, reloaded, start_in_memory
from cletus.testing.reloading import Edit

#: What every test application starts with, unless the test gives another.
CORE = """
from cletus import Service
service = Service()
"""


#: Hundreds of reloads: what they run through, others measure; under measurement they take minutes.
_LONG = {"test_fuzz_of_edits", "test_import_guard", "test_r4_garbage", "test_r10_saving"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Coverage is not measured in the longest tests."""
    for item in items:
        if item.path.stem in _LONG:
            item.add_marker(pytest.mark.no_cover)


class Running:
    """An application that runs in memory.

    Attributes:
        name: of its package.
        service, clock: as they run.
    """

    def __init__(self, name: str, service: Service, clock: Clock) -> None:
        self.name = name
        self.service = service
        self.clock = clock

    def module(self, name: str = "") -> Any:
        """A module of it, in the generation in force; without a name, the package."""
        return sys.modules[f"{self.name}.{name}" if name else self.name]

    def reload(self, **edits: Edit) -> ReloadReport:
        """Reload with these modules' texts; the package's own is ``init``."""
        named = {self._full(name): _text(edit) for name, edit in edits.items()}
        return reloaded(self.service, named)

    def person(self, address: str = "memory") -> Person:
        """Somebody who connects."""
        return Person(self.service, self.clock, address)

    def store(self, name: str) -> Any:
        """A store class of the generation in force."""
        return self.service.session.current.stores[name.lower()]

    def active(self, name: str) -> dict[str, Any]:
        """The active objects of a store, by key."""
        return self.store(name).manager.active()

    def _full(self, name: str) -> str:
        return self.name if name == "init" else f"{self.name}.{name}"


def _text(edit: Edit) -> Edit:
    return textwrap.dedent(edit) if isinstance(edit, str) else edit


def write_package(folder: Path, name: str, modules: Mapping[str, str]) -> Path:
    """Write a package; a dot in a module's name makes folders."""
    package = folder / name
    for module, text in {"init": "", **modules}.items():
        path = package / ("__init__.py" if module == "init" else f"{module.replace('.', '/')}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return package


@pytest.fixture(autouse=True)
def clean_imports() -> Iterator[None]:
    """No test leaves modules, finders or path entries to the next one."""
    modules, path = set(sys.modules), list(sys.path)
    yield
    sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, ApplicationFinder)]
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if not name.startswith(("cletus", "twisted", "watchdog")):
            del sys.modules[name]


@contextmanager
def applications(folder: Path, names: Iterator[str]) -> Iterator[Callable[..., Running]]:
    """What starts an application in a folder of its own, under the next of these names; all end with it."""
    running: list[Running] = []

    def start(settings: Mapping[str, Any] | None = None, /, **modules: str) -> Running:
        name = next(names)
        texts = {"core": CORE, **modules}
        texts.setdefault("init", "".join(f"from {name} import {one}\n" for one in texts))
        texts = {one: text.replace("APP", name) for one, text in texts.items()}
        write_package(folder, name, texts)
        service = load(name, folder)
        running.append(Running(name, service, start_in_memory(service, **(settings or {}))))
        return running[-1]

    yield start
    for one in running:
        one.service.stop()
        one.clock.advance(10)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts an application: ``run(core="...", users="...")``, a text for each module.

    Without an ``init`` the package imports all its modules, in the order given.
    """
    with applications(tmp_path, (f"app{number}" for number in count())) as start:
        yield start
