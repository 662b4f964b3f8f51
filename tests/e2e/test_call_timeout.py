"""R14: code that does not return is cut off and named, and everybody else goes on."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.harness import Caller, Talker, Terminal, wait_until
from tests.e2e.test_metrics_and_logs import scrape
from tests.engines import free_port

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
    elif text == "slow":
        time.sleep(0.6)
        event.client.write("slowly")
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


def kept_app(folder: Path) -> Talker:
    (folder / "app.py").write_text(APP)
    return Talker(folder, "-m", "cletus", "run", "app.py", "--port", "0", "--store", "saved")


@pytest.fixture
def same_app(kept: Callable[[Callable[[Path], Talker]], Talker]) -> Talker:
    """The one of the test before: it is as good as new."""
    return kept(kept_app)


NOTICE = "Something went wrong here. It has been logged."


@pytest.mark.parametrize(
    "line", ["loop", "sleep", "regex", "except", "bare", "finally", "write", "nested"]
)
def test_a_listener_that_does_not_return_is_cut_off(
    same_app: Talker, call: Callable[[Talker], Caller], line: str
) -> None:
    ann, bob = call(same_app), call(same_app)
    ann.types(line)
    ann.sees(NOTICE)
    bob.types("hello")
    bob.sees("you say hello")
    ann.types("again")
    ann.sees("you say again")
    same_app.prints("CallTimedOut")
    same_app.prints(r"The reactor was held up for [\d.]+ s, here:\n(.*\n)*.*app.py")


def test_a_reactor_that_is_held_up_for_a_quarter_of_a_second_is_logged_with_the_stack(
    tmp_path: Path, run: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    """Code that returns within its time limit is logged and counted, and not interrupted."""
    (tmp_path / "app.py").write_text(APP.replace("call_timeout=0.5", "call_timeout=60"))
    app = run("app.py")
    ann = call(app)
    ann.types("slow")
    ann.sees("slowly")
    app.prints(r"The reactor was held up for [\d.]+ s, here:\n(.*\n)*.*time\.sleep\(0\.6\)")
    assert "CallTimedOut" not in app.output


@pytest.mark.parametrize("line", ["later", "deferred", "timer"])
def test_a_call_by_the_reactor_is_cut_off(
    same_app: Talker, call: Callable[[Talker], Caller], line: str
) -> None:
    ann = call(same_app)
    ann.types(line)
    same_app.prints("The reactor was held up for")
    ann.types("hello")
    ann.sees("you say hello")


def test_steps_of_dialogues_and_coroutines_are_cut_off(
    same_app: Talker, call: Callable[[Talker], Caller]
) -> None:
    ann = call(same_app)
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
    text = APP.replace("call_timeout=0.5", "call_timeout=0")
    text = text.replace("def endless():\n", "def endless():\n    print('hanging', flush=True)\n")
    (tmp_path / "app.py").write_text(text)
    app = run("app.py")
    ann = call(app)
    ann.types("loop")
    app.prints("hanging")
    app.gets(signal.SIGTERM)
    assert app.ends() == 0
    assert "prestop" in app.output


AT_THE_STOP = """\
from cletus import Service, events
from cletus.storage import Field, Store

service = Service(stop_timeout=1)

def endless():
    while True:
        pass

class Hanging(Field):
    def serialise(self, obj, name):
        endless()

class Note(Store):
    service = service
    text = Field("")

class Bad(Note):
    hanging = Hanging(0)

@service.listen(events.Receive)
def receive(event):
    bad, note = Bad("bad"), Note("good")
    bad.text = note.text = event.data
    event.client.write("noted")
    if event.data == "thread":
        service.run_in_thread(endless)
"""


def test_a_stop_saves_around_code_that_hangs_and_does_not_wait_for_threads_for_ever(
    tmp_path: Path, run: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    (tmp_path / "app.py").write_text(AT_THE_STOP)
    app = run("app.py", "--store", "saved")
    ann = call(app)
    ann.types("thread")
    ann.sees("noted")
    app.gets(signal.SIGTERM)
    app.prints(r"bad.*not finished after")
    app.prints(r"without the thread .*\n(.*\n)*.*in endless")
    assert app.ends() == 0
    for name in ("note/good", "bad/bad"):
        assert json.loads((tmp_path / f"saved/{name}.json").read_text())["text"] == "thread"


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


WORLD = """\
from cletus import Service, events
from cletus.contrib.commands import CommandRegistry
from cletus.storage import Field, Store

service = Service(call_timeout=0.5)
commands = CommandRegistry(service)

class Note(Store):
    service = service
    text = Field("")
    size = Field(0)

@service.listen(events.Receive)
def receive(event):
    return commands.run(event, event.data)

@commands.register
def loop(event):
    while True:
        pass

@commands.register
async def question(event):
    await event.client.ask("go? ")
    while True:
        pass

@commands.register
def save(event):
    note = Note.manager.get("one") or Note("one")
    while True:
        note.size += 1
        note.text = "x" * note.size
        note.save()

@commands.register
def hello(event):
    event.client.write("hello to you")

@commands.register
def stop_here(event):
    breakpoint()
    event.client.write("went on")

