"""Services that are restarted, as processes, and what is asked of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from cletus.errors import ControlError
from cletus.ops.control.client import ControlClient
from cletus.ops.control.messages import Request
from tests.e2e.harness import TIMEOUT, Caller, Talker, wait_until
from tests.e2e.place import PASSWORD, Place, Visitor
from tests.e2e.test_ssh import LISTEN
from tests.restart.application import APP


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that start processes are end-to-end tests."""
    for item in items:
        if {"serving", "place"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(300))


class Serving(Talker):
    """A service whose process changes at each restart; ``process`` is the first one, and then the minder."""

    @property
    def pid(self) -> int:
        """Of the process that serves."""
        return int(self.asked("status")["pid"])

    def commanded(self, command: str, *options: str) -> Any:
        """The answer of ``cletus COMMAND``, whatever its exit code."""
        arguments = [sys.executable, "-m", "cletus", command, "app.py", "--json", *options]
        done = subprocess.run(arguments, cwd=self.folder, capture_output=True, text=True)
        assert done.stdout, f"{done.stderr}\n{self.output}"
        return json.loads(done.stdout)

    def asked(self, command: str, timeout: float = TIMEOUT) -> Any:
        """The answer of the control socket to a command, without the start of a process.

        Raises:
            ControlError: there is no answer.
        """
        with ControlClient(str(self.folder / "store"), timeout) as client:
            return client.ask(Request(command, str(self.folder / "app.py")))

    def asked_to_restart(self, timeout: float = 10.0) -> None:
        """Ask for a restart, whatever becomes of it."""
        with suppress(ControlError):
            self.asked("restart", timeout)

    def restart(self, *options: str) -> dict[str, Any]:
        """Restart it, and return the report; with options of the command, by ``cletus restart``."""
        report: dict[str, Any]
        report = self.commanded("restart", *options) if options else self.asked("restart")
        if report["outcome"] == "taken over":
            wait_until(self.is_reachable, "the control socket after a restart", lambda: self.output)
        return report

    def is_reachable(self) -> bool:
        """Whether its control socket answers."""
        with suppress(ControlError):
            return bool(self.asked("status"))
        return False

    def noted(self, file: str) -> list[str]:
        """The lines of a file that the application writes."""
        path = self.folder / file
        return path.read_text().splitlines() if path.exists() else []

    def processes(self) -> list[int]:
        """The processes that have this folder as theirs: those that serve or are about to, and the minder."""
        pids = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdecimal() and os.readlink(entry / "cwd") == str(self.folder):
                    pids.append(int(entry.name))
        return sorted(pids)

    def successors(self, pid: int) -> list[int]:
        """The processes that this one has started to take over from it."""
        return [
            child
            for child in self.processes()
            if int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1]) == pid
        ]

    def kill(self) -> None:
        """End all of it."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def at_end() -> Iterator[ExitStack]:
    """What is to be ended with the test, in reverse order of its beginning."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def serving(tmp_path: Path, at_end: ExitStack) -> Callable[..., Serving]:
    """Start the application with these options."""

    def serving(*options: str, text: str = APP, python: str = sys.executable) -> Serving:
        (tmp_path / "app.py").write_text(text)
        command = ["-m", "cletus", "run", "app.py", "--port=0", "--web-port=0"]
        service = Serving(
            tmp_path,
            *command,
            "--no-restart-rehearsal",
            "--restart-timeout=15",
            *options,
            python=python,
        )
        at_end.callback(service.kill)
        return service

    return serving


@pytest.fixture
def called(at_end: ExitStack) -> Callable[[int], Caller]:
    """Connect to a port of this machine."""

    def called(port: int) -> Caller:
        caller = Caller(port)
        at_end.callback(caller.hang_up)
        return caller

    return called


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """The example, with doors for telnet, TLS and SSH."""
    tls = ("--listen", "tls:tcp:0:interface=127.0.0.1", "--tls-self-signed")
    place = Place(tmp_path, *LISTEN, *tls, "--no-restart-rehearsal", "--restart-timeout=15")
    yield place
    place.process.send_signal(signal.SIGTERM)  # the minder leaves a terminal's INT to the terminal
    assert place.process.wait(TIMEOUT) == 0
    place.process.stdout.close()  # type: ignore[union-attr]


def restart_by_signal(place: Place) -> None:
    """Restart it, and wait for its log to say so."""
    count = place.log.read_text().count("Restarted, process")
    place.process.send_signal(signal.SIGUSR2)
    log = place.log.read_text
    wait_until(lambda: log().count("Restarted, process") > count, "a restart", log)


def logs_in(visitor: Visitor, name: str) -> None:
    """Answer the questions for a name and its password."""
    for prompt, answer in (("name", name), ("assword", PASSWORD)):
        visitor.sees(prompt)
        visitor.says(answer)
