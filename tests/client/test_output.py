"""The output of one client: one piece a turn, a bound for slow readers, and an echo that is hidden."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock

from cletus.client.output import Echo, Output
from cletus.meters import Meters
from cletus.reactor.turn import Turn
from cletus.settings.settings import Settings
from cletus.testing import MemoryTransport


class Shown:
    """The output of a client, and what it sends."""

    def __init__(self, limit: int = 0) -> None:
        self.transport = MemoryTransport()
        self.sent = self.transport.sent
        self.overflows: list[int] = []
        host: Any = SimpleNamespace(
            turn=Turn(Clock().callLater),
            settings=Settings(output_max=limit),
            metrics=Meters(),
        )
        self.output = Output(
            self.transport,
            host,
            overflow=self.overflows.append,
        )


def test_what_is_put_in_a_turn_is_sent_as_one_piece() -> None:
    shown = Shown()
    shown.output.put(b"a")
    shown.output.put(b"b")
    shown.output.flush()
    shown.output.flush()
    assert shown.sent == [b"ab"]


def test_nothing_is_sent_to_a_peer_that_does_not_read_until_it_does() -> None:
    shown = Shown(10)
    shown.output.pause()
    shown.output.put(b"12345")
    shown.output.flush()
    assert shown.sent == []
    shown.output.resume()
    shown.output.flush()
    assert shown.sent == [b"12345"]


def test_past_the_limit_nothing_is_kept_any_more() -> None:
    shown = Shown(10)
    shown.output.pause()
    shown.output.put(b"1234567890")
    assert not shown.output.overflowed
    shown.output.put(b"1")
    assert shown.output.overflowed
    shown.output.put(b"x" * 1000)
    assert shown.output.size == 11
    shown.output.flush()
    assert shown.overflows == [11]


def test_a_peer_that_reads_may_be_sent_more_than_the_limit_at_once() -> None:
    shown = Shown(10)
    shown.output.put(b"x" * 100)
    shown.output.flush()
    assert (shown.sent, shown.output.overflowed) == ([b"x" * 100], False)


# -- the echo ---------------------------------------------------------------------------------------


def command(hidden: bool) -> bytes:
    return b"1" if hidden else b"0"


def after(letters: str) -> str:
    """What a terminal is told: h hides, s shows, e is the end of a turn."""
    echo = Echo(command)
    calls: dict[str, Any] = {"h": echo.hide, "s": echo.show, "e": echo.settle}
    told = [calls[letter]() for letter in letters]
    return b"".join(data for data in told if isinstance(data, bytes)).decode()


@pytest.mark.parametrize(
    ("letters", "sent"),
    [
        ("e", ""),
        ("se", ""),
        ("h", "1"),
        ("hee", "1"),
        ("hse", "10"),
        ("hsee", "10"),
        ("hshe", "1"),
        ("hshese", "10"),
        ("hshsee", "10"),
        ("hsehse", "1010"),
        ("hhse", "10"),
    ],
)
def test_a_terminal_is_told_what_changes_and_nothing_else(letters: str, sent: str) -> None:
    """It shows again at the end of the turn, unless the next line is hidden as well."""
    assert after(letters) == sent


def test_an_echo_that_was_not_hidden_has_nothing_to_show() -> None:
    """So that no newline is sent for one that was seen."""
    echo = Echo(command)
    assert not echo.show()
    echo.hide()
    assert echo.show()
    assert not echo.show()


def test_a_transport_is_told_when_what_waits_has_doubled() -> None:
    """So that it may be measured what a connection holds, whoever has written it."""
    shown, told = Shown(), []
    shown.transport.note_memory = lambda: told.append(shown.output.held)  # type: ignore[method-assign]
    shown.output.put(b"1" * 20_000)
    shown.output.flush()
    assert (told, shown.output.held) == ([], 0)
    shown.output.pause()
    for _ in range(100):
        shown.output.put(b"1" * 1000)
    assert [held // 1000 for held in told] == [9, 18, 37, 74]
    shown.output.resume()
    shown.output.flush()
    assert shown.output.held == 0