@commands.register
def stop_and_hang(event):
    import os
    reader, writer = os.pipe()
    breakpoint()
    os.read(reader, 1)

@commands.register
def tick(event):
    @service.every(0.05)
    def hang():
        while True:
            pass
"""


@pytest.fixture
def world(tmp_path: Path, run: Callable[..., Talker]) -> Callable[..., Talker]:
    (tmp_path / "world.py").write_text(WORLD)
    return lambda *options: run("world.py", *options)


@pytest.mark.parametrize("command", [("loop",), ("question", "yes")])
def test_a_command_is_cut_off_and_its_caller_gets_a_reference(
    world: Callable[..., Talker], call: Callable[[Talker], Caller], command: tuple[str, ...]
) -> None:
    talker = world()
    ann = call(talker)
    ann.types(*command)
    ann.sees("It has been logged as ")
    ann.types("hello")
    ann.sees("hello to you")
    talker.prints(r"Command \w+ failed")
    talker.prints("CallTimedOut")


def test_a_timer_that_repeats_is_cut_off_each_time_and_the_metrics_count_it(
    world: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    port = free_port()
    talker = world("--metrics-port", str(port))
    ann = call(talker)
    ann.types("tick")
    talker.prints(r"Timer world\.tick\.<locals>\.hang failed", 2)
    ann.types("hello")
    ann.sees("hello to you")
    figures: dict[str, float] = {}

    def are_counted() -> bool:
        figures.update(scrape(port))
        return figures["cletus_interrupted_total"] >= 2 and figures["cletus_held_up_total"] >= 2

    wait_until(are_counted, "the counts", lambda: str(figures))


def test_a_save_is_not_torn(world: Callable[..., Talker], call: Callable[[Talker], Caller]) -> None:
    """It is interrupted between two saves, again and again; what is saved is whole."""
    talker = world()
    ann = call(talker)
    for _ in range(4):
        ann.types("save")
        ann.sees("It has been logged as ")
        (path,) = (talker.folder / "saved" / "note").iterdir()  # no temporary file is left
        note = json.loads(path.read_text())
        assert note["text"] == "x" * note["size"]
    assert note["size"] > 4
    talker.gets(signal.SIGTERM)
    assert talker.ends() == 0


@pytest.fixture
def terminal(tmp_path: Path, at_end: ExitStack) -> Terminal:
    """The world in a terminal, where somebody can debug it."""
    (tmp_path / "world.py").write_text(WORLD)
    arguments = ["-m", "cletus", "run", str(tmp_path / "world.py"), "--port", "0"]
    terminal = Terminal(sys.executable, [*arguments, "--store", "memory:"], tmp_path)
    at_end.callback(terminal.kill)
    return terminal


def caller_of(terminal: Terminal, at_end: ExitStack) -> Caller:
    terminal.child.expect(r"telnet 127\.0\.0\.1:(\d+)\s")
    port = int(terminal.child.match[1])
    terminal.sees("Ctrl-C")
    ann = Caller(port)
    at_end.callback(ann.hang_up)
    return ann


def looks_around(terminal: Terminal) -> None:
    """For longer than the time limit, and than the patience with C code."""
    began = time.monotonic()
    while time.monotonic() < began + 2:
        terminal.sees("(Pdb) ")
        terminal.types("p 6 * 7")
        terminal.sees("42")
    terminal.sees("(Pdb) ")


def test_a_breakpoint_is_not_cut_off(terminal: Terminal, at_end: ExitStack) -> None:
    """Somebody looks around for longer than the time limit, also when the service is to stop."""
    ann = caller_of(terminal, at_end)
    ann.types("stop_here")
    terminal.sees("(Pdb) ")
    terminal.child.sendintr()
    terminal.types("p 'Ctrl-C'")
    looks_around(terminal)
    terminal.types("continue")
    ann.sees("went on")
    terminal.sees_the_end()
    assert "CallTimedOut" not in terminal.screen
    assert "cannot be interrupted" not in terminal.screen
    assert terminal.child.wait() == 0


def test_what_hangs_after_a_breakpoint_is_cut_off(terminal: Terminal, at_end: ExitStack) -> None:
    ann = caller_of(terminal, at_end)
    ann.types("stop_and_hang")
    looks_around(terminal)
    terminal.types("continue")
    ann.sees("It has been logged as ")
    ann.types("hello")
    ann.sees("hello to you")


PROGRAM = """\
import signal
from twisted.internet import reactor
from cletus import Service

service = Service(port=0)
reactor.callWhenRunning(
    lambda: service.start(reactor).addCallback(lambda _: reactor.callLater(0.01, reactor.stop))
)
reactor.run()
print(f"timer {signal.getitimer(signal.ITIMER_REAL)[0]}")
"""


def test_a_program_may_end_without_stopping_its_service(
    tmp_path: Path, start: Callable[..., Talker]
) -> None:
    """Its timer would kill the process when Python has put the signal's handler away."""
    (tmp_path / "program.py").write_text(PROGRAM)
    talker = start("program.py")
    assert talker.ends() == 0
    assert "timer 0.0" in talker.output
