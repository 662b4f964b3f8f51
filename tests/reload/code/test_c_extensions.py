"""With a real extension: one of Python's own, under a name in the application."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

from cletus.reload.code.sources import read
from cletus.reload.load import load
from cletus.reload.watch.file_tree import FileTree
from cletus.testing import start_in_memory
from tests.reload.conftest import write_package

EXTENSION = "_heapq"
ORIGIN = getattr(importlib.util.find_spec(EXTENSION), "origin", None) or ""

pytestmark = pytest.mark.skipif(
    not Path(ORIGIN).is_file(), reason=f"this Python has {EXTENSION} built in"
)


@pytest.fixture
def app(tmp_path: Path):
    package = write_package(
        tmp_path,
        "compiled",
        {
            "init": "from cletus import Service\nservice = Service()\n"
            "from compiled import _heapq\nN = 0\n"
        },
    )
    shutil.copy(ORIGIN, package / Path(ORIGIN).name)
    service = load("compiled", tmp_path)
    clock = start_in_memory(service)
    yield package, service, clock
    service.stop()
    clock.advance(10)


def reload(service, clock):
    reports: list[object] = []
    service.reload().addCallback(reports.append)
    for _ in range(10):
        clock.advance(0)
    [report] = reports
    return report


def test_an_unchanged_extension_is_kept_by_every_generation(app):
    package, service, clock = app
    before = sys.modules["compiled._heapq"]
    assert before.heappop([1]) == 1
    (package / "__init__.py").write_text((package / "__init__.py").read_text() + "N = 1\n")
    report = reload(service, clock)
    assert report.ok, str(report)
    assert sys.modules["compiled"].N == 1
    assert sys.modules["compiled"]._heapq is before is sys.modules["compiled._heapq"]
    assert report.holders == []


def test_a_changed_extension_is_refused_by_name_and_what_runs_goes_on(app):
    package, service, clock = app
    before = sys.modules["compiled._heapq"]
    file = package / Path(ORIGIN).name
    data = file.read_bytes()
    # As a linker does it: writing into the file in place would change the code that is mapped.
    file.unlink()
    file.write_bytes(data + b"\0")
    report = reload(service, clock)
    assert not report.ok
    assert str(file) in report.error
    assert "restart the service" in report.error
    assert sys.modules["compiled._heapq"] is before
    file.unlink()
    file.write_bytes(data)
    assert reload(service, clock).ok


def test_other_code_of_the_same_name_is_refused_even_if_it_was_away_meanwhile(app):
    package, service, clock = app
    init, file = package / "__init__.py", package / Path(ORIGIN).name
    text, data = init.read_text(), file.read_bytes()
    file.unlink()
    init.write_text(text.replace("from compiled import _heapq", ""))
    assert reload(service, clock).ok
    init.write_text(text)
    file.write_bytes(data + b"\0")
    report = reload(service, clock)
    assert not report.ok
    assert "loaded already" in report.error


def test_a_reload_that_fails_keeps_the_extension(app):
    package, service, clock = app
    before = sys.modules["compiled._heapq"]
    text = (package / "__init__.py").read_text()
    (package / "__init__.py").write_text(text + "1 / 0\n")
    assert not reload(service, clock).ok
    assert sys.modules["compiled._heapq"] is before
    assert read(FileTree(service.session.application)).extensions.keys() == {"compiled._heapq"}
