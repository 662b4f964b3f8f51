"""R14: code that does not return is cut off and named, and everybody else goes on."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.harness import Caller, Talker

APP = """\
import ctypes, os, re, time
from cletus import Dialogue, Service, events, step
from twisted.internet import reactor
from twisted.internet.task import deferLater

service = Service(call_timeout=0.5)

def endless():
    while True:
        pass

class Talk(Dialogue):
    @step("Well? ")
    def answer(self, line):
        if line == "loop":
            endless()
        return self.done()

@service.listen(events.Receive)
def receive(event):
    text = event.data
    if text == "loop":
        endless()
    elif text == "sleep":
        time.sleep(1000)
    elif text == "regex":
        re.match("(a+)+$", "a" * 60 + "b")
    elif text == "except":
        while True:
            try:
                endless()
            except Exception:
                pass
    elif text == "bare":
        while True:
            try:
                endless()
            except:
                pass
    elif text == "finally":
        try:
            endless()
        finally:
            while True:
                pass
    elif text == "write":
        while True:
            service.metrics.counter("app_loops", "Loops.")
    elif text == "nested":
        while True:
            service.fire(Inner(service))
    elif text == "later":
        reactor.callLater(0, endless)
    elif text == "deferred":
        deferLater(reactor, 0, endless).addErrback(lambda failure: event.client.write("errback"))
    elif text == "timer":
        service.call_later(0, endless)
    elif text == "talk":
        event.client.start_dialogue(Talk())
    elif text == "C":
        lock, mutex = ctypes.CDLL(None).pthread_mutex_lock, ctypes.create_string_buffer(64)
        lock(mutex)
        lock(mutex)  # a deadlock, which signals do not end
    else:
        event.client.write(f"you say {text}")

class Inner(events.Event):
    pass

@service.listen(Inner)
def inner(event):
    sum(range(1000))

@service.listen(events.Receive)
async def converse(event):
    if event.data == "coroutine":
        await event.client.ask("go? ")
        endless()

@service.listen(events.PreStop)
def prestop(event):
    print("prestop", flush=True)
"""


@pytest.fixture
def app(tmp_path: Path, run: Callable[..., Talker]) -> Talker:
    (tmp_path / "app.py").write_text(APP)
    return run("app.py")


NOTICE = "Something went wrong here. It has been logged."


@pytest.mark.parametrize(
    "line", ["loop", "sleep", "regex", "except", "bare", "finally", "write", "nested"]
)
def test_a_listener_that_does_not_return_is_cut_off(
    app: Talker, call: Callable[[Talker], Caller], line: str
) -> None:
    ann, bob = call(app), call(app)
    ann.types(line)
    ann.sees(NOTICE)
    bob.types("hello")
    bob.sees("you say hello")
    ann.types("again")
    ann.sees("you say again")
    app.prints("CallTimedOut")
    app.prints(r"The reactor was held up for [\d.]+ s, here:\n(.*\n)*.*app.py")


@pytest.mark.parametrize("line", ["later", "deferred", "timer"])
def test_a_call_by_the_reactor_is_cut_off(
    app: Talker, call: Callable[[Talker], Caller], line: str
) -> None:
    ann = call(app)
    ann.types(line)
    app.prints("The reactor was held up for")
    ann.types("hello")
    ann.sees("you say hello")


def test_steps_of_dialogues_and_coroutines_are_cut_off(
    app: Talker, call: Callable[[Talker], Caller]
) -> None:
    ann = call(app)
    ann.types("talk")
    ann.sees("Well? ")
    ann.types("loop")
    ann.sees(NOTICE)
    ann.types("done")
    ann.types("coroutine")
    ann.sees("go? ")
    ann.types("yes")
    ann.sees(NOTICE)
    ann.types("hello")
    ann.sees("you say hello")


def test_a_stop_does_not_wait_for_the_time_limit(
    tmp_path: Path, run: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    """SIGTERM interrupts code that hangs, and the service stops in order, even without a limit."""
    (tmp_path / "app.py").write_text(APP.replace("call_timeout=0.5", "call_timeout=0"))
    app = run("app.py")
    ann = call(app)
    ann.types("loop")
    app.gets(signal.SIGTERM)
    assert app.ends() == 0
    assert "prestop" in app.output


def test_c_code_that_does_not_return_is_logged_and_does_not_prevent_a_stop(
    app: Talker, call: Callable[[Talker], Caller]
) -> None:
    ann = call(app)
    ann.types("C")
    app.prints(r"cannot be interrupted:\n(.*\n)*.*lock\(mutex\)")
    app.gets(signal.SIGTERM)
    assert app.ends() == -signal.SIGKILL


@pytest.mark.parametrize(
    "command",
    [["app.py"], ["-m", "app"], ["-m", "twisted", "--log-format=text", "cletus", "app.py"]],
)
def test_it_works_however_the_service_is_run(
    tmp_path: Path,
    start: Callable[..., Talker],
    at_end: ExitStack,
    command: list[str],
) -> None:
    (tmp_path / "app.py").write_text(APP + "\nif __name__ == '__main__':\n    service.run()\n")
    app = start(*command, "--port=0", "--store=saved")
    ann = Caller(int(app.prints(r"Listening on telnet \S+:(\d+)")[1]))
    at_end.callback(ann.hang_up)
    ann.types("loop")
    ann.sees(NOTICE)
    ann.types("hello")
    ann.sees("you say hello")
