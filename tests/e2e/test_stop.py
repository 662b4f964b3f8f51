"""Stopping in order: people told, stores saved, sockets closed, exit code 0."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.harness import Caller, Talker

APP = """\
from cletus import Service, events
from cletus.storage import Store, Field

service = Service()

class Visit(Store):
    service = service
    lines = Field(0)

@service.listen(events.Connect)
def connect(event):
    event.client.visit = Visit(f"visit{event.client.id}")
    event.client.write("Hello")

@service.listen(events.Receive)
def receive(event):
    event.client.visit.lines += 1
    event.client.write(f"{event.client.visit.lines}")

@service.listen(events.Disconnect)
def disconnect(event):
    print(f"gone: {event.reason}\\n", end="", flush=True)  # in one piece: the log has a thread

@service.listen(events.PreStop)
def prestop(event):
    print(f"prestop: {len(service.clients)} here\\n", end="", flush=True)

@service.listen(events.PostStop)
def poststop(event):
    print(f"poststop: {len(service.clients)} here\\n", end="", flush=True)
"""


@pytest.fixture
def app(tmp_path: Path, run: Callable[..., Talker]) -> Callable[..., Talker]:
    """Run an application of one file."""

    def app(text: str = APP, *options: str) -> Talker:
        (tmp_path / "app.py").write_text(text)
        return run("app.py", *options)

    return app


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_it_stops_in_order(
    app: Callable[..., Talker], call: Callable[[Talker], Caller], number: signal.Signals
) -> None:
    """Nobody is cut off without a word, and nothing that only memory knew is lost."""
    talker = app()
    port = talker.port
    alice, bob = call(talker), call(talker)
    for person in (alice, bob):
        person.sees("Hello\r\n")
    alice.types("a", "b", "c")
    alice.sees("3\r\n")
    assert talker.stop(number) == 0

    for person in (alice, bob):
        assert "The service is going down. Goodbye!\r\n" in person.sees_the_end()
    saved = json.loads((talker.folder / "saved/visit/visit1.json").read_text())
    assert saved["lines"] == 3
    assert (talker.folder / "saved/visit/visit2.json").exists()
    said = [line for line in talker.output.splitlines() if ":" in line[:9] and "here" in line]
    assert said == ["prestop: 2 here", "poststop: 0 here"]
    assert talker.output.count("gone: service stopped") == 2
    assert "Traceback" not in talker.output
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_sigterm_again_and_again_is_one_stop(
    app: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    """A service manager sends it to all processes of a service, and some hand it on."""
    talker = app()
    alice = call(talker)
    alice.types("a", "b")
    alice.sees("2\r\n")
    while talker.is_running:
        talker.process.send_signal(signal.SIGTERM)
    assert talker.process.returncode == 0
    assert "The service is going down. Goodbye!\r\n" in alice.sees_the_end()
    assert json.loads((talker.folder / "saved/visit/visit1.json").read_text())["lines"] == 2
    assert "Traceback" not in talker.output


def test_a_second_run_finds_what_the_first_has_saved(
    app: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    """The store is not locked any more either."""
    text = APP.replace(
        'Visit(f"visit{event.client.id}")', 'Visit.manager.get("all") or Visit("all")'
    )
    for lines in ("1\r\n", "2\r\n"):
        talker = app(text)
        alice = call(talker)
        alice.sees("Hello")
        alice.types("x")
        alice.sees(lines)
        assert talker.stop() == 0


def test_who_does_not_read_does_not_hold_up_the_stop(
    app: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    """They are cut off after close_timeout."""
    text = APP.replace('event.client.write("Hello")', 'event.client.write("Hello" * 1_000_000)')
    talker = app(text, "--close-timeout", "0.1", "--output-max", "0")
    alice = call(talker)
    alice.sees("Hello")
    assert talker.stop() == 0
    assert "gone: service stopped" in talker.output


def test_a_stuck_listener_does_not_hold_up_the_stop(
    app: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    """It is cancelled after close_timeout, so that its ``finally`` runs, and Disconnect still fires."""
    text = APP.replace(
        "@service.listen(events.Receive)",
        "from twisted.internet.defer import Deferred\n"
        "@service.listen(events.Receive)\n"
        "async def stuck(event):\n"
        "    try:\n"
        "        await Deferred()\n"
        "    finally:\n"
        "        print('finally', flush=True)\n\n"
        "@service.listen(events.Receive)",
    )
    talker = app(text, "--close-timeout", "0.1")
    alice = call(talker)
    alice.sees("Hello")
    alice.types("x")
    alice.sees("1\r\n")
    assert talker.stop() == 0
    assert "finally" in talker.output
    assert "gone: service stopped" in talker.output
    assert "Traceback" not in talker.output


def test_an_application_may_stop_itself(
    app: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    """``service.stop()`` in a command ends the process, in the same order."""
    text = APP.replace("    event.client.visit.lines += 1\n", "    service.stop()\n")
    talker = app(text)
    alice = call(talker)
    alice.sees("Hello")
    alice.types("shutdown")
    assert "The service is going down. Goodbye!\r\n" in alice.sees_the_end()
    assert talker.ends() == 0
    assert "poststop: 0 here" in talker.output
    assert "Traceback" not in talker.output


def test_it_can_be_stopped_while_it_starts(app: Callable[..., Talker]) -> None:
    """A start that waits for something is given up."""
    text = APP + (
        "from twisted.internet.defer import Deferred\n"
        "@service.listen(events.PreStart)\n"
        "async def prestart(event):\n"
        "    print('starting', flush=True)\n"
        "    await Deferred()\n"
    )
    talker = app(text)
    talker.prints("starting")
    assert talker.stop(signal.SIGINT) == 0
    assert "Traceback" not in talker.output
    assert "Listening" not in talker.output
