"""Budgets over a real socket: what a stranger sends too much of costs nobody but the stranger."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.harness import Caller, Talker, wait_until

APP = """\
from cletus import Service, events
service = Service()

@service.listen(events.Connect)
def connect(event):
    event.client.write("Hello")

@service.listen(events.Receive)
def receive(event):
    if event.data == "much":
        for _ in range(300):
            event.client.write("x" * 10_000)
    elif event.data == "quit":
        event.client.write("Goodbye")
        event.client.close("quit")
        print("closing", flush=True)
    else:
        event.client.write(f"{len(event.data)} {event.data[:20]}")
"""


@pytest.fixture
def app(tmp_path: Path, run: Callable[..., Talker]) -> Callable[..., Talker]:
    """Run it with these options."""
    (tmp_path / "app.py").write_text(APP)
    return lambda *options: run("app.py", "--no-reload", *options)


def test_a_line_past_line_max_is_cut_and_its_author_told(
    app: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    alice = call(app("--line-max", "1000"))
    alice.sees("Hello\r\n")
    alice.types("x" * 1000)
    assert alice.sees("x\r\n") == "1000 " + 20 * "x" + "\r\n"
    alice.types("y" * 3_000_000, "next")
    told = alice.sees("next\r\n")
    assert "too long" in told
    assert told.endswith("1000 " + 20 * "y" + "\r\n4 next\r\n")


def test_a_flood_is_slowed_down_and_no_line_of_it_is_lost(
    app: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    """Meanwhile others are answered as if nothing happened."""
    talker = app("--line-rate", "100", "--line-burst", "10")
    mallory, alice = call(talker), call(talker)
    for person in (mallory, alice):
        person.sees("Hello\r\n")
    lines = [f"line {number}" for number in range(110)]
    began = time.monotonic()
    mallory.types(*lines)
    alice.types("hello")
    alice.sees("5 hello\r\n")
    seen = mallory.sees("line 109\r\n")
    assert time.monotonic() - began > 0.9, "a second's worth of lines was taken at once"
    assert [line.partition(" ")[2] for line in seen.splitlines()] == lines


def test_lines_typed_right_before_hanging_up_are_handled(
    app: Callable[..., Talker], call: Callable[[Talker], Caller], tmp_path: Path
) -> None:
    text = APP.replace(
        "    if event.data",
        "    print(f'got {event.data}\\n', end='', flush=True)\n    if event.data",
    )
    (tmp_path / "app.py").write_text(text)
    talker = app()
    alice = call(talker)
    alice.sees("Hello\r\n")
    alice.types("one", "two", "three")
    alice.hang_up()
    talker.prints("disconnected")
    got = [line for line in talker.output.splitlines() if line.startswith("got")]
    assert got == ["got one", "got two", "got three"]


def test_who_does_not_read_is_dropped_with_one_line_in_the_log(
    app: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    talker = app("--output-max", "100000")
    mallory, alice = call(talker), call(talker)
    for person in (mallory, alice):
        person.sees("Hello\r\n")
    while "slow reader" not in talker.output:  # the kernel's own buffers take much at first
        with suppress(ConnectionError):
            mallory.types("much")
        alice.types("hello")
        alice.sees("5 hello\r\n")
    assert talker.output.count("output_max") == 1
    wait_until(
        lambda: talker.output.count("disconnected") == 1, "one is gone", lambda: talker.output
    )
    assert talker.stop() == 0
    assert "Traceback" not in talker.output


def test_a_goodbye_reaches_who_reads_slowly(
    app: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    """Also when the connection was full as it was said."""
    talker = app("--output-max", "0", "--close-timeout", "0")
    alice, bob = call(talker), call(talker)
    for person in (alice, bob):
        person.sees("Hello\r\n")
    for _ in range(8):  # each in a turn of its own
        alice.types("much")
        bob.types("hello")
        bob.sees("5 hello\r\n")
    alice.types("quit")
    talker.prints("closing")
    assert alice.sees_the_end().endswith("x\r\nGoodbye\r\n")
    assert alice.screen.count("x" * 10_000) == 8 * 300
    talker.prints("disconnected: quit")
