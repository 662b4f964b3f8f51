"""What end-to-end tests share: starting and ending what they drive, and which real clients ran."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster import cluster, database, people, shared
from tests.e2e.harness import TIMEOUT, Caller, Talker, Terminal, program
from tests.e2e.page import browser, join, lantern

__all__ = ["browser", "cluster", "database", "join", "lantern", "people", "shared"]

#: The property of a test's report that names the real client which it drove.
CLIENT = "real client"

TALK = Path(__file__).with_name("talk")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder start real processes: ``-m "not e2e"`` leaves them out."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(
                    pytest.mark.timeout(5 * TIMEOUT)
                )  # each waits for several conditions
            # Python 3.12 warns of forkpty() where there are threads; pexpect's child is exec'd at once.
            item.add_marker(pytest.mark.filterwarnings("ignore:.*forkpty:DeprecationWarning"))


@pytest.fixture
def at_end() -> Iterator[ExitStack]:
    """What is to be ended with the test, in reverse order of its beginning."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start(at_end: ExitStack, tmp_path: Path) -> Callable[..., Talker]:
    """Start Python with these arguments in the test's folder."""

    def start(*command: str) -> Talker:
        talker = Talker(tmp_path, *command)
        at_end.callback(talker.kill)
        return talker

    return start


@pytest.fixture
def run(start: Callable[..., Talker]) -> Callable[..., Talker]:
    """``cletus run`` with a target, a free port and a store of the test's own."""

    def run(target: str, *options: str) -> Talker:
        return start("-m", "cletus", "run", target, "--port", "0", "--store", "saved", *options)

    return run


@pytest.fixture(scope="module")
def kept(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[Callable[[Path], Talker]], Talker]]:
    """One process for several tests of a module, of which the start would take longest; a new one after a failure."""
    talkers: dict[Callable[[Path], Talker], Talker] = {}
    failures = request.session.testsfailed
    with ExitStack() as at_end:

        def kept(begin: Callable[[Path], Talker]) -> Talker:
            nonlocal failures
            if request.session.testsfailed > failures:
                failures = request.session.testsfailed
                talkers.clear()
            if begin not in talkers:
                talkers[begin] = begin(tmp_path_factory.mktemp("kept"))
                at_end.callback(talkers[begin].kill)
                assert talkers[begin].port
            talkers[begin].forget_output()
            return talkers[begin]

        yield kept


@pytest.fixture
def talk(tmp_path: Path, run: Callable[..., Talker]) -> Talker:
    """A copy of the talker of these tests, running."""
    shutil.copytree(TALK, tmp_path / "talk", ignore=shutil.ignore_patterns("__pycache__"))
    return run("talk")


@pytest.fixture
def call(at_end: ExitStack) -> Callable[[Talker], Caller]:
    """Connect to a talker with a plain socket."""

    def call(talker: Talker) -> Caller:
        caller = Caller(talker.port)
        at_end.callback(caller.hang_up)
        return caller

    return call


@pytest.fixture
def telnet(at_end: ExitStack, tmp_path: Path) -> Callable[[Talker], Terminal]:
    """Connect to a talker with Debian's ``telnet``; skips where that is missing."""
    path = program("inetutils-telnet", "telnet")

    def telnet(talker: Talker) -> Terminal:
        terminal = Terminal(path, ["127.0.0.1", str(talker.port)], tmp_path)
        at_end.callback(terminal.kill)
        return terminal

    return telnet


@pytest.fixture
def tintin(at_end: ExitStack, tmp_path: Path) -> Callable[[Talker], Terminal]:
    """Connect to a talker with TinTin++; skips where that is missing."""
    path = program("tt++")

    def tintin(talker: Talker) -> Terminal:
        session = f"#session talker 127.0.0.1 {talker.port}"
        terminal = Terminal(path, ["-G", "-e", session], tmp_path)
        at_end.callback(terminal.kill)
        return terminal

    return tintin


@pytest.fixture
def ran(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Tests with a real client tell its name by this; it also comes out of the processes of xdist."""
    return lambda name: record_property(CLIENT, name)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = terminalreporter.stats.get("passed", ())
    told = [one for report in reports for one in report.user_properties if report.when == "call"]
    names = sorted(value for name, value in told if name == CLIENT)
    if names:
        terminalreporter.write_line(f"{len(names)} real clients ran: {', '.join(names)}")
