"""What supervisors, terminals and other processes notice: nothing, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pexpect
import pytest

from tests.e2e.harness import TIMEOUT, Caller, wait_until
from tests.restart.application import APP
from tests.restart.conftest import Serving


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def zombies(parent: int) -> list[int]:
    """Processes of this one that have ended, and that it has not asked about."""
    pids = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdecimal():
                state, ppid = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if (state, int(ppid)) == ("Z", parent):
                    pids.append(int(entry.name))
    return pids


@pytest.mark.parametrize("restarts", [3, pytest.param(50, marks=pytest.mark.soak)])
def test_s5_nothing_is_left(
    serving: Callable[..., Serving], called: Callable[[int], Caller], restarts: int
) -> None:
    """No descriptor, process, file or zombie, and memory does not grow."""
    service = serving()
    people = [called(service.port) for _ in range(10)]
    for person in people:
        person.types("a")
        person.sees("a 1 1\r\n")
    seen = []
    for _ in range(restarts):
        pid = service.restart()["new_pid"]
        wait_until(
            lambda pid=pid: service.processes() == sorted((service.process.pid, pid)),
            "the end of the old process",
            lambda: str(service.processes()),
        )
        seen.append((descriptors(pid), memory(pid), descriptors(service.process.pid)))
        wait_until(lambda: not zombies(service.process.pid), "the burial of the old process")
        files = sorted(os.listdir(service.folder / "store"))
        assert files == [".control.sock", ".lock"]
    # The connection that asked may still be open, and the first process may just be becoming the minder.
    fewest = min(count for count, _, _ in seen[:3])
    wait_until(lambda: descriptors(pid) <= fewest, "no more descriptors", lambda: str(seen))
    assert seen[-1][1] < 1.2 * seen[0][1] + (4 << 20), seen
    assert seen[-1][2] == seen[1][2], seen
    sys.stdout.write(
        f"descriptors, bytes, descriptors of the minder: {seen}\n"
    )  # with `pytest -rP`
    lock = (service.folder / "store" / ".lock").read_text()
    assert lock.startswith(f"{pid}\n")
    assert service.stop() == 0


def test_s9_who_connects_meanwhile_waits_and_comes_in(
    serving: Callable[..., Serving], called: Callable[[int], Caller]
) -> None:
    """Also who has connected and has not been greeted yet."""
    service = serving("--detect-delay=2")
    port = service.port
    import threading

    answers = []

    def come_and_go() -> None:
        while len(answers) < 40:
            person = Caller(port)
            person.types("a")
            answers.append(person.sees("a 1 1\r\n"))
            person.hang_up()

    crowd = [threading.Thread(target=come_and_go) for _ in range(4)]
    silent = called(port)
    for thread in crowd:
        thread.start()
    assert service.restart()["outcome"] == "taken over"
    for thread in crowd:
        thread.join(4 * TIMEOUT)
    assert len(answers) >= 40
    silent.types("b")
    silent.sees("b 1 1\r\n")


def test_s10_the_lock_is_held_without_a_gap(serving: Callable[..., Serving]) -> None:
    """A second service can take the store at no moment."""
    import fcntl
    import threading

    service = serving()
    service.prints("Stop with Ctrl-C")
    gaps, ended = [], threading.Event()

    def try_to_take() -> None:
        with (service.folder / "store" / ".lock").open("rb+") as file:
            while not ended.wait(0.0005):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    gaps.append(1)
                    fcntl.flock(file, fcntl.LOCK_UN)
                except BlockingIOError:
                    continue

    trying = threading.Thread(target=try_to_take)
    trying.start()
    try:
        assert service.restart()["outcome"] == "taken over"
    finally:
        ended.set()
        trying.join()
    assert not gaps


def test_s11_systemd_is_told_who_serves(
    serving: Callable[..., Serving], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MAINPID before the first process ends, READY by the new one; there is no minder."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(3 * TIMEOUT)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        service = serving()

        def hears(beginning: str) -> str:
            while True:
                data, fds, _, _ = socket.recv_fds(manager, 1000, 4)
                for descriptor in fds:
                    os.close(descriptor)
                if data.decode().startswith(beginning):
                    return data.decode()

        hears("READY=1")
        first = service.pid
        report = service.asked("restart")
        assert hears("MAINPID=") == f"MAINPID={report['new_pid']}"
        assert service.process.wait(TIMEOUT) == 0
        assert first != report["new_pid"]
        hears("READY=1")
        assert service.processes() == [report["new_pid"]]
        os.kill(report["new_pid"], signal.SIGTERM)
        wait_until(lambda: not service.processes(), "its end")


@pytest.mark.parametrize("way", ["Ctrl-C", "hangup"])
def test_s11_in_a_terminal(tmp_path: Path, way: str) -> None:
    """A shell's job goes on; Ctrl-C and closing the window stop the process that serves."""
    (tmp_path / "app.py").write_text(APP)
    command = [
        "-m",
        "cletus",
        "run",
        "app.py",
        "--port=0",
        "--web-port=0",
        "--no-restart-rehearsal",
    ]
    child = pexpect.spawn(
        sys.executable, command, cwd=str(tmp_path), timeout=3 * TIMEOUT, encoding="utf-8"
    )
    try:
        child.expect("Ctrl-C")
        os.kill(child.pid, signal.SIGUSR2)
        child.expect(r"Restarted, process (\d+) in place of")
        pid = int(child.match[1])
        wait_until(
            lambda: b"-I" in Path(f"/proc/{child.pid}/cmdline").read_bytes().split(b"\0"),
            "the minder",
        )
        if way == "Ctrl-C":
            child.sendintr()
            child.expect(pexpect.EOF)
            child.wait()
            assert child.exitstatus == 0
        else:
            child.close(force=False)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the end of the process that served")
    finally:
        child.close(force=True)


