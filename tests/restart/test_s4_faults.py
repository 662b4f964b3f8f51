"""S4: whichever process ends at whichever step, people are dropped only if it served; then all is well again."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.e2e.harness import TIMEOUT, Caller, wait_until
from tests.restart.conftest import Serving

#: Of the process that is to take over, before it has.
S_PLACES = (
    "import",
    "pre-start",
    "before-IMPORTED",
    "after-IMPORTED",
    "before-thaw",
    "after-thaw",
    "before-READY",
    "after-READY",
    "before-TAKEN",
)
#: Of the process that serves, before the other one has.
O_PLACES = (
    "before-HELLO",
    "after-HELLO",
    "before-HEAD",
    "after-HEAD",
    "before-DESCRIPTORS",
    "after-DESCRIPTORS",
    "before-END",
    "before-GO",
)
REFUSED = [
    *(("S", place, deed) for place in S_PLACES for deed in ("kill", "hang", "raise")),
    *(("O", place, "raise") for place in O_PLACES),
]
IN_CI = {
    ("S", "import", "kill"),
    ("S", "pre-start", "raise"),
    ("S", "before-thaw", "raise"),
    ("S", "after-READY", "hang"),
    ("S", "before-TAKEN", "kill"),
    ("O", "before-HELLO", "raise"),
    ("O", "before-GO", "raise"),
}
IN_CI_LATE = {("after-END", "kill", 0), ("after-GO", "kill", 1)}


def cases(faults: list[tuple[str, str, str]]) -> list[object]:
    """The short matrix in CI, the whole one in ``make soak``."""
    return [
        pytest.param(*fault, marks=() if fault in IN_CI else pytest.mark.soak, id="-".join(fault))
        for fault in faults
    ]


@pytest.mark.parametrize(("role", "place", "deed"), cases(REFUSED))
def test_s2_s4_a_fault_changes_nothing(
    serving: Callable[..., Serving],
    called: Callable[[int], Caller],
    role: str,
    place: str,
    deed: str,
) -> None:
    """It is refused; conversations go on, the questions with a notice; and the next restart succeeds."""
    in_import = role == "S" and place in S_PLACES[:3]
    service = serving(
        "--restart-import-timeout=20"
        if deed == "hang" and in_import
        else "--restart-import-timeout=60",
        "--restart-timeout=4" if deed == "hang" else "--restart-timeout=15",
    )
    talks, orders, asks = (called(service.port) for _ in range(3))
    talks.types("a")
    talks.sees("a 1 1\r\n")
    orders.types("order")
    orders.sees("Dish? ")
    asks.types("ask")
    asks.sees("Well? ")
    pid = service.pid
    (service.folder / "fault.txt").write_text(f"{role} {place} {deed}")
    report = service.restart()
    assert report["outcome"] == "refused", report
    assert report["error"], report
    assert not (service.folder / "fault.txt").exists(), f"the fault did not happen: {report}"
    assert service.pid == pid
    assert service.processes() == [pid]
    assert len(service.noted("failures.txt")) == 1
    talks.types("b")
    talks.sees("b 2 2\r\n")
    orders.types("soup")
    orders.sees("Drink? ")
    asks.types("x")
    asks.sees("answered x")
    report = service.restart()
    assert report["outcome"] == "taken over", report
    talks.types("c")
    talks.sees("c 3 3\r\n")
    orders.types("tea")
    orders.sees("soup and tea")
    assert service.noted("connects.txt") == ["start", *["connect"] * 3]


LATE = ("after-END", "before-GO", "after-GO", "before-flush", "after-flush")


def make_it_die(service: Serving, place: str, deed: str) -> None:
    """Ask for a restart in which the serving process is killed, or hangs and is killed then."""
    fault = service.folder / "fault.txt"
    pid = service.pid
    fault.write_text(f"O {place} {deed}")
    service.asked_to_restart(1.0 if deed == "hang" else 10.0)
    wait_until(lambda: not fault.exists(), "the fault", lambda: service.output)
    if deed == "hang":
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("place", "deed", "restarts"),
    [
        pytest.param(
            place,
            deed,
            restarts,
            marks=() if (place, deed, restarts) in IN_CI_LATE else pytest.mark.soak,
            id=f"{place}-{deed}-{restarts}",
        )
        for restarts, places in ((0, (*LATE, "before-minding")), (1, LATE))
        for place in places
        for deed in ("kill", "hang")
    ],
)
def test_s4_the_serving_process_is_killed_when_all_is_handed_over(
    serving: Callable[..., Serving],
    called: Callable[[int], Caller],
    place: str,
    deed: str,
    restarts: int,
) -> None:
    """The other one takes over: nobody notices, whether there is a minder, after another restart, or not."""
    service = serving()
    port = service.port
    person = called(port)
    person.types("a")
    person.sees("a 1 1\r\n")
    for _ in range(restarts):
        assert service.restart()["outcome"] == "taken over"
    make_it_die(service, place, deed)
    wait_until(
        lambda: len(service.noted("restarts.txt")) > restarts, "taking over", lambda: service.output
    )
    person.types("b")
    person.sees("b 2 2\r\n")
    newcomer = called(port)
    newcomer.types("x")
    newcomer.sees("x 1 1\r\n")
    wait_until(service.is_reachable, "the control socket", lambda: service.output)
    if restarts:
        assert service.is_running  # the minder
    else:
        assert service.process.wait(TIMEOUT) == -signal.SIGKILL
    assert service.restart()["outcome"] == "taken over"
    person.types("c")
    person.sees("c 3 3\r\n")


@pytest.mark.parametrize(
    ("place", "deed"),
    [
        pytest.param(
            place,
            deed,
            marks=() if (place, deed) == ("before-END", "kill") else pytest.mark.soak,
            id=f"{place}-{deed}",
        )
        for place in O_PLACES[:-1]
        for deed in ("kill", "hang")
    ],
)
def test_s4_the_serving_process_is_killed_before(
    serving: Callable[..., Serving], called: Callable[[int], Caller], place: str, deed: str
) -> None:
    """That is a crash of the service; the other process ends as well, and leaves nothing."""
    service = serving()
    person = called(service.port)
    person.types("a")
    person.sees("a 1 1\r\n")
    make_it_die(service, place, deed)
    person.sees_the_end()
    service.process.wait()
    wait_until(lambda: not service.processes(), "the end of all processes", lambda: service.output)
    assert not service.noted("restarts.txt")


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_s4_a_kill_at_any_moment(
    serving: Callable[..., Serving], called: Callable[[int], Caller], seed: int
) -> None:
    """Of the process that is to take over: it changes nothing, unless it was the one that served by then."""
    service = serving()
    person = called(service.port)
    person.types("a")
    person.sees("a 1 1\r\n")
    source, serves = random.Random(seed), service.pid
    with ThreadPoolExecutor() as pool:
        restart = pool.submit(service.asked, "restart")
        wait_until(lambda: service.successors(serves), "the new process", lambda: service.output)
        (pid,) = service.successors(serves)
        time.sleep(source.random() * 1.5)  # the moment is what this is about
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if restart.result()["outcome"] == "taken over":
        person.sees_the_end()
        return
    person.types("b")
    person.sees("b 2 2\r\n")
    assert service.restart()["outcome"] == "taken over"
    person.types("c")
    person.sees("c 3 3\r\n")
