"""A restart as people see it: nothing."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.harness import Caller
from tests.restart.conftest import Serving


def test_s1_s12_people_stay_where_they_are(  # noqa: PLR0915 - six people, and what each of them sees
    serving: Callable[..., Serving], called: Callable[[int], Caller]
) -> None:
    """Lines, half a line, a dialogue, a called one, a question, a timer, and the objects they belong to."""
    service = serving()
    port = service.port
    talks, types, orders, calls, asks, waits = (called(port) for _ in range(6))
    talks.types("a")
    talks.sees("a 1 1\r\n")
    types.socket.sendall(b"half a ")
    types.types("line")
    types.sees("half a line 1 1\r\n")
    types.socket.sendall(b"b c")
    orders.types("order")
    orders.sees("Dish? ")
    orders.types("soup")
    orders.sees("Drink? ")
    calls.types("order")
    calls.sees("Dish? ")
    calls.types("pie")
    calls.sees("Drink? ")
    calls.types("more")
    calls.sees("Dish? ")
    asks.types("ask")
    asks.sees("Well? ")
    waits.types("ring 4")
    waits.sees("set")
    service.write("app.py", (service.folder / "app.py").read_text().replace('"one"', '"two"'))
    service.prints("Reloaded, generation 1")
    before = service.pid
    report = service.restart("--timeout=60")
    assert report["outcome"] == "taken over", report
    assert (report["kept"], report["dropped"]) == (6, 0)
    assert service.pid == report["new_pid"] != before
    talks.types("b")
    talks.sees("b 2 2\r\n")
    types.types("d")
    types.sees("b cd 2 2\r\n")
    orders.types("tea")
    orders.sees("two: soup and tea\r\n")
    calls.types("cake")
    calls.sees("Drink? ")
    calls.types("milk")
    calls.sees("two: cake and milk\r\n")
    calls.sees("two: pie and ('cake', 'milk')\r\n")
    asks.sees("renewed. Let us start that again.)\r\nWell? ")
    asks.types("yes")
    asks.sees("two: answered yes")
    waits.sees("rings")
    newcomer = called(port)
    newcomer.types("x")
    newcomer.sees("x 1 1\r\n")
    talks.types("version")
    talks.sees("generation 2")
    assert service.noted("connects.txt") == ["start", *["connect"] * 7]
    assert service.noted("restarts.txt") == [f"{report['new_pid']} kept 6"]
    assert service.stop() == 0


def test_a_person_can_ask_for_it(
    serving: Callable[..., Serving], called: Callable[[int], Caller]
) -> None:
    service = serving()
    person = called(service.port)
    person.types("restart", "x")
    person.sees("Restarted, process")
    person.types("y")
    person.sees("y 2 2")
