"""S2: a restart that is refused changes nothing, and says why."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from twisted.internet.task import Clock

from cletus import Service
from cletus.service.restart_report import RestartReport
from tests.e2e.harness import Caller, wait_until
from tests.restart.conftest import Serving


def test_s1_who_saves_and_restarts_gets_both(
    serving: Callable[..., Serving], called: Callable[[int], Caller]
) -> None:
    """A restart waits for a reload, and imports anew what is saved while the new process starts."""
    service = serving("--reload-debounce=0")
    person = called(service.port)
    app = (service.folder / "app.py").read_text()

    service.write("app.py", app.replace('VERSION = "one"', 'VERSION = "two"'))
    report = service.restart()
    assert report["outcome"] == "taken over", report["error"]
    person.types("order", "soup", "tea")
    person.sees("two: soup and tea")

    with ThreadPoolExecutor(1) as pool:
        pid = service.pid
        restart = pool.submit(service.restart)
        wait_until(lambda: bool(service.successors(pid)), "the start of a new process")
        service.write("app.py", app.replace('VERSION = "one"', 'VERSION = "three"'))
        report = restart.result()
    assert report["outcome"] == "taken over", report["error"]
    person.types("order", "soup", "tea")
    person.sees("three: soup and tea")


def test_s2_reasons(serving: Callable[..., Serving], called: Callable[[int], Caller]) -> None:
    """A veto, broken code, a value that cannot move, code at work; and the service goes on each time."""
    service = serving("--restart-drain=0.3", "--no-reload")
    person = called(service.port)
    person.types("a")
    person.sees("a 1 1\r\n")
    app = (service.folder / "app.py").read_text()
    pid = service.pid

    (service.folder / "veto.txt").write_text("a vote is under way")
    assert service.restart()["error"] == "a vote is under way"
    (service.folder / "veto.txt").unlink()

    service.write("app.py", "1 / 0\n" + app)
    report = service.restart()
    assert report["phase"] == "import"
    assert "ZeroDivisionError" in report["error"]
    service.write("app.py", app)

    person.types("lock")
    person.sees("locked")
    report = service.restart()
    assert report["phase"] == "check"
    assert report["error"].startswith("client 1, lock: cannot pickle")
    person.types("unlock")
    person.sees("unlocked")

    (service.folder / "work.txt").touch()
    person.types("work")
    report = service.restart()
    assert report["phase"] == "drain"
    assert report["error"].startswith("app.receive is at work for <Client 1")
    (service.folder / "work.txt").unlink()
    person.sees("worked")

    assert service.pid == pid
    assert service.processes() == [pid]
    assert len(service.noted("failures.txt")) == 4
    person.types("b")
    person.sees("b 2 2\r\n")
    assert service.restart()["outcome"] == "taken over"
    person.types("c")
    person.sees("c 3 3\r\n")


def test_s2_a_check_changes_nothing(
    serving: Callable[..., Serving], called: Callable[[int], Caller]
) -> None:
    service = serving()
    person = called(service.port)
    person.types("ask")
    person.sees("Well? ")
    pid = service.pid
    report = service.restart("--check")
    assert report["outcome"] == "checked", report
    assert (service.pid, service.processes()) == (pid, [pid])
    person.types("yes")
    assert "renewed" not in person.sees("answered yes")


def test_force_ends_code_at_work(
    serving: Callable[..., Serving], called: Callable[[int], Caller]
) -> None:
    """It begins again in the new process."""
    service = serving("--restart-drain=0.1")
    person = called(service.port)
    person.types("a")
    person.sees("a 1 1\r\n")
    (service.folder / "work.txt").touch()
    person.types("work")
    assert service.restart("--force")["outcome"] == "taken over"
    person.sees("Let us start that again")
    (service.folder / "work.txt").unlink()
    person.sees("worked")


def test_s2_code_that_is_not_started_again_is_waited_for(
    serving: Callable[..., Serving], called: Callable[[int], Caller]
) -> None:
    """A listener with ``on_reload="continue"``, which could not go on elsewhere: until its own end."""
    service = serving("--restart-drain=0.3")
    person = called(service.port)
    person.types("steady")
    person.sees("Steady? ")
    report = service.restart()
    assert report["phase"] == "drain"
    assert report["error"].startswith("app.steady is at work for <Client 1")
    person.types("yes")
    assert "again" not in person.sees("steady yes\r\n")
    assert service.restart()["outcome"] == "taken over"
    person.types("steady")
    person.sees("Steady? ")
    report = service.restart("--force")
    assert report["outcome"] == "taken over"
    person.types("a")
    person.sees("a 1 1\r\n")


def test_s1_code_at_work_ends_in_time(
    serving: Callable[..., Serving], called: Callable[[int], Caller]
) -> None:
    """The restart waits for it, no longer than ``restart_drain``, and it is not started again."""
    service = serving("--restart-drain=30")
    person, other = called(service.port), called(service.port)
    (service.folder / "work.txt").touch()
    person.types("work")
    with ThreadPoolExecutor() as pool:
        restart = pool.submit(service.restart)
        service.prints("asks for restart")
        assert service.restart()["error"] == "another restart is under way"
        other.types("a")
        other.sees("a 1 1\r\n")
        (service.folder / "work.txt").unlink()
        person.sees("worked\r\n")
    assert restart.result()["outcome"] == "taken over"
    person.types("b")
    assert "worked" not in person.sees("b 1 1\r\n")


@pytest.mark.parametrize("rehearsed", [False, True])
def test_s2_a_class_that_is_gone(
    serving: Callable[..., Serving], called: Callable[[int], Caller], rehearsed: bool
) -> None:
    """The new code cannot hold a value: with a rehearsal, even conversations do not notice."""
    text = """
