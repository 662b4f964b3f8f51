"""Cletus's plugin of pytest: fixtures for an application in memory. See ``docs/testing.md``.

It stands beside the package and not in it, and imports the package in its fixtures only: pytest
loads its plugins first of all, before coverage is measured, and in runs that have nothing to do
with Cletus, too. For the same reason nothing here imports Twisted before a test wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from twisted.internet.task import Clock

    from cletus import Service
    from cletus.testing import Log, Stage, Visitor

_TARGET = "cletus_target"
_MARKER = (
    "cletus(target, **settings): the application that a test is about, as for `cletus run`, and "
    "settings for it; without a target, that of the configuration"
)
_WHICH = (
    "Which application is under test? Say it in pyproject.toml:\n\n"
    "    [tool.pytest.ini_options]\n"
    '    cletus_target = "mytalker"\n\n'
    'or at the test: @pytest.mark.cletus("talk.py"); or override the fixture cletus_target.'
)

_log = pytest.StashKey["Log"]()
_visitors = pytest.StashKey[list["Visitor"]]()
_restarted = pytest.StashKey["Service"]()


# -- pytest's hooks -----------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Pytest's: declare what its configuration file may say."""
    about = "the application under test, as for `cletus run`; from pytest's root folder"
    parser.addini(_TARGET, about, default="")


def pytest_configure(config: pytest.Config) -> None:
    """Pytest's: declare the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Pytest's: a test is run. What it has had logged and has not taken is a failure of it."""
    yield
    log = item.stash.get(_log, None)
    if log is not None:
        _refuse_mistakes(log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Pytest's: a test has ended. One that has failed shows everybody's screen, and the log."""
    report = yield
    if report.failed and call.when == "call":
        for visitor in item.stash.get(_visitors, []):
            report.sections.append((f"Screen of {visitor!r}", _picture(visitor)))
        log = item.stash.get(_log, None)
        if log is not None and log.events:
            report.sections.append(("Log of the service", log.text))
            log.take_failures()  # they are told, and need not fail the test once more
    return report


# -- fixtures -----------------------------------------------------------------------------------


@pytest.fixture
def cletus_target(request: pytest.FixtureRequest) -> str:
    """The application under test, as for ``cletus run``; may be overridden."""
    targets = [marker.args[0] for marker in request.node.iter_markers("cletus") if marker.args]
    named = targets[0] if targets else request.config.getini(_TARGET)
    if not named:
        pytest.fail(_WHICH, pytrace=False)
    return str(named)


@pytest.fixture
def cletus_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings for it: those of the markers, the nearest first; may be overridden."""
    found: dict[str, Any] = {}
    for marker in request.node.iter_markers("cletus"):
        found = {**marker.kwargs, **found}
    return found


@pytest.fixture
def clock() -> Clock:
    """The time of the service: it stands still until ``clock.advance(seconds)``."""
    from cletus.testing import StepClock

    return StepClock()


@pytest.fixture
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    """What is logged from now on; a mistake that the test has not taken out fails it."""
    from cletus.testing import Log

    with Log().listening() as log:
        request.node.stash[_log] = log
        yield log
    _refuse_mistakes(log)


@pytest.fixture
def cletus_stage(
    cletus_target: str,
    cletus_settings: Mapping[str, Any],
    clock: Clock,
    log: Log,  # noqa: ARG001 - whatever it logs from its first import on is heard
    request: pytest.FixtureRequest,
) -> Iterator[Stage]:
    """Where the application runs; it is stopped after the test."""
    from cletus.testing import Stage

    stage = Stage(cletus_target, request.config.rootpath, clock, cletus_settings)
    yield stage
    stage.stop()


@pytest.fixture
def service(cletus_stage: Stage) -> Service:
    """The application, imported afresh and running in memory."""
    return cletus_stage.start()


@pytest.fixture
def restart(
    cletus_stage: Stage,
    service: Service,  # noqa: ARG001 - it must have been started once
    request: pytest.FixtureRequest,
) -> Callable[[], Service]:
    """Stops the application and starts it again, with what it has saved; gives the new service.

    Who was connected is not any more; ``connect()`` leads to the new service from then on.
    """

    def restart() -> Service:
        request.node.stash[_restarted] = service = cletus_stage.restart()
        return service

    return restart


@pytest.fixture
def connect(service: Service, request: pytest.FixtureRequest) -> Callable[..., Visitor]:
    """For more people: each ``connect()`` gives one; keywords as for ``cletus.testing.Visitor``."""
    from cletus.testing import MemoryDoor

    doors: dict[Service, MemoryDoor] = {}
    visitors = request.node.stash[_visitors] = []

    def connect(**terminal: Any) -> Visitor:
        running = request.node.stash.get(_restarted, service)
        door = doors.setdefault(running, MemoryDoor(running))
        visitors.append(door.connect(**terminal))
        return visitors[-1]

    return connect


@pytest.fixture
def client(connect: Callable[..., Visitor]) -> Visitor:
    """Somebody who has connected, at a terminal of 80 by 24 without colours."""
    return connect()


# -- inside -------------------------------------------------------------------------------------


def _refuse_mistakes(log: Log) -> None:
    mistakes = log.take_tracebacks()
    if mistakes:
        pytest.fail(
            "The service has logged a mistake; a test that expects it takes it: "
            "log.take_failures()\n\n" + "\n\n".join(mistakes),
            pytrace=False,
        )


def _picture(visitor: Visitor) -> str:
    """Their screen in a frame, or all that came where there is no pyte."""
    from cletus.testing.screen import has_pyte

    if not has_pyte():
        return visitor.transcript
    try:
        lines = visitor.screen.split("\n")
    except Exception as error:  # noqa: BLE001 - a test has failed, and its report must not fail, too
        return f"It cannot be drawn: {error!r}"
    width = max(map(len, lines))
    rule = "+" + "-" * (width + 2) + "+"
    return "\n".join([rule, *(f"| {line:{width}} |" for line in lines), rule])
