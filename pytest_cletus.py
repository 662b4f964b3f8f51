"""The pytest plugin of Cletus: fixtures for an application in memory. See ``docs/testing.md``.

It is a module beside the package, and imports the package only in its fixtures: pytest loads its
plugins before coverage is measured, and also in runs that have nothing to do with Cletus. For the
same reason nothing here imports Twisted before a test needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from twisted.internet.task import Clock

    from cletus import Service
    from cletus.testing import App, Log, Visitor

_TARGET = "cletus_target"
_MARKER = (
    "cletus(target, **settings): the application that a test is about, as for `cletus run`, and "
    "settings for it; without a target, that of the configuration"
)
_WHICH = (
    "Which application is under test? Name it in pyproject.toml:\n\n"
    "    [tool.pytest.ini_options]\n"
    '    cletus_target = "mytalker"\n\n'
    'or mark the test: @pytest.mark.cletus("talk.py"); or override the fixture cletus_target.'
)

_log = pytest.StashKey["Log"]()
_visitors = pytest.StashKey[list["Visitor"]]()
_restarted = pytest.StashKey["Service"]()


# -- pytest's hooks -----------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Pytest's: declare the option of the configuration file."""
    about = "the application under test, as for `cletus run`; from pytest's root folder"
    parser.addini(_TARGET, about, default="")


def pytest_configure(config: pytest.Config) -> None:
    """Pytest's: declare the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Pytest's: run a test. An error in the log that the test has not taken fails it."""
    yield
    log = item.stash.get(_log, None)
    if log is not None:
        _fail_for_errors(log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Pytest's: a test has ended. If it has failed, show the log and the screens of all visitors."""
    report = yield
    if report.failed and call.when == "call":
        for visitor in item.stash.get(_visitors, []):
            report.sections.append((f"Screen of {visitor!r}", _picture(visitor)))
        log = item.stash.get(_log, None)
        if log is not None and log.events:
            report.sections.append(("Log of the service", log.text))
            log.take_failures()  # they have been shown, and need not fail the test a second time
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
    settings: dict[str, Any] = {}
    for marker in request.node.iter_markers("cletus"):
        settings = {**marker.kwargs, **settings}
    return settings


@pytest.fixture
def clock() -> Clock:
    """The time of the service: it stands still until ``clock.advance(seconds)``."""
    from cletus.testing import StepClock

    return StepClock()


@pytest.fixture
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    """What is logged from now on. An error that the test does not take out fails it."""
    from cletus.testing import Log

    with Log().listening() as log:
        request.node.stash[_log] = log
        yield log
    _fail_for_errors(log)


@pytest.fixture
def cletus_app(
    cletus_target: str,
    cletus_settings: Mapping[str, Any],
    clock: Clock,
    log: Log,  # noqa: ARG001 - so that everything from the first import on is in it
    request: pytest.FixtureRequest,
) -> Iterator[App]:
    """The application, not started yet; it is stopped after the test."""
    from cletus.testing import App

    app = App(cletus_target, request.config.rootpath, clock, cletus_settings)
    yield app
    app.stop()


@pytest.fixture
def service(cletus_app: App) -> Service:
    """The application, imported anew and running in memory."""
    return cletus_app.start()


@pytest.fixture
def restart(
    cletus_app: App,
    service: Service,  # noqa: ARG001 - it must have been started once
    request: pytest.FixtureRequest,
) -> Callable[[], Service]:
    """A function that restarts the application, with what it has saved, and returns the new service.

    Nobody is connected to the new service; ``connect()`` connects to it from then on.
    """

    def restart() -> Service:
        request.node.stash[_restarted] = service = cletus_app.restart()
        return service

    return restart


@pytest.fixture
def connect(service: Service, request: pytest.FixtureRequest) -> Callable[..., Visitor]:
    """A function that connects one more person; arguments as for ``cletus.testing.Visitor``."""
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
    """A person who has connected, at a terminal of 80 by 24 characters without colours."""
    return connect()


# -- inside -------------------------------------------------------------------------------------


def _fail_for_errors(log: Log) -> None:
    errors = log.take_tracebacks()
    if errors:
        pytest.fail(
            "The service has logged an error; a test that expects it takes it with "
            "log.take_failures()\n\n" + "\n\n".join(errors),
            pytrace=False,
        )


def _picture(visitor: Visitor) -> str:
    """Their screen in a frame; without pyte, all text that has come."""
    from cletus.testing.screen import has_pyte

    if not has_pyte():
        return visitor.transcript
    try:
        lines = visitor.screen.split("\n")
    except Exception as error:  # noqa: BLE001 - the report of a failed test must not fail as well
        return f"It cannot be drawn: {error!r}"
    width = max(map(len, lines))
    rule = "+" + "-" * (width + 2) + "+"
    return "\n".join([rule, *(f"| {line:{width}} |" for line in lines), rule])
