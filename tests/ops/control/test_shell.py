"""What both kinds of shell have in common: the names, what is captured, and tracebacks."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest
from twisted.internet.defer import Deferred

from cletus import Service, events
from cletus.ops.control.shell import Namespace, captured, stepwise, words_of
from tests.conftest import result_of
from tests.reload.conftest import Running

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
