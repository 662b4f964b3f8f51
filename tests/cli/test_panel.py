"""What is said at the start: a panel for people, lines for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from twisted.internet.task import Clock

from cletus import Service
from cletus.cli.panel import Listening, lines_of, rows_of, show_started
from cletus.service.application import Application, Root
from cletus.service.succession import HUB
from tests.conftest import Log


@pytest.fixture
def service(log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service that runs, and is the application of a package that is not there."""
    monkeypatch.chdir(tmp_path)
    service = Service(store="memory:", reload=False)
    clock = Clock()
    service.start(clock, doors=())
    root = Root("lighthouse", tmp_path / "lighthouse", True)
    service.session.application = Application((root,), ("lighthouse",))
    yield service
    service.stop()
    clock.advance(10)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Once called, standard output is a terminal of 80 columns, as far as anybody can tell."""

    def begin() -> None:  # not at once: each phase of a test has another standard output
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("TERM", "dumb")

    return begin


def test_programs_find_each_fact_on_a_line(service: Service) -> None:
    service.configure(reload=True)
    assert list(lines_of(service, Listening.of(service))) == [
        "Storing in memory:",
        "Reloading lighthouse when its files change",
        "Stop with Ctrl-C",
    ]


def test_a_library_in_the_working_folder_is_offered_for_reloading(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An editable install, say; not what is installed into a virtual environment there."""
    for name, file in (
        ("oil", "libs/oil/src/oil/__init__.py"),
        ("oil.lamp", "libs/oil/src/oil/lamp.py"),
        ("wick", "wick.py"),
        ("lighthouse.beam", "lighthouse/beam.py"),
        ("pipped", "venv/lib/python3.11/site-packages/pipped.py"),
        ("hidden", ".tox/hidden.py"),
    ):
        module = ModuleType(name)
        module.__file__ = str(tmp_path / file)
        if file.endswith("__init__.py"):
            module.__path__ = []
        monkeypatch.setitem(sys.modules, name, module)
    assert "No reload" not in dict(rows_of(service, Listening.of(service)))
    service.configure(reload=True)
    text = "oil, wick: add --reload-modules oil --reload-modules wick"
    assert dict(rows_of(service, Listening.of(service)))["No reload"] == text
    assert f"Not reloading {text}" in lines_of(service, Listening.of(service))


def test_a_terminal_gets_a_panel(
    service: Service, terminal: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal()
    show_started(service)
    first, *rows, last, rest = capsys.readouterr().out.split("\n")
    assert "Cletus" in first
    assert (first[0], last[0], rest) == ("╭", "╰", "")
    assert [row.split()[1] for row in rows] == ["Doors", "Store", "Code", "Reload", "Stop"]


def test_where_the_log_is_for_programs_there_is_no_panel(
    service: Service, terminal: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A container may have a terminal, and both streams in it."""
    terminal()
    service.configure(log_format="json")
    show_started(service)
    assert capsys.readouterr().out == "Storing in memory:\nStop with Ctrl-C\n"


def test_the_rows_say_how_to_go_on(service: Service) -> None:
    rows = dict(rows_of(service, Listening.of(service)))
    assert rows["Code"] == "lighthouse: 0 modules, generation 0"
    assert rows["Reload"] == f"kill -HUP {os.getpid()}"
    service.configure(reload=True, reload_patterns=("*.toml",))
    assert dict(rows_of(service, Listening.of(service)))["Reload"] == (
        f"save a file (also *.toml), or kill -HUP {os.getpid()}"
    )


def test_where_the_metrics_are_is_told_if_there_are_some(service: Service) -> None:
    assert "Metrics" not in dict(rows_of(service, Listening.of(service)))
    service.configure(metrics_port=9100)
    assert (
        dict(rows_of(service, Listening.of(service)))["Metrics"] == "http://127.0.0.1:9100/metrics"
    )


def test_a_service_without_modules_says_so(service: Service) -> None:
    service.session.application = Application()
    assert dict(rows_of(service, Listening.of(service)))["Code"] == "nothing to reload"


def test_what_looks_like_markup_is_shown_as_it_is(
    service: Service,
    terminal: Callable[[], None],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And a path that is longer than the line is there to its end."""
    folder = tmp_path / "[bold]" / ("x" * 100)
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("cletus.cli.panel._store", lambda _: str(folder))
    terminal()
    show_started(service)
    shown = "".join(row.strip("│ ") for row in capsys.readouterr().out.split("\n"))
    assert "[bold]" in shown
    assert shown.count("x") >= 100


def test_the_password_of_a_store_is_not_told(service: Service) -> None:
    service.settings = type(service.settings)(store="redis://ann:lantern@localhost/0")
    assert "lantern" not in "".join(lines_of(service, Listening.of(service)))


def test_with_workers_it_says_where_the_gateways_listen_and_which_process_is_signalled(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HUB, "9")
    listening = Listening(["http://127.0.0.1:9080/"], ["telnet 127.0.0.1:9000"])
    show_started(service, listening)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Open http://127.0.0.1:9080/", "Listening on telnet 127.0.0.1:9000"]
    rows = dict(rows_of(service, listening))
    assert (rows["Open"], rows["Doors"]) == ("http://127.0.0.1:9080/", "telnet 127.0.0.1:9000")
    assert rows["Stop"] == f"Ctrl-C, or kill {os.getppid()}"