from cletus import Service, events
service = Service()
class Mood: pass
@service.listen(events.Receive)
async def receive(event):
    if event.data == "mood":
        event.client.mood = Mood()
    event.client.write(await event.client.ask("Well? "))
"""
    service = serving(
        "--restart-rehearsal" if rehearsed else "--no-restart-rehearsal", "--no-reload", text=text
    )
    person = called(service.port)
    person.types("mood")
    person.sees("Well? ")
    service.write("app.py", text.replace("class Mood: pass", ""))
    report = service.restart()
    assert report["outcome"] == "refused"
    assert "Mood" in report["error"]
    assert report["phase"] == ("rehearsal" if rehearsed else "hand over")
    person.types("x")
    assert ("again" in person.sees("x\r\n")) is not rehearsed


def test_a_process_of_others_is_left_alone() -> None:
    """As under twist: the answer says so at once."""
    service = Service(store="memory:")
    assert _refusal(service) == "the service is idle"
    service.start(Clock(), doors=(), attachments=())
    assert _refusal(service) == "the process is not the service's own, as under twist: restart that"
    service.lifecycle.cluster = object()  # type: ignore[assignment]  # any cluster
    assert "cletus handover" in _refusal(service)
    service.lifecycle.cluster = None
    service.stop()
    assert _refusal(service) == "the service is stopped"


def _refusal(service: Service) -> str:
    reports: list[RestartReport] = []
    service.restart().addCallback(reports.append)
    (report,) = reports
    assert not report.ok
    return report.error


def test_sigusr2(serving: Callable[..., Serving], called: Callable[[int], Caller]) -> None:
    """Before the first restart, and then by way of the minder."""
    service = serving()
    person = called(service.port)
    for count in (1, 2):
        service.gets(signal.SIGUSR2)
        wait_until(lambda count=count: len(service.noted("restarts.txt")) == count, "a restart")
        person.types("a")
        person.sees(f"a {count} {count}\r\n")
    assert service.stop() == 0
