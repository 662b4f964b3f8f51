"""A script inside of the service: statement after statement, as at Python's prompt."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cletus import Service
from cletus.ops.control.messages import Finished, Typed
from cletus.testing import Log
from tests.ops.control.conftest import Call
from tests.ops.control.test_shell import ROOMS
from tests.reload.conftest import Running

Caller = Callable[[Service], Call]


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
def test_values_and_what_is_printed_are_shown(
    service: Service, call: Caller, script: str, shown: str | None
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
    service: Service, call: Caller, script: str, shown: str
) -> None:
    import re

    ann = call(service)
    found = ann.runs(script)
    assert re.fullmatch(shown, found, re.DOTALL), found
    assert ann.code == 1
    assert service.state.value == "running"


@pytest.mark.parametrize(("script", "code"), [("exit()", 0), ("exit(3)", 3), ("exit('no')", 1)])
def test_it_may_leave_with_a_code(service: Service, call: Caller, script: str, code: int) -> None:
    ann = call(service)
    ann.runs(f"{script}\nprint('never')")
    assert (ann.shown, ann.code) == ("", code)


def test_what_a_deferred_fires_with_is_waited_for(service: Service, call: Caller) -> None:
    ann = call(service)
    service.slow = slow = Deferred()  # type: ignore[attr-defined]  # applications may
    ann.runs("service.slow\n'after'")
    assert (ann.shown, ann.code) == ("", None)
    slow.callback("now")
    assert (ann.shown, ann.code) == ("'now'\n'after'\n", 0)


def test_a_deferred_that_fails_is_an_error(service: Service, call: Caller) -> None:
    ann = call(service)
    service.slow = slow = Deferred()  # type: ignore[attr-defined]  # applications may
    ann.runs("await service.slow\n'after'")
    slow.errback(ZeroDivisionError("oh"))
    assert ann.shown.endswith("ZeroDivisionError: oh\n")
    assert ann.code == 1


def test_a_reload_can_be_awaited_and_new_classes_are_there(
    run: Callable[..., Running], call: Caller
) -> None:
    app = run(core=ROOMS)
    ann = call(app.service)
    ann.runs("old = Room\n(await service.reload()).ok\nRoom is old")
    app.clock.pump([0] * 6)
    assert ann.shown == "True\nFalse\n"


def test_who_hangs_up_ends_what_is_awaited(
    service: Service, call: Caller, clock: Clock, log: Log
) -> None:
    ann = call(service)
    service.slow = Deferred()  # type: ignore[attr-defined]  # applications may
    service.seen = seen = []  # type: ignore[attr-defined]  # applications may
    ann.runs("try:\n    await service.slow\nfinally:\n    service.seen.append('ended')\n'never'")
    ann.hangs_up()
    assert seen == ["ended"]
    assert ann.replies == []


def test_once_it_runs_nothing_is_added(service: Service, call: Caller) -> None:
    ann = call(service)
    service.slow = slow = Deferred()  # type: ignore[attr-defined]  # applications may
    ann.runs("service.slow")
    ann.says(Typed(b"1"), Finished())
    slow.callback(2)
    assert (ann.shown, ann.code) == ("2\n", 0)


def test_nothing_of_it_stays(run: Callable[..., Running], call: Caller) -> None:
    """Not the names, nor the frames of what was raised: old code can go."""
    app = run(core=ROOMS)
    ann = call(app.service)
    ann.runs("kept = Room\ndef f(): return kept\nclass A: room = Room\n1 / 0")
    assert not hasattr(sys, "last_value")
    ann.hangs_up()
    report = app.reload(core=ROOMS + "x = 1\n")
    assert (report.ok, report.holders) == (True, [])
