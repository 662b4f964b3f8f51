"""Under Twisted's own programs: ``twist``, ``twistd``, and a ``.tac`` file with other services beside ours."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.harness import REPOSITORY, Caller, Talker, wait_until
from tests.engines import free_port

APP = """\
import logging
from cletus import Service, events
from cletus.storage import Field, Store

service = Service()

class Visits(Store):
    service = service
    count = Field(0)

visits = Visits("all")

@service.listen(events.Receive)
def receive(event):
    visits.count += 1
    logging.getLogger(__name__).warning("a line")
    event.client.write(f"heard {event.data}")
    if event.data == "stop":
        service.stop()

@service.listen(events.PostStop)
def poststop(event):
    print("poststop", flush=True)
"""

TWIST = ("-m", "twisted", "--log-format=text", "cletus")
TWISTD = (str(Path(sys.executable).with_name("twistd")),)


@pytest.fixture
def called(at_end: ExitStack) -> Callable[[Talker], Caller]:
    """Connect to what logs where it listens."""

    def called(talker: Talker) -> Caller:
        port = talker.prints(r"Listening on telnet 127\.0\.0\.1:(\d+)")[1]
        caller = Caller(int(port))
        at_end.callback(caller.hang_up)
        return caller

    return called


@pytest.mark.parametrize("way", [TWIST, (*TWISTD, "-n", "cletus")], ids=["twist", "twistd -n"])
def test_it_runs_reloads_and_stops_in_order(
    start: Callable[..., Talker],
    called: Callable[[Talker], Caller],
    tmp_path: Path,
    way: tuple[str, ...],
) -> None:
    """Options are those of ``cletus run``; each event is logged once, by Twisted."""
    (tmp_path / "app.py").write_text(APP)
    talker = start(*way, "app.py", "--port", "0", "--store=saved", "--stop-notice", "So long.")
    ann = called(talker)
    ann.types("hello")
    ann.sees("heard hello\r\n")
    talker.prints(r"a line\n")
    talker.edit("app.py", "heard", "noted")
    talker.prints("Reloaded, generation 1")
    ann.types("again")
    ann.sees("noted again\r\n")
    talker.gets(signal.SIGHUP)
    talker.prints("Reloaded, generation 2")
    code = talker.stop()
    assert "So long." in ann.sees_the_end()
    assert code in (0, -signal.SIGTERM), "Twisted ends by the signal that it was sent"
    assert talker.output.count("Reloaded, generation 2") == 1
    assert re.search("poststop", talker.output)


def test_an_application_that_stops_its_service_ends_the_process(
    start: Callable[..., Talker], called: Callable[[Talker], Caller], tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(APP)
    talker = start(*TWIST, "app.py", "--port=0", "--store=saved")
    called(talker).types("stop")
    assert talker.ends() == 0


@pytest.mark.parametrize("way", [TWIST, (*TWISTD, "-n", "cletus")], ids=["twist", "twistd -n"])
def test_a_start_that_fails_is_one_line_and_code_2(
    start: Callable[..., Talker], tmp_path: Path, way: tuple[str, ...]
) -> None:
    (tmp_path / "app.py").write_text(APP)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        talker = start(*way, "app.py", f"--port={port}", "--store=saved")
        assert talker.ends() == 2
    wanted = f"cletus: cannot listen on telnet 127.0.0.1:{port}: the port is in use"
    assert talker.output.count(wanted) == 1
    assert "Traceback" not in talker.output
    assert not (tmp_path / "twistd.pid").exists()


def test_a_start_that_fails_in_the_reactor_is_code_2_as_well(
    start: Callable[..., Talker], tmp_path: Path
) -> None:
    """The application takes its time before the doors open; then a port is in use."""
    wait = """
from twisted.internet import reactor, task
@service.listen(events.PreStart)
async def prestart(event):
    await task.deferLater(reactor, 0.05)
"""
    (tmp_path / "app.py").write_text(APP + wait)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        talker = start(*TWIST, "app.py", f"--port={port}", "--store=saved")
        assert talker.ends() == 2
    assert talker.output.count(f"cletus: cannot listen on telnet 127.0.0.1:{port}") == 1


def test_the_daemon_of_twistd(tmp_path: Path, at_end: ExitStack) -> None:
    """It runs on when ``twistd`` has ended; the store is locked and saved by the daemon."""
    (tmp_path / "app.py").write_text(APP)
    port = free_port()
    command = [sys.executable, *TWISTD, "cletus", "app.py", f"--port={port}", "--store=saved"]
    began = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (began.returncode, began.stdout, began.stderr) == (0, "", "")
    daemon = int((tmp_path / "twistd.pid").read_text())
    at_end.callback(end, daemon)
    caller = Caller(port)
    at_end.callback(caller.hang_up)
    caller.types("hello")
    caller.sees("heard hello\r\n")
    again = subprocess.run(
        [*command, "--store=saved", "--port=0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode != 0
    os.kill(daemon, signal.SIGTERM)
    wait_until(lambda: not is_running(daemon), "the end of the daemon")
    assert '"count": 1' in (tmp_path / "saved" / "visits" / "all.json").read_text()
    assert not (tmp_path / "twistd.pid").exists()


def test_a_daemon_that_cannot_start_tells_whoever_started_it(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, *TWISTD, "cletus", "app.py", f"--port={port}"]
        began = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert began.returncode == 1
    assert "cannot listen on telnet 127.0.0.1" in began.stderr
    assert "the port is in use" in (tmp_path / "twistd.log").read_text()
    # The daemon tells who started it before it ends.
    wait_until(lambda: not (tmp_path / "twistd.pid").exists(), "the end of the daemon")


def test_beside_other_services_in_a_tac_file(
    start: Callable[..., Talker], called: Callable[[Talker], Caller], tmp_path: Path
) -> None:
    """The file of ``docs/deploy.md``: a web server in the same process."""
    (tmp_path / "talk.py").write_text(APP)
    (tmp_path / "cletus.toml").write_text('port = 0\nstore = "saved"\n')
    tac = (REPOSITORY / "deploy" / "talker.tac").read_text().replace("tcp:8080", "tcp:0")
    (tmp_path / "talker.tac").write_text(tac)
    talker = start(*TWISTD, "-ny", "talker.tac")
    caller = called(talker)
    caller.types("hello")
    caller.sees("heard hello\r\n")
    port = int(talker.prints(r"Site starting on (\d+)")[1])
    with socket.create_connection(("127.0.0.1", port)) as web:
        web.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"1 connected" in web.makefile("rb").read()
    talker.stop()
    assert "poststop" in talker.output
    assert "The service is going down" in caller.sees_the_end()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def end(pid: int) -> None:
    if is_running(pid):
        os.kill(pid, signal.SIGKILL)
