"""What the commands that talk to a running service show of its answers, and their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cletus.cli import main
from cletus.cli import remote as running
from cletus.errors import ControlRefused, NoAnswer, NotRunning
from cletus.ops.control.messages import Answer, Refusal, Request

STATUS = {
    "name": "talk",
    "pid": 7,
    "state": "running",
    "generation": 2,
    "started": 0.0,
    "uptime": 90.0,
    "doors": ["telnet 127.0.0.1:9000", "tls 127.0.0.1:9443"],
    "clients": 3,
    "stores": {"Room": 2, "User": 3},
    "store": "/srv/store",
    "application": ["/srv/talk"],
    "reload": None,
    "memory": 50_000_000,
    "versions": {"cletus": "1", "python": "3"},
}

CLIENT = {
    "id": 4,
    "name": "",
    "door": "telnet",
    "address": "192.0.2.1:1",
    "tls": False,
    "idle": 61.0,
    "since": 0.0,
    "terminal": "Evil\x1b[2J",
    "columns": 100,
    "rows": 30,
    "encoding": "utf-8",
}


class Remote:
    """A service that answers as a test says.

    Attributes:
        reply: what it answers; an error is raised.
        asked: what it was asked.
    """

    def __init__(self) -> None:
        self.reply: Any = None
        self.asked: list[Request] = []
        self.pid = 0
        self.timeout: float | None = None

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def send(self, request: Request) -> None:
        self.asked.append(request)

    def receive(self) -> Any:
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply

    def ask(self, request: Request) -> Any:
        self.send(request)
        return self.receive()


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Remote:
    remote = Remote()

    class Running:
        root = "/srv/talk"

        def __init__(self, target: str, store: str | None, _: object) -> None:
            assert (target, store) == ("talk", "there")

        def connect(self, timeout: float) -> Remote:
            remote.timeout = timeout
            return remote

    monkeypatch.setattr(running, "Running", Running)
    return remote


Run = Callable[..., Result]


@pytest.fixture
def run(remote: Remote) -> Run:
    return lambda command, *options: CliRunner().invoke(
        main, [command, "talk", "--store", "there", *options]
    )


def test_the_status_is_a_fact_a_line(run: Run, remote: Remote) -> None:
    remote.reply = STATUS
    result = run("status")
    assert result.exit_code == 0
    assert remote.asked == [Request("status", "/srv/talk")]
    lines = result.output.splitlines()
    assert lines[:3] == ["name: talk", "state: running", "pid: 7"]
    assert lines[3].endswith("(1 min 30 s ago)")
    assert lines[4:] == [
        "generation: 2",
        "last reload: none yet",
        "doors: telnet 127.0.0.1:9000; tls 127.0.0.1:9443",
        "people: 3",
        "active: 2 Room, 3 User",
        "store: /srv/store",
        "code: /srv/talk",
        "memory: 50.0 MB",
        "versions: cletus 1, python 3",
    ]


def test_the_status_tells_of_what_could_not_be_saved(run: Run, remote: Remote) -> None:
    remote.reply = {**STATUS, "unsaved": ["cannot save user 'bob': full"], "unsaved_count": 3}
    lines = run("status").output.splitlines()
    assert "not saved: 3 (tried again), the first: cannot save user 'bob': full" in lines


def test_the_status_of_a_service_that_has_nothing(run: Run, remote: Remote) -> None:
    report = {"text": "Reload refused (check): no\n    left behind: a file"}
    nothing: dict[str, Any] = {"name": "", "doors": [], "stores": {}, "application": []}
    remote.reply = {**STATUS, **nothing, "reload": report}
    lines = run("status").output.splitlines()
    assert "name: -" in lines
    assert "doors: none" in lines
    assert "active: no stores" in lines
    assert "code: nothing to reload" in lines
    assert "last reload: Reload refused (check): no; left behind: a file" in lines


@pytest.mark.parametrize("command", ["status", "who", "reload", "rollback"])
def test_programs_get_json(run: Run, remote: Remote, command: str) -> None:
    remote.reply = {"ok": True, "name": "ü\x1b"}
    result = run(command, "--json")
    assert json.loads(result.output) == remote.reply
    assert "\x1b" not in result.output


def test_who_is_connected(run: Run, remote: Remote) -> None:
    remote.reply = [CLIENT, {**CLIENT, "id": 5, "name": "Ann", "terminal": ""}]
    first, second = run("who").output.splitlines()
    assert first.split("\t")[:5] == ["4", "-", "telnet", "192.0.2.1:1", "1 min 1 s"]
    assert first.split("\t")[6] == "Evil\\u001b[2J 100x30"
    assert second.split("\t")[1] == "Ann"
    assert second.endswith("unknown 100x30")
    remote.reply = []
    assert run("who").output == ""


@pytest.mark.parametrize("command", ["reload", "rollback"])
@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_a_refused_reload_is_exit_code_1(
    run: Run, remote: Remote, command: str, ok: bool, code: int
) -> None:
    remote.reply = {"ok": ok, "text": "what happened"}
    result = run(command)
    assert (result.exit_code, result.output) == (code, "what happened\n")
    assert remote.timeout == 60
    assert run(command, "--json").exit_code == code


@pytest.mark.parametrize("command", ["status", "who", "reload", "rollback", "shutdown"])
def test_what_cannot_be_asked_is_one_line_and_exit_code_2(
    run: Run, remote: Remote, command: str
) -> None:
    remote.reply = NotRunning("/srv/store")
    result = run(command, "--timeout", "3")
    assert result.exit_code == 2
    assert result.stderr == "cletus: no service runs on the store /srv/store\n"
    assert remote.timeout == 3


@pytest.mark.parametrize("reply", [Answer({"pid": 7}), None])
def test_a_stop_is_over_with_the_answer_or_the_connection(
    run: Run, remote: Remote, reply: object
) -> None:
    remote.reply = reply
    result = run("shutdown")
    assert (result.exit_code, result.output) == (0, "Stopped\n")


def test_a_stop_may_be_refused(run: Run, remote: Remote) -> None:
    remote.reply = Refusal("that is another one")
    result = run("shutdown")
    assert (result.exit_code, result.stderr) == (2, "cletus: that is another one\n")
    assert ControlRefused("x").args == ("x",)


def test_a_stop_that_takes_too_long(run: Run, remote: Remote) -> None:
    remote.reply = NoAnswer("process 7 did not answer")
    result = run("shutdown", "--timeout", "2")
    assert result.exit_code == 1
    assert result.stderr == "cletus: it is still stopping after 2 seconds\n"


def test_a_stop_waits_for_the_end_of_the_process(run: Run, remote: Remote) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        remote.pid = child.pid
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        assert run("shutdown").output == "Stopped\n"
        assert child.poll() == 0 or child.wait(10) == 0


def test_a_process_that_has_more_to_do_goes_on(run: Run, remote: Remote) -> None:
    """Another service of the same process, for instance."""
    remote.pid = os.getpid()
    assert (
        run("shutdown", "--timeout", "0.1").output
        == f"Stopped; its process {os.getpid()} has not ended\n"
    )


def test_help_tells_of_each(run: Run) -> None:
    for command in ("status", "who", "reload", "rollback", "shutdown", "shell"):
        result = CliRunner().invoke(main, [command, "--help"])
        assert result.exit_code == 0
        assert "TARGET" in result.output
        assert "--store" in result.output
