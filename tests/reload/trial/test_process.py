"""The service's side of a trial, with a process that is played. The real one: tests/e2e/test_reload_trial.py."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from cletus.reload.code.sources import Source, Sources
from cletus.reload.trial import process as module
from cletus.reload.trial.child import RESULT, Request
from cletus.reload.trial.process import Trial
from cletus.service.application import Application, Root

PATH = Path("/talker/app.py")
APPLICATION = Application((Root("app", PATH, False),), ("app",))
SOURCES = Sources({"app": Source("app", PATH, False, b"one = 1\ntwo()\n", b"")})

CRASH = b"""Fatal Python error: Segmentation fault

Current thread 0x00007f0 (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 3 in string_at
  File "/talker/app.py", line 2 in two
  File "/talker/app.py", line 1 in <module>
  File "<frozen importlib._bootstrap>", line 241 in _call_with_frames_removed
"""

STACK = """\
/talker/app.py:1 in <module>
    one = 1
/talker/app.py:2 in two
    two()
"""


class PlayedReactor(Clock):
    """Its process ends when the test says so."""

    refusal: OSError | None = None

    def spawnProcess(self, protocol: Any, *_: Any, **__: Any) -> Any:
        if self.refusal is not None:
            raise self.refusal
        self.protocol = protocol
        self.pid = 4_000_000  # past the kernel's largest
        self.written = b""
        self.killed = 0
        return self

    def writeToChild(self, _descriptor: int, data: bytes) -> None:
        self.written += data

    def closeChildFD(self, descriptor: int) -> None:
        pass

    def signalProcess(self, name: str) -> None:
        assert name == "KILL"
        self.killed += 1

    def end(self, reason: Exception, data: bytes = b"") -> None:
        if data:
            self.protocol.childDataReceived(RESULT, data)
        self.protocol.processExited(Failure(reason))
        self.protocol.processEnded(Failure(reason))


def trial(reactor: PlayedReactor, timeout: float = 10.0) -> tuple[Trial, list[str]]:
    request = Request(APPLICATION, (), SOURCES, (), "", None, {}, timeout, min(timeout, 2.0))
    trial, results = Trial(reactor, request), list[str]()
    trial.run(trial.payload()).addCallback(lambda outcome: results.append(outcome.refusal))
    return trial, results


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The process groups that were killed."""
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(module.os, "killpg", lambda *arguments: killed.append(arguments))
    return killed


@pytest.mark.parametrize(
    ("reason", "data", "text"),
    [
        (ProcessDone(0), b'{"refusal": "", "written": []}', ""),
        (ProcessDone(0), b'{"refusal": "NameError: x", "written": []}', "NameError: x"),
        (ProcessDone(0), b'"text of others"', "the import ends the process (exit code 0)"),
        (ProcessTerminated(exitCode=3), b"", "the import ends the process (exit code 3)"),
        (
            ProcessTerminated(signal=signal.SIGKILL),
            b"",
            "the import crashes the interpreter (SIGKILL)",
        ),
        (
            ProcessTerminated(signal=signal.SIGSEGV),
            CRASH,
            STACK + "the import crashes the interpreter (SIGSEGV)",
        ),
        (
            ProcessTerminated(exitCode=1),
            b"Timeout (0:00:11)!\n" + CRASH,
            STACK + "the import does not end, and cannot be interrupted",
        ),
    ],
)
def test_the_end_of_the_process_is_put_into_words(
    groups: list[Any], reason: Exception, data: bytes, text: str
) -> None:
    reactor = PlayedReactor()
    _, results = trial(reactor)
    reactor.end(reason, data)
    assert results == [text]
    assert reactor.getDelayedCalls() == []


def test_what_the_process_has_started_ends_with_it(groups: list[tuple[int, int]]) -> None:
    reactor = PlayedReactor()
    trial(reactor)
    reactor.end(ProcessDone(0), b'{"refusal": "", "written": []}')
    assert groups == [(reactor.pid, signal.SIGKILL)]


def test_a_process_that_does_not_even_end_itself_is_killed(groups: list[tuple[int, int]]) -> None:
    reactor = PlayedReactor()
    _, results = trial(reactor)
    reactor.advance(14)
    assert groups == []
    reactor.advance(14)
    assert groups == [(reactor.pid, signal.SIGKILL)]
    reactor.end(ProcessTerminated(signal=signal.SIGKILL))
    assert results == ["the import does not end, and cannot be interrupted"]


def test_without_a_time_limit_it_may_take_for_ever(groups: list[Any]) -> None:
    reactor = PlayedReactor()
    trial(reactor, timeout=0.0)
    assert reactor.getDelayedCalls() == []


def test_a_result_without_end_is_not_kept(groups: list[tuple[int, int]]) -> None:
    reactor = PlayedReactor()
    running, _ = trial(reactor)
    for _ in range(100):
        running.childDataReceived(RESULT, b"x" * 4096)
    assert len(running._result) <= module._RESULT_MAX
    assert groups


def test_a_process_that_cannot_be_started_refuses_the_edit() -> None:
    reactor = PlayedReactor()
    reactor.refusal = OSError("Resource temporarily unavailable")
    _, results = trial(reactor)
    assert results == ["the edit cannot be tried: Resource temporarily unavailable"]


def test_a_process_without_a_group_yet_is_killed_by_itself() -> None:
    reactor = PlayedReactor()
    running, _ = trial(reactor)
    with pytest.raises(ProcessLookupError):
        os.killpg(reactor.pid, 0)
    running.kill()
    assert reactor.killed == 1


def test_one_that_is_killed_before_it_has_begun_does_not_begin(
    groups: list[tuple[int, int]],
) -> None:
    """As when the service stops while the request is pickled: group 0 would be that of the service."""
    reactor, outcomes = PlayedReactor(), []
    request = Request(APPLICATION, (), SOURCES, (), "", None, {}, 1.0, 1.0)
    running = Trial(reactor, request)
    running.kill()
    running.run(b"").addCallback(outcomes.append)
    assert groups == []
    assert [outcome.refusal for outcome in outcomes] == ["the service is stopping"]
    assert not hasattr(reactor, "protocol")


def test_a_reactor_without_processes_says_that_nothing_was_tried(run: Any) -> None:
    app = run({"reload_trial": True})
    report = app.reload(core=lambda text: text + "# more\n")
    assert report.ok
    assert "reload_trial: this reactor starts no processes; nothing was tried" in report.notes


@pytest.mark.parametrize(
    ("data", "written"),
    [
        (b'{"refusal": "x", "written": ["/a.py"]}', {"/a.py"}),
        (b'{"refusal": "x", "written": null}', None),
        (b"", None),
    ],
)
def test_what_the_modules_have_written_is_known_if_they_end(
    groups: list[Any], data: bytes, written: set[str] | None
) -> None:
    reactor, outcomes = PlayedReactor(), []
    request = Request(APPLICATION, (), SOURCES, (), "", None, {}, 1.0, 1.0)
    running = Trial(reactor, request)
    running.run(b"").addCallback(outcomes.append)
    reactor.end(ProcessDone(0), data)
    assert [outcome.written for outcome in outcomes] == [written]