def test_s3_the_minder_is_killed(
    serving: Callable[..., Serving], called: Callable[[int], Caller]
) -> None:
    """Nobody would know of the process that serves: it stops in order."""
    service = serving()
    person = called(service.port)
    person.types("a")
    person.sees("a 1 1\r\n")
    pid = service.restart()["new_pid"]
    os.kill(service.process.pid, signal.SIGKILL)
    service.process.wait()
    assert "The service is going down" in person.sees_the_end()
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "its end")


@pytest.mark.parametrize("restarts", [0, 1])
def test_s11_a_stop_that_is_asked_for_in_the_handover(
    serving: Callable[..., Serving], called: Callable[[int], Caller], restarts: int
) -> None:
    """In the first restart and in a later one: the process that has taken over stops, in order."""
    service = serving()
    person = called(service.port)
    for _ in range(restarts):
        service.restart()
    (service.folder / "fault.txt").write_text("O before-GO stop")
    service.asked_to_restart()
    assert "The service is going down" in person.sees_the_end(), service.output
    assert service.ends() == 0
    assert len(service.noted("restarts.txt")) == restarts + 1
    assert not service.noted("failures.txt")
    wait_until(lambda: not service.processes(), "the end of all processes")


def test_what_ends_with_the_old_process_is_named(
    serving: Callable[..., Serving], called: Callable[[int], Caller]
) -> None:
    service = serving()
    person = called(service.port)
    person.types("background")
    person.sees("begun")
    notes = service.restart()["notes"]
    for beginning in ("callLater: app.until_gone was due in 3", "the thread Thread-"):
        assert any(note.startswith(beginning) for note in notes), notes
    assert sum(note.startswith("callLater: app.until_gone") for note in notes) == 2
    assert not service.restart()["notes"]


def test_people_over_tls_are_told(serving: Callable[..., Serving]) -> None:
    """Their connection ends after the new process has taken over; ``Disconnect`` fires there."""
    import ssl

    service = serving("--tls-self-signed", "--tls-port=0")
    port = int(service.prints(r"Listening on tls \S+:(\d+)\n")[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port), TIMEOUT)) as person:
        person.sendall(b"a\r\n")
        seen = b""
        while b"a 1 1" not in seen:
            seen += person.recv(1000)
        report = service.restart()
        assert (report["kept"], report["dropped"]) == (0, 1)
        while data := person.recv(1000):
            seen += data
        assert b"Please connect again: you are still logged in." in seen
    assert service.noted("connects.txt") == ["start", "connect", "disconnect restarted"]
