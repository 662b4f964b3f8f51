"""Debian's telnet in character mode: what is typed stays whole below others' words, and over a reload."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pexpect
import pyte
import pytest

from .harness import TIMEOUT, Caller, Talker, program, wait_until

pytestmark = pytest.mark.e2e

APPLICATION = """
from cletus import Service, events

service = Service()


@service.listen(events.Connect)
def connect(event):
    event.client.write("Welcome.")
    event.client.prompt("> ")


@service.listen(events.Receive)
async def receive(event):
    if event.data == "password":
        answer = await event.client.ask("Secret: ", hidden=True)
        event.client.write(f"It has {len(answer)} letters.")
    else:
        service.write_all(f"Somebody says: {event.data}")
    event.client.prompt("> ")


@service.listen(events.Complete)
def complete(event):
    event.words.extend(["ladder", "lantern", "lanterns"])
"""


class Window:
    """telnet in a terminal of 40 columns, as pyte shows it."""

    def __init__(self, port: int) -> None:
        self.screen = pyte.Screen(40, 12)
        self._stream = pyte.Stream(self.screen)
        environ = {**os.environ, "TERM": "xterm", "LANG": "C.UTF-8"}
        self.telnet = pexpect.spawn(
            program("inetutils-telnet", "telnet"),
            ["127.0.0.1", str(port)],
            dimensions=(12, 40),
            encoding="utf-8",
            env=environ,  # type: ignore[arg-type]  # pexpect's types want another mapping
        )

    @property
    def rows(self) -> list[str]:
        return [row.rstrip() for row in self.screen.display if row.strip()]

    def ends_with(self, *rows: str) -> None:
        deadline = time.monotonic() + TIMEOUT
        while self.rows[-len(rows) :] != list(rows):
            assert time.monotonic() < deadline, self.rows
            with suppress(pexpect.TIMEOUT):
                self._stream.feed(self.telnet.read_nonblocking(65536, 0.2))

    def is_ready(self) -> None:
        """Wait for character mode, in which the terminal does not echo."""
        self.ends_with("Welcome.", ">")
        wait_until(lambda: not self.telnet.getecho(), "character mode", lambda: str(self.rows))

    def types(self, keys: str) -> None:
        self.telnet.send(keys)

    def resizes(self, columns: int) -> None:
        """The window gets this width; telnet hears of it by a signal."""
        self.screen.resize(columns=columns)
        self.telnet.setwinsize(12, columns)


@pytest.fixture
def talker(tmp_path: Path) -> Iterator[Talker]:
    (tmp_path / "app.py").write_text(APPLICATION)
    talker = Talker(tmp_path, "-m", "cletus", "run", "app.py", "--port", "0", "--web-port", "0")
    yield talker
    talker.stop()


def test_a_half_typed_line_stays_below_others_words_and_over_a_reload(talker: Talker) -> None:
    window, other = Window(talker.port), Caller(talker.port)
    window.is_ready()
    window.types("ood\x01g")
    window.ends_with("Welcome.", "> good")
    other.types("hi")
    window.ends_with("Somebody says: hi", "> good")
    reloads = talker.reloads
    talker.edit("app.py", "Somebody says", "A voice says")
    talker.prints(" Reloaded, generation ", reloads + 1)
    window.types(" \u6f22")
    other.types("ho")
    window.ends_with("A voice says: ho", "> g \u6f22ood")
    window.types("\x05!\r")
    other.sees("A voice says: g \u6f22ood!")
    window.ends_with("> g \u6f22ood!", "A voice says: g \u6f22ood!", ">")
    window.types("\x1b[A\x15again\r")
    window.ends_with("A voice says: again", ">")
    window.types("\x1b[A\x1b[A")
    window.ends_with("A voice says: again", "> g \u6f22ood!")
    other.hang_up()


def test_a_password_is_hidden_and_not_recalled(talker: Talker) -> None:
    window = Window(talker.port)
    window.is_ready()
    window.types("password\r")
    window.ends_with("Secret:")
    window.types("s3cret\r")
    window.ends_with("It has 6 letters.", ">")
    window.types("\x1b[A")
    window.ends_with("It has 6 letters.", "> password")
    assert not any("s3cret" in row for row in window.rows)


def test_a_long_line_follows_the_window(talker: Talker) -> None:
    window, other = Window(talker.port), Caller(talker.port)
    window.is_ready()
    window.types("x" * 60)
    window.ends_with("> " + "x" * 38, "x" * 22)
    other.types("hi")
    window.ends_with("Somebody says: hi", "> " + "x" * 38, "x" * 22)
    other.hang_up()


def test_tab_completes_and_lists_what_fits(talker: Talker) -> None:
    """The words are those of the code in force; a password is not completed."""
    window = Window(talker.port)
    window.is_ready()
    window.types("a lan\t")
    window.ends_with("Welcome.", "> a lantern")
    window.types("\t")
    window.ends_with("> a lantern", "lantern  lanterns", "> a lantern")
    reloads = talker.reloads
    talker.edit("app.py", '"lanterns"', '"lanternfish"')
    talker.prints(" Reloaded, generation ", reloads + 1)
    window.types("f\tx\r")
    window.ends_with("> a lanternfish x", "Somebody says: a lanternfish x", ">")
    window.types("password\r")
    window.ends_with("Secret:")
    window.types("la\td\t\r")
    window.ends_with("It has 3 letters.", ">")


def test_the_window_changes_under_a_half_typed_line_and_a_refused_reload(talker: Talker) -> None:
    window, other = Window(talker.port), Caller(talker.port)
    window.is_ready()
    window.types("x" * 45)
    window.ends_with("> " + "x" * 38, "x" * 7)
    window.resizes(60)
    window.ends_with("Welcome.", "> " + "x" * 45)
    other.types("hi")
    window.ends_with("Somebody says: hi", "> " + "x" * 45)
    talker.edit("app.py", "async def receive", "async def receive(:")
    talker.prints("Reload refused")
    window.resizes(30)
    window.ends_with("> " + "x" * 28, "x" * 17)
    window.types("y")
    other.types("ho")
    window.ends_with("Somebody says: ho", "> " + "x" * 28, "x" * 17 + "y")
    window.types("\r")
    other.sees("x" * 45 + "y")
    other.hang_up()
