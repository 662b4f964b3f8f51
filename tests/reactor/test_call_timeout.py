"""What is logged of code that holds up the reactor; the rest is in ``tests/e2e/test_call_timeout.py``."""

from __future__ import annotations

import linecache
import sys
from types import FrameType

import pytest
from twisted.internet.task import Clock

from cletus.errors import CallTimedOut
from cletus.meters import Meters
from cletus.reactor.call_timeout import CallTimeout, stack_of


def test_no_file_is_read_for_a_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lines would stay in memory, as small strings all over the heap."""
    monkeypatch.setattr(linecache, "cache", {})
    stack = stack_of(sys._getframe())
    assert f'File "{__file__}", line ' in stack.splitlines()[-1]
    assert stack.endswith("in test_no_file_is_read_for_a_stack")
    assert linecache.cache == {}


def test_a_line_that_is_known_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of the application's modules are."""
    lines = [f"    line {number}\n" for number in range(1, 100)]
    monkeypatch.setattr(linecache, "cache", {__file__: (0, None, lines, __file__)})
    frame = sys._getframe()
    assert stack_of(frame).endswith(f"\n    line {frame.f_lineno}")


def test_without_a_frame_there_is_no_stack() -> None:
    assert stack_of(None) == ""


def test_a_module_that_has_just_begun_has_no_line() -> None:
    """The signal often comes there: while a module was read from its file, none could be handled."""
    stacks: list[str] = []

    def profile(frame: FrameType, event: str, _argument: object) -> None:
        if frame.f_code.co_filename == "begun.py":
            stacks.append(stack_of(frame))

    sys.setprofile(profile)
    try:
        exec(compile("x = 1", "begun.py", "exec"), {})
    finally:
        sys.setprofile(None)
    assert stacks[0].endswith('File "begun.py", line 0, in <module>')


def test_code_that_does_not_return_is_interrupted() -> None:
    """The end-to-end tests have the rest; this one is for the mutant of R14."""
    timeout = CallTimeout(lambda: 0.4, lambda name: name == "talker", Meters())
    timeout._reactor = Clock()
    timeout._begin()
    text = "import time\nend = time.monotonic() + 20\nwhile time.monotonic() < end: pass"
    try:
        with pytest.raises(CallTimedOut):
            exec(text, {"__name__": "talker"})
    finally:
        timeout.stop()
