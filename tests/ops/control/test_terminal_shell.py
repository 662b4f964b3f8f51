"""The prompt on a terminal: what pyte shows of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pyte
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cletus import Service
from cletus.ops.control.messages import Finished, Resized
from cletus.testing import Log
from tests.ops.control.conftest import Call
from tests.ops.control.test_shell import ROOMS
from tests.reload.conftest import Running

UP, DOWN, LEFT, HOME, DELETE = "\x1b[A", "\x1b[B", "\x1b[D", "\x1b[H", "\x1b[3~"


class Prompt(Call):
    """Somebody at a terminal, in a shell."""

    def __init__(self, service: Service, *, colours: bool = True) -> None:
        super().__init__(service)
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)
        self._read = 0
        self.asks("shell", terminal=True, colours=colours)

    @property
    def lines(self) -> list[str]:
        """What is below the greeting."""
        data = self.shown.encode()
        self._stream.feed(data[self._read :])
        self._read = len(data)
        found = [line.rstrip() for line in self._screen.display]
        while not found[-1]:
            found.pop()
        return found[2:]

    @property
    def cursor(self) -> int:
        """Its column."""
        assert self.lines is not None
        return int(self._screen.cursor.x)


@pytest.fixture(params=[True, False], ids=["colours", "plain"])
def ann(service: Service, request: pytest.FixtureRequest) -> Iterator[Prompt]:
    prompt = Prompt(service, colours=request.param)
    yield prompt
    prompt.hangs_up()


def test_it_greets_and_waits(ann: Prompt) -> None:
    assert "generation 0. Nobody is served while what you type runs." in ann.shown
    assert "Names: service, session, clients, events. Ctrl-D leaves." in ann.shown
    assert ann.lines == [">>>"]
    assert "\x1bc" not in ann.shown, "the screen was not cleared"


def test_values_and_what_is_printed_are_shown(ann: Prompt) -> None:
    ann.types("1 + 1\rprint('a'); print('b')\rNone\r3; 4\r_\r")
    assert ann.lines == [
        ">>> 1 + 1",
        "2",
        ">>> print('a'); print('b')",
        "a",
        "b",
        ">>> None",
        ">>> 3; 4",
        "3",
        "4",
        ">>> _",
        "4",
        ">>>",
    ]


def test_blocks_end_with_an_empty_line(ann: Prompt) -> None:
    ann.types("for n in range(2):\r    n\r\r")
    assert ann.lines == [">>> for n in range(2):", "...     n", "...", "0", "1", ">>>"]


@pytest.mark.parametrize(
    ("typed", "shown"),
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
    ann: Prompt, service: Service, typed: str, shown: str
) -> None:
    ann.types(f"{typed}\r")
    assert shown in "\n".join(ann.lines)
    ann.types("'still here'\r")
    assert ann.lines[-2:] == ["'still here'", ">>>"]
    assert not hasattr(sys, "last_value")
    assert service.state.value == "running"


@pytest.mark.parametrize("key", ["\x04", "\x1c", "exit()\r", "raise SystemExit\r"])
def test_ways_to_leave(ann: Prompt, log: Log, key: str) -> None:
    ann.types(key)
    assert ann.code == 0
    assert ann.transport.disconnecting
    assert ann.shown.endswith("\x1b[4l"), "the terminal inserts no more"
    ann.hangs_up()
    assert log.lines[-1] == "ann (uid 1) has left the shell"


def test_ctrl_d_in_a_line_does_not_leave(ann: Prompt) -> None:
    ann.types("1\x04")
    assert ann.code is None


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("naïve = '€'", ">>> naïve = '€'"),
        ("abc\x7fd", ">>> abd"),
        ("é\x7fe", ">>> e"),
        ("ac" + LEFT + "b", ">>> abc"),
        ("bc" + HOME + "a", ">>> abc"),
        ("xabc" + HOME + DELETE, ">>> abc"),
        ("abc" + LEFT + "\x0b", ">>> ab"),
        ("abc\x15d", ">>> d"),
        ("  x", ">>>   x"),
        ("\tx", ">>>     x"),
        ("'" + "unfinished", ">>> 'unfinished"),
        ("x = )", ">>> x = )"),
        ("\x1b[99~\x1bOP\x00\x1bxa", ">>> a"),
        ("$?", ">>> $?"),
    ],
)
def test_editing_a_line(ann: Prompt, keys: str, line: str, log: Log) -> None:
    ann.types(keys)
    assert ann.lines == [line]
    assert not any("keyID" in one for one in log.lines), "what is typed is not logged"


def test_a_character_may_come_in_pieces_and_garbage_is_none(ann: Prompt) -> None:
    from cletus.ops.control.messages import Typed

    for byte in b"'\xe2\x82\xac\xff\x80'":
        ann.says(Typed(bytes([byte])))
    assert ann.lines == [">>> '€'"]


def test_the_line_before_comes_back_as_it_was(ann: Prompt) -> None:
    ann.types("'für'\r" + UP)
    assert ann.lines[-1] == ">>> 'für'"
    ann.types(DOWN + "2\r")
    assert ann.lines[-3:] == [">>> 2", "2", ">>>"]
    ann.types(UP + UP + "\r")
    assert ann.lines[-3:] == [">>> 'für'", "'für'", ">>>"]


def test_the_history_is_bounded(ann: Prompt, monkeypatch: pytest.MonkeyPatch) -> None:
    from cletus.ops.control import terminal_shell

    monkeypatch.setattr(terminal_shell, "_HISTORY_MAX", 2)
    ann.types("1\r2\r3\r" + UP * 9)
    assert ann.lines[-1] == ">>> 2"


def test_ctrl_c_forgets_the_line(ann: Prompt) -> None:
    ann.types("def f():\r  x\x03")
    assert ann.lines[-2:] == ["KeyboardInterrupt", ">>>"]
    ann.types("1\r")
    assert ann.lines[-2:] == ["1", ">>>"]


def test_tab_completes(ann: Prompt) -> None:
    ann.types("serv\t.rolb\x7f\t")
    assert ann.lines[-1] == ">>> service.rollback"
    ann.types("\x15len(sess\t" + LEFT * 4)
    assert ann.lines[-1] == ">>> len(session"


def test_tab_lists_what_there_may_be(ann: Prompt) -> None:
    ann.types("service.cl\t + 1" + LEFT * 4 + "\t")
    assert ann.lines[-1].startswith(">>> service.cl")
    assert any("clients" in line and "clock" in line for line in ann.lines)
    at = ann.cursor
    assert at == len(">>> service.cl")


def test_a_window_of_another_size_clears_nothing(ann: Prompt) -> None:
    ann.types("abc")
    ann.says(Resized(100, 30), Resized(-1, 10**9), Finished())
    assert ann.lines == [">>> abc"]


# -- waiting ------------------------------------------------------------------------------------


@pytest.fixture
def slow(service: Service) -> Deferred[str]:
    service.slow = slow = Deferred()  # type: ignore[attr-defined]  # applications may
    return slow


def test_what_is_awaited_is_shown_above_what_is_typed_meanwhile(
    ann: Prompt, slow: Deferred[str]
) -> None:
    ann.types("await service.slow\r")
    assert ann.lines == [">>> await service.slow", "(waiting; Ctrl-C gives up)", ">>>"]
    ann.types("x = 'ü'" + LEFT)
    slow.callback("done")
    assert ann.lines[2:] == ["'done'", ">>> x = 'ü'"]
    assert ann.cursor == len(">>> x = 'ü")
    ann.types("\rx\r")
    assert ann.lines[-2:] == ["'ü'", ">>>"]


def test_what_is_there_already_is_not_waited_for(ann: Prompt, slow: Deferred[str]) -> None:
    slow.callback("done")
    ann.types("await service.slow\r")
    assert ann.lines == [">>> await service.slow", "'done'", ">>>"]


def test_what_is_awaited_may_fail(ann: Prompt, slow: Deferred[str]) -> None:
    ann.types("await service.slow\r")
    slow.errback(ZeroDivisionError("oh"))
    assert ann.lines[-2:] == ["ZeroDivisionError: oh", ">>>"]


def test_ctrl_c_gives_up_waiting(ann: Prompt, slow: Deferred[str]) -> None:
    ann.types("await service.slow\r\x03")
    assert ann.lines[-2:] == ["KeyboardInterrupt", ">>>"]
    slow.callback("too late")
    assert ann.lines[-1] == ">>>"


def test_what_waits_may_leave(ann: Prompt, slow: Deferred[str]) -> None:
    ann.types("await service.slow; exit()\r")
    slow.callback("done")
    assert ann.code == 0


def test_a_deferred_has_a_number_and_tells_when_it_fires(ann: Prompt, slow: Deferred[str]) -> None:
    ann.types("service.slow\r")
    assert ann.lines == [">>> service.slow", "<Deferred #0>", ">>>"]
    slow.callback("done")
    assert ann.lines[2:] == ["Deferred #0 called back: 'done'", ">>>"]


def test_a_deferred_that_is_fired_by_what_is_typed(ann: Prompt, slow: Deferred[str]) -> None:
    ann.types("service.slow\rservice.slow.callback(1); 2\r")
    assert ann.lines[-3:] == ["Deferred #0 called back: 1", "2", ">>>"]


def test_who_has_left_hears_no_more(
    ann: Prompt, slow: Deferred[str], log: Log, clock: Clock
) -> None:
    ann.types("service.slow\rawait service.slow\r")
    ann.hangs_up()
    before = ann.shown
    slow.callback("done")
    clock.advance(1)
    assert ann.shown == before


# -- reloads ------------------------------------------------------------------------------------


def test_an_open_shell_keeps_no_old_code(run: Callable[..., Running]) -> None:
    """What it has looked up and what has failed does not; new names are there."""
    app = run(core=ROOMS)
    ann = Prompt(app.service, colours=True)
    ann.types("Room.manager.active()\rRoom('hall').nothing\rlen('Room')\r")
    report = app.reload(core=ROOMS + "class Hall(Store):\n    service = service\n")
    assert (report.ok, report.holders) == (True, [])
    ann.types("Hall\r")
    assert ann.lines[-2:] == [f"<class '{app.name}.core.Hall'>", ">>>"]


def test_what_somebody_keeps_is_named_until_they_leave(run: Callable[..., Running]) -> None:
    app = run(core=ROOMS)
    ann = Prompt(app.service, colours=True)
    ann.types("kept = Room\r")
    report = app.reload(core=ROOMS + "x = 1\n")
    assert report.ok
    assert report.holders
    ann.hangs_up()
    assert app.reload(core=ROOMS + "x = 2\n").holders == []
    assert app.reload(core=ROOMS + "x = 3\n").holders == []


def test_a_reload_from_the_prompt(run: Callable[..., Running]) -> None:
    app = run(core=ROOMS)
    ann = Prompt(app.service, colours=True)
    ann.types("(await service.reload()).generation\r")
    app.clock.pump([0] * 6)
    assert ann.lines[-2:] == ["1", ">>>"]
