"""The shell: names, scripts, statements of a person at a terminal, and what they leave behind."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cletus import Service, events
from cletus.ops.control.messages import Complete, Completions, Finished, Interrupted, Ready, Typed
from cletus.ops.control.shell import Namespace, captured, stepwise, words_of
from cletus.testing import Log
from tests.conftest import result_of
from tests.ops.control.conftest import Call
from tests.reload.conftest import Running

Connect = Callable[[Service], Call]

ROOMS = """
from cletus import Service
from cletus.storage import Store
service = Service()
class Room(Store):
    service = service
"""


def test_it_knows_the_service_and_what_it_has(run: Callable[..., Running]) -> None:
    app = run(core=ROOMS)
    names = Namespace(app.service)
    client = app.person().client
    assert eval("service, session, clients, events", names) == (
        app.service,
        app.service.session,
        (client,),
        events,
    )
    assert eval("Room", names) is app.store("Room")
    for unknown in ("room", "Hall", "rooms"):
        with pytest.raises(NameError):
            eval(unknown, names)


def test_stores_are_those_of_the_generation_in_force(run: Callable[..., Running]) -> None:
    """Also in a function that was typed before the reload."""
    app = run(core=ROOMS)
    names = Namespace(app.service)
    exec("def room(): return Room", names)
    app.reload(core=ROOMS + "class Hall(Store):\n    service = service\n")
    assert eval("room()", names) is eval("Room", names) is app.store("Room")
    assert eval("Hall", names) is app.store("Hall")


def test_builtins_and_own_names_are_there(service: Service) -> None:
    names = Namespace(service)
    exec("service = len('four'); n = [service for _ in range(1)]", names)
    assert (names["service"], names["n"]) == (4, [4])


def test_completions(run: Callable[..., Running]) -> None:
    names = Namespace(run(core=ROOMS).service)
    exec("serpent = 1", names)
    assert names.completions("ser") == ["serpent", "service"]
    assert names.completions("Roo") == ["Room"]
    assert names.completions("impo") == ["import"]
    assert "enumerate" in names.completions("enu")
    assert names.completions("service.roll") == ["service.rollback"]
    assert names.completions("nothing.at") == []
    assert names.completions(".") == []
    assert names.completions("zzz") == []


def test_a_property_that_raises_completes_nothing(service: Service) -> None:
    names = Namespace(service)
    exec("class A:\n    def __getattr__(self, name): raise ZeroDivisionError\na = A()", names)
    assert names.completions("a.b.c") == []


def test_what_is_printed_and_given_is_captured_and_nothing_else_can_be_read() -> None:
    page, values = io.StringIO(), []
    before = sys.stdout, sys.stdin, sys.displayhook
    with captured(page, values.append):
        sys.stdout.write("hello\n")
        sys.displayhook(3)
        with pytest.raises(EOFError):
            input()
    assert (page.getvalue(), values) == ("hello\n", [3])
    assert (sys.stdout, sys.stdin, sys.displayhook) == before


def test_each_step_of_a_coroutine_is_captured() -> None:
    waits: list[Deferred[int]] = [Deferred(), Deferred()]
    captures: list[str] = []

    @contextmanager
    def capture() -> Generator[None]:
        captures.append("in")
        yield
        captures.append("out")

    async def work() -> int:
        first = await waits[0]
        try:
            await waits[1]
        except ZeroDivisionError:
            return first
        return 0

    done = Deferred.fromCoroutine(stepwise(work(), capture))
    assert captures == ["in", "out"]
    waits[0].callback(7)
    assert captures == ["in", "out"] * 2
    waits[1].errback(ZeroDivisionError())
    assert result_of(done) == 7


def test_tracebacks_begin_with_what_was_typed() -> None:
    def fail() -> None:
        exec(compile("def f(): 1 / 0\nf()", "<shell>", "exec"), {})

    with pytest.raises(ZeroDivisionError) as raised:
        fail()
    words = words_of(raised.value)
    assert words.splitlines()[:2] == [
        "Traceback (most recent call last):",
        '  File "<shell>", line 2, in <module>',
    ]
    assert words.endswith("ZeroDivisionError: division by zero\n")
    assert "test_shell.py" not in words


def test_an_error_from_elsewhere_has_all_of_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        1 / 0  # noqa: B018 - it raises
    assert "test_shell.py" in words_of(raised.value)
    assert words_of(ValueError("no")) == "ValueError: no\n"
    assert not hasattr(sys, "last_value")


# -- a script ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("len(service.clients)", "0\n"),
        ("1; 2\nNone\n'three'", "1\n2\n'three'\n"),
        ("for n in range(2):\n    print(n)\nn", "0\n1\n1\n"),
        ("6 * 7\n_ + 1", "42\n43\n"),
        ("x = 'ü€'\nprint(x)", "ü€\n"),
        ("print('\\ud800')", "?\n"),
        ("", ""),
        ("# nothing\n", ""),
        ("import os\nasync def f():\n    return 7\nawait f()", "7\n"),
        ("async def f(): return 7\nx = await f() + 1\nx", "8\n"),
        ("async with service.missing: pass", None),
    ],
)
def test_a_script_shows_values_and_what_it_prints(
    service: Service, call: Connect, script: str, shown: str | None
) -> None:
    ann = call(service)
    found = ann.runs(script)
    assert ann.code == (1 if shown is None else 0)
    assert shown is None or found == shown


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("1\n1 / 0\n2", "1\nTraceback.*line 2, in <module>\nZeroDivisionError: division by zero\n"),
        ("print('once'); raise KeyboardInterrupt", "once\nTraceback.*KeyboardInterrupt\n"),
        ("1\nif", '  File "<shell>", line 2\n    if\n.*SyntaxError: invalid syntax\n'),
        ("x = \0", "(SyntaxError|ValueError): source code.*null bytes\n"),
        ("\ud800".encode(errors="surrogatepass").decode("latin-1"), ".*Error: .*\n"),
        ("input()", "Traceback.*EOFError.*\n"),
        ("class A:\n    def __repr__(self): return 1 / 0\nA()", "Traceback.*ZeroDivisionError.*"),
    ],
)
def test_the_first_error_is_the_end(
    service: Service, call: Connect, script: str, shown: str
) -> None:
    ann = call(service)
    found = ann.runs(script)
    assert re.fullmatch(shown, found, re.DOTALL), found
    assert ann.code == 1
    assert service.state.value == "running"


@pytest.mark.parametrize(("script", "code"), [("exit()", 0), ("exit(3)", 3), ("exit('no')", 1)])
def test_it_may_leave_with_a_code(service: Service, call: Connect, script: str, code: int) -> None:
    ann = call(service)
    ann.runs(f"{script}\nprint('never')")
    assert (ann.shown, ann.code) == ("", code)


def test_what_a_deferred_fires_with_is_waited_for(service: Service, call: Connect) -> None:
    ann = call(service)
    service.slow = slow = Deferred()  # type: ignore[attr-defined]  # applications may
    ann.runs("service.slow\n'after'")
    assert (ann.shown, ann.code) == ("", None)
    slow.callback("now")
    assert (ann.shown, ann.code) == ("'now'\n'after'\n", 0)


def test_a_deferred_that_fails_is_an_error(service: Service, call: Connect) -> None:
    ann = call(service)
    service.slow = slow = Deferred()  # type: ignore[attr-defined]  # applications may
    ann.runs("await service.slow\n'after'")
    slow.errback(ZeroDivisionError("oh"))
    assert ann.shown.endswith("ZeroDivisionError: oh\n")
    assert ann.code == 1


def test_a_reload_can_be_awaited_and_new_classes_are_there(
    run: Callable[..., Running], call: Connect
) -> None:
    app = run(core=ROOMS)
    ann = call(app.service)
    ann.runs("old = Room\n(await service.reload()).ok\nRoom is old")
    app.clock.pump([0] * 6)
    assert ann.shown == "True\nFalse\n"


def test_who_hangs_up_ends_what_is_awaited(
    service: Service, call: Connect, clock: Clock, log: Log
) -> None:
    ann = call(service)
    service.slow = Deferred()  # type: ignore[attr-defined]  # applications may
    service.seen = seen = []  # type: ignore[attr-defined]  # applications may
    ann.runs("try:\n    await service.slow\nfinally:\n    service.seen.append('ended')\n'never'")
    ann.hangs_up()
    assert seen == ["ended"]
    assert ann.replies == []


def test_once_it_runs_nothing_is_added(service: Service, call: Connect) -> None:
    ann = call(service)
    service.slow = slow = Deferred()  # type: ignore[attr-defined]  # applications may
    ann.runs("service.slow")
    ann.says(Typed(b"1"), Finished())
    slow.callback(2)
    assert (ann.shown, ann.code) == ("2\n", 0)


def test_a_script_leaves_nothing_behind(run: Callable[..., Running], call: Connect) -> None:
    """Not the names, nor the frames of what was raised: old code can go."""
    app = run(core=ROOMS)
    ann = call(app.service)
    ann.runs("kept = Room\ndef f(): return kept\nclass A: room = Room\n1 / 0")
    assert not hasattr(sys, "last_value")
    ann.hangs_up()
    report = app.reload(core=ROOMS + "x = 1\n")
    assert (report.ok, report.holders) == (True, [])


# -- a person at a terminal ------------------------------------------------------------------------


@pytest.fixture
def ann(service: Service) -> Iterator[Call]:
    """Somebody who has opened a shell at a terminal."""
    call = Call(service)
    call.asks("shell", terminal=True)
    yield call
    call.hangs_up()


def test_it_greets_and_waits(ann: Call) -> None:
    assert "generation 0. Nobody is served while what you type runs." in ann.shown
    assert "Names: service, session, clients, events. Ctrl-D leaves.\n" in ann.shown
    assert ann.replies[-1] == Ready()


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("1 + 1", "2\n"),
        ("print('a'); print('b')", "a\nb\n"),
        ("None", ""),
        ("", ""),
        ("3; 4", "3\n4\n"),
        ("for n in range(2):\n    n\n", "0\n1\n"),
        ("from __future__ import annotations", ""),
    ],
)
def test_a_statement_shows_its_values_and_what_it_prints(
    ann: Call, source: str, shown: str
) -> None:
    assert ann.runs_line(source) == shown
    assert ann.replies[-1] == Ready()
    assert ann.runs_line("'next'") == "'next'\n"


def test_the_last_value_has_a_name(ann: Call) -> None:
    ann.runs_line("6 * 7")
    assert ann.runs_line("_ + 1") == "43\n"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("x = = 1", "SyntaxError: invalid syntax"),
        ("input()", "EOFError"),
        ("'\\ud800'", "'\\ud800'"),
        ("print('\\ud800')", "?"),
        ("~" * 9000 + "1", ""),
    ],
)
def test_errors_are_shown_and_harm_nothing(
    ann: Call, service: Service, source: str, shown: str
) -> None:
    assert shown in ann.runs_line(source)
    assert ann.replies[-1] == Ready()
    assert ann.runs_line("'still here'") == "'still here'\n"
    assert not hasattr(sys, "last_value")
    assert service.state.value == "running"


@pytest.mark.parametrize("source", ["exit()", "raise SystemExit"])
def test_ways_to_leave(ann: Call, log: Log, source: str) -> None:
    ann.runs_line(source)
    assert ann.code == 0
    assert ann.transport.disconnecting
    ann.hangs_up()
    assert log.lines[-1] == "ann (uid 1) has left the shell"


def test_names_are_completed(ann: Call) -> None:
    ann.says(Complete("service.rollb"))
    assert ann.replies[-1] == Completions(["service.rollback"])


# -- waiting ------------------------------------------------------------------------------------


@pytest.fixture
def slow(service: Service) -> Deferred[str]:
    service.slow = slow = Deferred()  # type: ignore[attr-defined]  # applications may
    return slow


def test_the_prompt_is_free_while_a_statement_waits(ann: Call, slow: Deferred[str]) -> None:
    assert ann.runs_line("await service.slow") == "(waiting; Ctrl-C gives up)\n"
    assert ann.replies[-1] == Ready()
    assert ann.runs_line("x = 'ü'") == ""
    slow.callback("done")
    assert ann.shown.endswith("gives up)\n'done'\n")
    assert ann.runs_line("x") == "'ü'\n"


def test_what_has_fired_is_not_waited_for(ann: Call, slow: Deferred[str]) -> None:
    slow.callback("done")
    assert ann.runs_line("await service.slow") == "'done'\n"


def test_what_is_awaited_may_fail(ann: Call, slow: Deferred[str]) -> None:
    ann.runs_line("await service.slow")
    slow.errback(ZeroDivisionError("oh"))
    assert ann.shown.endswith("ZeroDivisionError: oh\n")
    assert ann.code is None


def test_ctrl_c_gives_up_waiting(ann: Call, slow: Deferred[str]) -> None:
    ann.runs_line("await service.slow")
    before = ann.shown
    ann.says(Interrupted())
    slow.callback("too late")
    assert ann.shown == before
    assert ann.runs_line("1") == "1\n"


def test_ctrl_c_forgets_what_was_sent_of_a_statement(ann: Call) -> None:
    ann.says(Typed(b"1 +"), Interrupted())
    assert ann.runs_line("2") == "2\n"


def test_what_waits_may_leave(ann: Call, slow: Deferred[str]) -> None:
    ann.runs_line("await service.slow; exit()")
    slow.callback("done")
    assert ann.code == 0


def test_a_deferred_has_a_number_and_tells_when_it_fires(ann: Call, slow: Deferred[str]) -> None:
    assert ann.runs_line("service.slow") == "<Deferred #0>\n"
    assert ann.runs_line("_") == "<Deferred #0>\n", "the same one"
    slow.callback("done")
    assert ann.shown.endswith("Deferred #0 called back: 'done'\n")
    assert "result: 'done'" in ann.runs_line("service.slow")


def test_a_deferred_that_fails_tells_so(ann: Call, slow: Deferred[str]) -> None:
    ann.runs_line("service.slow")
    slow.addErrback(lambda _: None)
    slow.errback(ZeroDivisionError("oh"))
    assert ann.shown.endswith("Deferred #0 failed: 'oh'\n")


def test_a_deferred_that_is_fired_by_what_is_typed(ann: Call, slow: Deferred[str]) -> None:
    ann.runs_line("service.slow")
    shown = ann.runs_line("service.slow.callback(1); 2")
    assert shown == "Deferred #0 called back: 1\n2\n"


def test_who_has_left_hears_no_more(ann: Call, slow: Deferred[str], clock: Clock) -> None:
    ann.runs_line("service.slow")
    ann.runs_line("await service.slow")
    ann.hangs_up()
    before = ann.shown
    slow.callback("done")
    clock.advance(1)
    assert ann.shown == before


# -- reloads ------------------------------------------------------------------------------------


def test_an_open_shell_keeps_no_old_code(run: Callable[..., Running]) -> None:
    """What it has looked up and what has failed does not; new names are there."""
    app = run(core=ROOMS)
    ann = Call(app.service)
    ann.asks("shell", terminal=True)
    for source in ("Room.manager.active()", "Room('hall').nothing", "len('Room')"):
        ann.runs_line(source)
    report = app.reload(core=ROOMS + "class Hall(Store):\n    service = service\n")
    assert (report.ok, report.holders) == (True, [])
    assert ann.runs_line("Hall") == f"<class '{app.name}.core.Hall'>\n"


def test_what_somebody_keeps_is_named_until_they_leave(run: Callable[..., Running]) -> None:
    app = run(core=ROOMS)
    ann = Call(app.service)
    ann.asks("shell", terminal=True)
    ann.runs_line("kept = Room")
    report = app.reload(core=ROOMS + "x = 1\n")
    assert report.ok
    assert report.holders
    ann.hangs_up()
    assert app.reload(core=ROOMS + "x = 2\n").holders == []
    assert app.reload(core=ROOMS + "x = 3\n").holders == []


def test_a_reload_from_the_prompt(run: Callable[..., Running]) -> None:
    app = run(core=ROOMS)
    ann = Call(app.service)
    ann.asks("shell", terminal=True)
    ann.runs_line("(await service.reload()).generation")
    app.clock.pump([0] * 6)
    assert ann.shown.endswith("\n1\n")
