"""The session: terminals, what is typed and shown, and the budgets of both."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pyte
import pytest
from twisted.conch.ssh.common import NS

from cletus.doors.ssh.session import WINDOW

from .client import SshClient
from .conftest import Place

ECHO = """
from cletus import Service, events
service = Service()

@service.listen(events.Connect)
def connected(event):
    event.client.prompt("> ")

@service.listen(events.Receive)
def received(event):
    event.client.write(f"[{event.data}]")

@service.listen(events.Resize)
def resized(event):
    event.client.write(f"{event.columns} by {event.rows}")

@service.listen(events.Interrupt)
def interrupted(event):
    event.client.write("stopped")
"""


@pytest.fixture
def echo(start: Callable[..., Place]) -> Place:
    return start(ECHO)


def shown(client: SshClient, columns: int = 80, rows: int = 24) -> list[str]:
    """What a terminal of this size shows of all that has come."""
    screen = pyte.Screen(columns, rows)
    stream = pyte.ByteStream(screen)
    stream.feed(client.session.screen)
    return [row.rstrip() for row in screen.display if row.strip()]


def test_the_terminal_is_known(echo: Place) -> None:
    client = echo.client()
    client.come_in("ann", size=(100, 40))
    (person,) = echo.service.clients
    terminal = person.terminal
    assert (terminal.columns, terminal.rows) == (100, 40)
    assert terminal.wrap, "between words; a terminal breaks lines inside of them"
    assert terminal.name == "XTERM-256COLOR"
    assert terminal.colours == 256
    assert terminal.tls
    assert person.door == "ssh"
    assert person.address == "192.0.2.1:40000"


@pytest.mark.parametrize(
    ("sent", "taken"), [((0, 0), (80, 24)), ((1, 1), (20, 5)), ((2**32 - 1, 2**31), (500, 500))]
)
def test_absurd_sizes_are_clamped(
    echo: Place, sent: tuple[int, int], taken: tuple[int, int]
) -> None:
    client = echo.client()
    client.come_in("ann", size=sent)
    (person,) = echo.service.clients
    assert (person.terminal.columns, person.terminal.rows) == taken


def test_true_colour_comes_from_the_environment(echo: Place) -> None:
    client = echo.client()
    client.begin()
    client.request("ann", b"none")
    client.session = client.open_session()
    assert client.ask(b"env", NS(b"COLORTERM") + NS(b"truecolor"))
    assert not client.ask(b"env", NS(b"LD_PRELOAD") + NS(b"x.so"))
    client.ask(b"pty-req", NS(b"xterm") + struct.pack(">4L", 80, 24, 0, 0) + NS(b""))
    client.ask(b"shell")
    (person,) = echo.service.clients
    assert person.terminal.colours == 2**24


@pytest.mark.parametrize("pty", [True, False])
@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("LANG", "de_DE.ISO-8859-1", b"\xe4\xff"),
        ("LC_CTYPE", "de_DE.ISO-8859-1", b"\xe4\xff"),
        ("LANG", "C.UTF-8", "äÿ".encode()),
        ("LANG", "de_DE.UTF-16", "äÿ".encode()),
        ("LANG", "de_DE.KLINGON", "äÿ".encode()),
    ],
)
def test_a_terminal_gets_the_character_set_that_it_has_named(
    echo: Place, pty: bool, name: str, value: str, sent: bytes
) -> None:
    """UTF-8 would have bytes in it that ISO 8859-1 takes for control characters, and clear the screen."""
    client = echo.client()
    client.begin()
    client.request("ann", b"none")
    client.session = client.open_session()
    client.ask(b"env", NS(name.encode()) + NS(value.encode()))
    if pty:
        client.ask(b"pty-req", NS(b"xterm") + struct.pack(">4L", 80, 24, 0, 0) + NS(b""))
    client.ask(b"shell")
    (person,) = echo.service.clients
    before = len(client.session.screen)
    person.write("äÿ")
    client.pump()
    assert sent + (b"\r\n" if pty else b"\n") in client.session.screen[before:]
    lines: list[str] = []
    person.line_received = lines.append
    client.session.write(sent + b"\r\n")
    client.pump()
    assert lines == ["äÿ"]


def test_a_window_that_changes_is_told_to_the_application(echo: Place) -> None:
    client = echo.client()
    client.come_in("ann")
    client.ask(b"window-change", struct.pack(">4L", 60, 40, 0, 0))
    assert "60 by 40" in client.screen
    before = client.screen
    client.ask(b"window-change", struct.pack(">4L", 60, 40, 0, 0))
    assert client.screen == before, "the same size is no news"


def test_a_half_typed_line_follows_the_window(echo: Place) -> None:
    """It is taken off where it was, and drawn anew in the new width."""
    client = echo.client()
    client.come_in("ann", size=(60, 24))
    screen = pyte.Screen(60, 24)
    stream = pyte.ByteStream(screen)
    client.types("x" * 70)
    stream.feed(client.session.screen)
    for columns, rows in ((40, 2), (100, 1), (20, 4)):
        seen = len(client.session.screen)
        screen.resize(columns=columns)
        client.ask(b"window-change", struct.pack(">4L", columns, 24, 0, 0))
        client.pump()
        stream.feed(client.session.screen[seen:])
        display = [row.rstrip() for row in screen.display if row.strip()]
        told = next(n for n, row in enumerate(display) if row == f"{columns} by 24")
        assert "".join(display[told + 1 :]) == "> " + "x" * 70, display
        assert len(display) - told - 1 == rows


def test_what_is_typed_stays_below_what_others_are_told(echo: Place) -> None:
    """Prompt and text, wherever the cursor is."""
    client = echo.client()
    client.come_in("ann")
    client.types("hallo\x1b[D\x1b[D")
    echo.service.write_all("good evening")
    client.pump()
    assert shown(client) == ["good evening", "> hallo"]
    client.types("X\r")
    assert shown(client) == ["good evening", "> halXlo", "[halXlo]"]


def test_ctrl_c_interrupts(echo: Place) -> None:
    client = echo.client()
    client.come_in("ann")
    client.types("half\x03")
    assert "stopped" in client.screen
    client.types("whole\r")
    assert "[whole]" in client.screen


def test_ctrl_d_on_an_empty_line_leaves(echo: Place) -> None:
    """With an exit status of 0."""
    client = echo.client()
    client.come_in("ann")
    client.types("one\r\x04")
    assert "[one]" in client.screen
    assert client.session.status == 0
    assert client.session.is_closed


def test_without_a_terminal_lines_are_plain(echo: Place) -> None:
    client = echo.client()
    client.come_in("ann", pty=False)
    client.types("one\ntwo\n")
    assert client.screen == "> [one]\n[two]\n"
    client.session.conn.sendEOF(client.session)
    client.pump()
    assert client.session.status == 0


def test_a_long_line_is_bounded(start: Callable[..., Place]) -> None:
    """With a terminal, more is not taken; without one, it is cut and said."""
    place = start(ECHO, line_max=10)
    client = place.client()
    client.come_in("ann")
    client.types("0123456789abc\r")
    assert "[0123456789]" in client.screen
    plain = place.client()
    plain.come_in("bob", pty=False)
    plain.types("0123456789abc\n")
    assert "too long" in plain.screen
    assert "[0123456789]" in plain.screen


def test_lines_have_a_rate_and_none_is_lost(start: Callable[..., Place]) -> None:
    place = start(ECHO, line_rate=1.0, line_burst=2)
    client = place.client()
    client.come_in("ann", pty=False)
    client.types("".join(f"{number}\n" for number in range(6)))
    assert client.screen.count("[") == 2
    for _ in range(6):
        place.clock.advance(1)
        client.pump()
    assert client.screen.count("[") == 6


def test_what_is_typed_ahead_has_a_bound(start: Callable[..., Place]) -> None:
    """The window of the peer stays closed while its lines wait."""
    place = start(ECHO, line_rate=0.001, line_burst=1)
    client = place.client()
    client.come_in("ann", pty=False)
    client.session.write(b"x\n" * (2 * WINDOW))
    client.pump()
    assert len(client.session.buf) >= 2 * WINDOW
    assert client.server.shell is not None
    assert len(client.server.shell._typed) <= WINDOW


def test_a_long_paste_comes_whole(echo: Place) -> None:
    """Its keys have a rate, so that they cost others nothing."""
    client = echo.client()
    client.come_in("ann")
    client.session.write("".join(f"line {number}\r" for number in range(6000)).encode())
    for _ in range(200):
        client.pump()
        echo.clock.advance(1)
    client.pump()
    assert client.screen.count("[line ") == 6000


def test_who_does_not_read_is_dropped(start: Callable[..., Place]) -> None:
    """Whether their window is full, or their socket."""
    place = start(ECHO, output_max=10_000)
    client = place.client()
    client.begin()
    client.request("ann", b"none")
    client.open_shell(localWindow=1000)
    for _ in range(4):
        client.session.localWindowSize = 0  # its side opens the window no more
        place.service.write_all("x" * 5000)
        client.pump()
    assert client.is_gone


def test_a_window_that_opens_again_goes_on(echo: Place) -> None:
    """Nothing is lost."""
    client = echo.client()
    client.begin()
    client.request("ann", b"none")
    client.open_shell(localWindow=2000)
    for number in range(100):
        echo.service.write_all(f"{number}:" + "x" * 100)
        client.pump()
    assert [f"{number}:" in client.screen for number in range(100)] == [True] * 100


def test_a_packet_size_that_makes_us_work_is_refused(echo: Place) -> None:
    client = echo.client()
    client.begin()
    client.request("ann", b"none")
    session = client.open_session(localMaxPacket=1)
    assert not session.is_open
    assert session.refusal is not None


def test_output_waits_for_the_end_of_a_key_exchange(echo: Place) -> None:
    """The peer may never end it."""
    client = echo.client()
    client.come_in("ann")
    client.side.sendKexInit()
    client.server.dataReceived(client.ours.value())
    client.ours.clear()
    echo.service.write_all("x" * 5000)
    echo.clock.advance(0)
    assert client.server._blockedByKeyExchange == []
    client.pump()
    assert client.screen.count("x") == 5000
    assert client.types("hello\r").endswith("[hello]\r\n")


def test_key_exchanges_have_a_bound(echo: Place) -> None:
    client = echo.client()
    client.come_in("ann")
    for _ in range(12):
        if not client.is_gone:
            client.side.sendKexInit()
            client.pump()
    assert client.is_gone


def test_a_flood_of_packets_is_read_once_a_second(echo: Place) -> None:
    client = echo.client()
    client.come_in("ann")
    for _ in range(600):
        client.side.sendIgnore(b"")
    client.pump()
    assert client.wire.producerState == "paused"
    echo.clock.advance(1)
    assert client.wire.producerState == "producing"


def test_nothing_is_read_from_who_does_not_read(echo: Place) -> None:
    client = echo.client()
    client.come_in("ann")
    client.server.pauseProducing()
    assert client.wire.producerState == "paused"
    client.server.resumeProducing()
    assert client.wire.producerState == "producing"
    assert client.types("x\r").endswith("[x]\r\n")


def test_a_sign_of_life_is_sent(echo: Place) -> None:
    client = echo.client()
    client.come_in("ann")
    client.server.keep_alive()
    assert client.wire.value()
    client.pump()
    assert not client.is_gone


def test_a_connection_that_breaks_is_told_once(echo: Place) -> None:
    client = echo.client()
    client.come_in("ann")
    (person,) = echo.service.clients
    client.session.write(b"last\r")
    client.server.dataReceived(client.ours.value())
    client.lose()
    client.lose()
    assert person.gone
    assert not echo.service.clients
    assert client.server not in echo.factory.connections
